"""Every option is there for a reason: it is read, it can be set, and nonsense in it is refused."""

import importlib.util
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ml_collections import ConfigDict

from s4al_jax.config import defaults
from s4al_jax.run import build
from s4al_jax.streets.dataset import streets
from s4al_jax.types import DatasetSpec, InputError

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.py"))
STUDIES = (None, "supervised", "supervised_initial", *defaults.QUESTIONS)


class Recorder(Mapping):
    """A configuration that remembers which of its leaves were looked at."""

    def __init__(self, config: ConfigDict, seen: set[str], prefix: str = "") -> None:
        self._config, self._seen, self._prefix = config, seen, prefix

    def __getitem__(self, name: str) -> Any:
        value = self._config[name]
        if isinstance(value, ConfigDict):
            return Recorder(value, self._seen, f"{self._prefix}{name}.")
        self._seen.add(self._prefix + name)
        return value

    def __getattr__(self, name: str) -> Any:
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._config)

    def __len__(self) -> int:
        return len(self._config)

    def to_dict(self) -> dict[str, Any]:
        return {name: self[name] for name in self}


def loaded(path: Path, argument: str | None = None) -> ConfigDict:
    spec = importlib.util.spec_from_file_location(f"config_{path.stem}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config(argument)


def test_every_option_is_read_while_building(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def on_disk(
        *, root: str, height: int, width: int, train: int, val: int, test: int, seed: int
    ) -> DatasetSpec:
        return streets(height=height, width=width, train=train, val=val, test=test, seed=seed)

    monkeypatch.setitem(build.DATASETS, "synthetic", on_disk)
    config, seen = tiny(), set()
    monkeypatch.setattr(defaults, "flat", lambda config: {})
    monkeypatch.setattr(defaults, "validate", lambda config: None)
    # What only the other unit of acquisition reads is read by another build.
    for unit in ("cells", "images"):
        config.regions.name = unit
        build.build(Recorder(config, seen))  # type: ignore[arg-type]
    monkeypatch.undo()
    assert set(defaults.flat(config)) - seen == set()


@pytest.mark.parametrize("argument", STUDIES)
@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_and_study_is_valid_and_locked(path: Path, argument: str | None) -> None:
    config = loaded(path, argument)
    defaults.validate(config)
    assert config.is_locked
    kept = json.loads(json.dumps(defaults.flat(config)))
    assert defaults.restored(kept).to_dict() == config.to_dict()
    supervised = argument in ("supervised", "supervised_initial")
    assert config.method.name == ("supervised" if supervised else "s4al")
    assert (config.schedule.acquisitions == 0) == supervised
    assert (config.data.initial_share == 1.0) == (argument == "supervised")
    assert config.acquisition.name == (argument if argument in defaults.QUESTIONS else "entropy")


def test_a_locked_config_refuses_an_unknown_option_and_a_wrong_type() -> None:
    config = defaults.default()
    with pytest.raises(AttributeError, match="lerning_rate"):
        config.optimizer.lerning_rate = 0.1
    with pytest.raises(TypeError):
        config.optimizer.learning_rate = "fast"
    assert config.optimizer.learning_rate == 1e-2


def test_the_defaults_are_those_of_the_paper() -> None:
    config = defaults.default()
    assert (config.data.height, config.data.width) == (360, 480)
    assert config.optimizer.to_dict() == {
        "learning_rate": 1e-2,
        "power": 0.9,
        "floor": 1e-6,
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 5e-4,
    }
    steps = config.schedule
    total = steps.iterations * (steps.acquisitions * steps.epochs + steps.last_epochs)
    assert total == 20_000
    assert config.method.kwargs.ema_decay == 0.99
    assert config.method.kwargs.confidence_threshold == 0.97


def test_an_unknown_study_names_those_there_are() -> None:
    with pytest.raises(InputError, match="'entropie': one of supervised, supervised_initial"):
        defaults.study(defaults.default(), "entropie")


def test_the_fingerprint_changes_with_every_option_but_the_free_ones() -> None:
    leaves = defaults.flat(defaults.default())
    first = defaults.fingerprint(leaves)
    for name in leaves:
        changed = defaults.fingerprint({**leaves, name: "something else"})
        assert (changed == first) == (name in defaults.FREE_OPTIONS), name


def test_differences_name_the_option_and_both_values() -> None:
    before = defaults.flat(defaults.default())
    now = {**before, "seed": 7, "devices": 3}
    assert defaults.differences(before, now) == ["seed: 0 -> 7"]
    assert defaults.differences(before, {**before, "new": 1}) == ["new: (absent) -> 1"]
    assert defaults.differences(before, before) == []


def test_a_config_survives_json_unchanged() -> None:
    import json

    leaves = defaults.flat(defaults.default())
    assert defaults.differences(json.loads(json.dumps(leaves)), leaves) == []


BAD = {
    "schedule__iterations": (0, "config.schedule.iterations is 0: it must be at least 1"),
    "seed": (-1, "config.seed is -1: it must be at least 0"),
    "acquisition__name": ("entropie", "config.acquisition.name is 'entropie': one of random"),
    "acquisition__scope": ("all", "config.budget.scope is 'all': one of image, pool"),
    "acquisition__network": ("both", "config.acquisition.kwargs.network is 'both': one of student"),
    "data__initial_share": (1.5, "config.data.initial_share is 1.5: it must be above 0.0"),
    "evaluate__splits": (("train",), "config.evaluate.splits is .* name val, test"),
    "method__kwargs__replay_capacity": (
        1,
        "config.method.kwargs.replay_capacity 1 is smaller than config.batch.unlabeled 2",
    ),
    "data__name": (
        "voc",
        "config.data.name is 'voc': one of camvid, cityscapes, folder, synthetic",
    ),
    "method__name": ("deal", "config.method.name is 'deal': one of s4al, supervised"),
    "model__backbone__name": (
        "vgg",
        "config.model.backbone.name is 'vgg': one of mobilenet_v2, plain",
    ),
    "annotator__name": ("crowd", "config.annotator.name is 'crowd': one of simulated, folder"),
    "devices": (64, "config.devices is 64, but this host has 8 cpu devices"),
    "batch__labeled": (3, "config.batch.labeled 3 is not divisible by 2 devices"),
    "batch__microbatches": (4, "config.batch.labeled 2 cannot be learned in 4 equal parts on"),
    "regions__kwargs__cell_height": (49, "49"),
    "budget__regions_per_image": (17, "17 in 1 acquisitions is a budget of 17 cells"),
    "score__batch": (-1, "config.score.batch is -1: it must be at least 0"),
    "schedule__steps_per_call": (3, "steps_together is 3, which does not divide the 2 iterations"),
    "schedule__steps_per_call_": (
        2,
        "steps_together is 2, with which a CPU takes many times longer",
    ),
    "method__kwargs__warmup_epochs": (2, "replay_start_epoch is 2"),
    "model__pretrained": ("nowhere.safetensors", "nowhere.safetensors"),
    "optimizer__learning_rate": (-1.0, "learning rate from -1.0"),
    "method__kwargs__ema_decay": (1.5, "ema_decay is 1.5"),
    "method__kwargs__teacher_statistics": ("both", "teacher_statistics is 'both'"),
    "method__kwargs__head": ((11,), "head is"),
    "augment__scale_range": ((1.25, 0.75), "scale_range"),
    "augment__brightness": ((1.25,), "config.augment.brightness is .1.25,.: give a lowest"),
    "augment__crop_width": (-1, "crop_height and crop_width are 0 and -1"),
    "model__compute": ("half", "config.model.compute is 'half': one of float32, bfloat16"),
    "model__loss_bands": (0, "config.model.loss_bands is 0: it must be at least 1"),
    "model__norm_momentum": (1.0, "config.model.norm_momentum is 1.0"),
    "model__head__kwargs__rates": ((1, 0, 3), "the head's rates are .1, 0, 3."),
    "model__head__kwargs__dropout": (1.0, "its dropout 1.0"),
    "model__backbone": (
        ConfigDict({"name": "mobilenet_v2", "kwargs": {"output_stride": 12}}),
        "output_stride is 12",
    ),
    "model__backbone__": (
        ConfigDict({"name": "mobilenet_v2", "kwargs": {"width": 0.0}}),
        "the backbone's width is 0.0",
    ),
}


@pytest.mark.parametrize("option", BAD)
def test_a_bad_value_is_refused_in_one_line_that_names_it(tiny: Any, option: str) -> None:
    value, message = BAD[option]
    config = tiny(**{option.rstrip("_"): value})
    if option == "batch__labeled":
        config.devices = 2
    with pytest.raises(InputError, match=message) as caught:
        build.build(config)
    assert "\n" not in str(caught.value)


def test_a_scoring_batch_of_0_is_left_to_be_found_on_any_number_of_devices(tiny: Any) -> None:
    for devices in (1, 2):
        assert build.build(tiny(score__batch=0, devices=devices)).batch["score"] == 0


def test_a_misspelt_option_of_a_block_names_the_ones_there_are(tiny: Any) -> None:
    config = tiny()
    with config.unlocked():
        config.method.kwargs.warmup_wieght = 1.0
    with pytest.raises(
        InputError, match="method.kwargs.warmup_wieght: no such option; .*warmup_we"
    ):
        build.build(config)


def test_a_block_without_options_says_so(tiny: Any) -> None:
    with pytest.raises(InputError, match="no such option; there are none"):
        build.build(tiny(method__name="supervised"))


@pytest.mark.parametrize("argument", ["photos", "C:/photos", "photos:supervised"])
def test_a_folder_is_named_by_an_option_and_not_after_the_colon(argument: str) -> None:
    with pytest.raises(InputError, match=f"'{argument}'.*with --config.data.root=PATH") as caught:
        loaded(ROOT / "configs/folder.py", argument)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["{}", "[]", '{"options": 3}', "{"])
def test_a_run_s_configuration_that_is_no_more_is_named(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config.json: .*is this the directory of a run\?"):
        defaults.of_run(tmp_path)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match="config.json is not as a run writes it"):
        defaults.of_run(tmp_path)
