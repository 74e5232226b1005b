"""Every option is there for a reason: it is read, it can be set, and nonsense in it is refused."""

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ml_collections import ConfigDict

from s4al_jax.acquisition.registry import ACQUISITIONS
from s4al_jax.config import defaults, loader, names, options
from s4al_jax.config.validate import validate
from s4al_jax.learn.registry import OPTIMIZERS
from s4al_jax.methods.registry import METHODS
from s4al_jax.methods.s4al_options import DEFAULTS, Options
from s4al_jax.models.build import BACKBONES
from s4al_jax.regions.registry import REGIONS
from s4al_jax.run import build
from s4al_jax.run.task import ANNOTATORS, DATASETS
from s4al_jax.types import InputError

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.py"))
STUDIES = (None, *names.SUPERVISED, *ACQUISITIONS)


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


class Recorded(dict):
    """Options by dotted name that remember which of them were asked for."""

    def __init__(self, values: Mapping[str, Any], seen: set[str]) -> None:
        super().__init__(values)
        self._seen = seen

    def __getitem__(self, name: str) -> Any:
        self._seen.add(name)
        return super().__getitem__(name)


def test_every_option_is_read_while_building(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config, seen = tiny(), set()
    leaves = options.flat(config)
    flat = SimpleNamespace(flat=lambda config: Recorded(leaves, seen))
    monkeypatch.setattr(build, "options", flat)
    for check in ("_check_types", "validate"):
        monkeypatch.setattr(build, check, lambda given: None)
    # What only whole images read is read by another build, as is what only an answer reads.
    for regions in (config.regions, ConfigDict({"name": "image", "kwargs": {}})):
        config.regions = regions
        made = build.build(Recorder(config, seen))  # type: ignore[arg-type]
        made.task.annotator(tmp_path)
    monkeypatch.undo()
    assert set(options.flat(tiny())) - seen == set()


@pytest.mark.parametrize("argument", STUDIES)
@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_and_study_is_valid_and_locked(path: Path, argument: str | None) -> None:
    config = loader.load(path, argument or "")
    validate(config)
    assert config.is_locked
    kept = json.loads(json.dumps(options.flat(config)))
    assert options.from_options(kept).to_dict() == config.to_dict()
    supervised = argument in names.SUPERVISED
    assert config.method.name == ("supervised" if supervised else "s4al")
    assert (config.schedule.acquisitions == 0) == supervised
    assert (config.data.initial_share == 1.0) == (argument == "supervised")
    assert config.acquisition.name == (argument if argument in ACQUISITIONS else "entropy")


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
        "name": "sgd",
        "kwargs": {"momentum": 0.9, "nesterov": True, "weight_decay": 5e-4},
        "learning_rate": 1e-2,
        "power": 0.9,
        "floor": 1e-6,
        "backbone_factor": 1.0,
        "layer_decay": 1.0,
    }
    steps = config.schedule
    total = steps.iterations * (steps.acquisitions * steps.epochs + steps.last_epochs)
    assert total == 20_000
    assert config.method.kwargs.ema_decay == 0.99
    assert config.method.kwargs.confidence_threshold == 0.97


def test_the_defaults_of_s4al_and_its_optimizer_are_their_own() -> None:
    config = defaults.default()
    assert Options(**config.method.kwargs) == DEFAULTS
    assert list(config.method.kwargs) and set(config.method.kwargs) == set(Options._fields)
    own = inspect.signature(OPTIMIZERS[config.optimizer.name]).parameters
    assert config.optimizer.kwargs.to_dict() == {name: one.default for name, one in own.items()}


@pytest.mark.parametrize("argument", ["/photos", "photos/mine", "a study", "entropy,random"])
def test_what_cannot_be_the_name_of_a_study_is_said(argument: str) -> None:
    with pytest.raises(InputError, match=f"unknown study {argument!r}: supervised, supervised_in"):
        defaults.study(defaults.default(), argument)
    with pytest.raises(InputError, match="acquisition function; give the folder as root$"):
        defaults.study(defaults.default(), argument, data="give the folder as root")


def test_an_unknown_study_names_those_there_are(tiny: Any) -> None:
    config = tiny()
    assert defaults.study(config, "entropie").acquisition.name == "entropie"
    with pytest.raises(InputError, match=f"acquisition.name is 'entropie': {one_of(ACQUISITIONS)}"):
        build.build(config)


def test_a_study_may_be_of_a_function_of_somebody_else() -> None:
    config = defaults.study(defaults.default(), "somebodys.functions:score")
    assert config.acquisition.name == "somebodys.functions:score" and config.method.name == "s4al"


def one_of(names: Iterable[str]) -> str:
    return "one of " + ", ".join(names)


BAD = {
    "schedule__iterations": (0, "config.schedule.iterations is 0: it must be at least 1"),
    "seed": (-1, "config.seed is -1: it must be at least 0"),
    "acquisition__name": (
        "entropie",
        f"config.acquisition.name is 'entropie': {one_of(ACQUISITIONS)}",
    ),
    "acquisition__name_": ("no.where:score", "config.acquisition.name is 'no.where:score', which"),
    "budget__scope": ("all", "config.budget.scope is 'all': one of image, pool"),
    "acquisition__kwargs__network": (
        "both",
        "config.acquisition.kwargs.network is 'both', but the method only trains student, teacher",
    ),
    "data__initial_share": (1.5, "config.data.initial_share is 1.5: it must be above 0.0"),
    "evaluate__splits": (("train",), "config.evaluate.splits is .* name val, test"),
    "method__kwargs__replay_capacity": (
        1,
        "the replay buffer of 1 images is smaller than its batch of 2: make room for one batch",
    ),
    "data__name": (
        "photos",
        f"config.data.name is 'photos': {one_of(DATASETS)}",
    ),
    "method__name": ("magic", f"config.method.name is 'magic': {one_of(METHODS)}"),
    "model__backbone__name": (
        "vgg",
        f"config.model.backbone.name is 'vgg': {one_of(BACKBONES)}",
    ),
    "annotator__name": ("crowd", f"config.annotator.name is 'crowd': {one_of(ANNOTATORS)}"),
    "devices": (64, "config.devices is 64, but this host has 8 cpu devices"),
    "batch__labeled": (3, "config.batch.labeled 3 is not divisible by 2 devices"),
    "batch__microbatches": (4, "config.batch.labeled 2 cannot be learned in 4 equal parts on"),
    "regions__kwargs__cell_height": (49, "49"),
    "budget__regions_per_image": (17, "17 in 1 acquisitions is a budget of 17 regions"),
    "score__batch": (-1, "config.score.batch is -1: it must be at least 0"),
    "schedule__steps_per_call": (3, "steps_per_call is 3, which does not divide the 2 iterations"),
    "schedule__steps_per_call_": (
        2,
        "steps_per_call is 2, with which a CPU takes many times longer",
    ),
    "method__kwargs__warmup_epochs": (2, "replay_start_epoch is 2"),
    "model__pretrained": ("nowhere.safetensors", "nowhere.safetensors"),
    "regions__name": ("hexagons", f"config.regions.name is 'hexagons': {one_of(REGIONS)}"),
    "optimizer__name": ("lion", f"config.optimizer.name is 'lion': {one_of(OPTIMIZERS)}"),
    "optimizer__learning_rate": (-1.0, "learning rate from -1.0"),
    "optimizer__kwargs__momentum": (1.0, "momentum is 1.0"),
    "optimizer__backbone_factor": (-0.1, "backbone_factor is -0.1"),
    "optimizer__layer_decay": (1.5, "layer_decay is 1.5: give a number above 0 and up to 1"),
    "optimizer__layer_decay_": (0.9, "backbone.name is 'plain', which does not say how deep its"),
    "method__kwargs__partial_share": (1.5, "partial_share is 1.5"),
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
    block = ConfigDict({"name": "image", "kwargs": {"cell_height": 12}})
    with pytest.raises(InputError, match="config.regions.kwargs.cell_height: no such option; "):
        build.build(tiny(regions=block))


def test_what_is_left_of_the_default_part_does_not_stand_in_the_way_of_another(tiny: Any) -> None:
    config = defaults.default()
    config.method.name = "supervised"
    made = build.build(tiny(method=config.method))
    assert made.method.networks == ("student",)
