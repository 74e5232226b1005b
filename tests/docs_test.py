"""docs/adding.md works as it stands: its examples, written to files, do a whole run."""

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from s4al_jax.acquisition.registry import ACQUISITIONS
from s4al_jax.engine.checkpoint import Checkpoints
from s4al_jax.labels.store import LabelStore
from s4al_jax.models import build as models_build
from s4al_jax.models.network import network_from_module
from s4al_jax.run import build, loop
from s4al_jax.types import (
    UNLABELED,
    Batch,
    Budget,
    InputError,
    PoolState,
    RegionRef,
    ScoringState,
    StepInputs,
)

ROOT = Path(__file__).parents[1]
BLOCKS = dict(
    re.findall(
        r"```python\n# parts/(\w+)\.py\n(.*?)```", (ROOT / "docs/adding.md").read_text(), re.S
    )
)
PARTS = (
    *("stripes", "columns", "plain", "patches", "linear"),
    *("clipped", "averaged", "second_head", "self_training"),
    *("difference", "coverage", "careless"),
)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ModuleType]]:
    """The modules, in a folder from which Python imports, as that in which a command runs."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "parts").mkdir()
    for name, code in BLOCKS.items():
        (folder / "parts" / f"{name}.py").write_text(code)
    sys.path.append(str(folder))
    yield {name: importlib.import_module(f"parts.{name}") for name in BLOCKS}
    sys.path.remove(str(folder))


@pytest.fixture
def config(examples: dict[str, ModuleType], tiny: Callable[..., ConfigDict]) -> ConfigDict:
    """Every axis is an example, named by its module."""

    def part(name: str, function: str = "", **kwargs: object) -> ConfigDict:
        return ConfigDict({"name": f"parts.{name}:{function or name}", "kwargs": kwargs})

    config = tiny(
        data__name="parts.stripes:stripes",
        data__kwargs=ConfigDict({"count": 6}),
        model__backbone=part("plain", "Plain", features=8),
        regions=part("columns"),
        acquisition=part("difference"),
        method=part("averaged", decay=0.5),
        budget__regions_per_image=1,
    )
    config.optimizer.name = "parts.clipped:clipped"
    config.optimizer.kwargs = ConfigDict({"norm": 0.5})
    config.annotator.name = "parts.careless:careless"
    return config


def test_every_axis_has_an_example(examples: dict[str, ModuleType]) -> None:
    assert set(examples) == set(PARTS)


def test_the_examples_do_a_whole_run(config: ConfigDict, tmp_path: Path) -> None:
    built = build.build(config)
    results = list(loop.run_cycles(built, tmp_path / "run"))
    chosen = results[0].chosen or []
    assert len(chosen) == 6 - len(built.initial) == len({region.image for region in chosen})
    store = LabelStore.open(
        tmp_path / "run" / "annotations",
        names=built.spec.train.names,
        height=48,
        width=64,
        num_classes=2,
    )
    image, column = chosen[0]
    labels = store.label_map(image)
    assert np.all(labels[:, column::2] == 0) and np.all(labels[:, 1 - column :: 2] == UNLABELED)
    assert results[1].metrics["labeled_pixels"] == 48 * 64 * len(built.initial) + 48 * 32 * len(
        chosen
    )


def test_the_example_score_is_pooled_by_columns(config: ConfigDict) -> None:
    built = build.build(config)
    state = built.fresh_state(0, np.ones(2, np.int64))
    images = jnp.asarray(np.stack([built.spec.train.read_image(index) for index in range(2)]))
    ids = jnp.asarray(np.stack([built.regions.id_map(index) for index in range(2)]))
    unknown = jnp.full((2, 48, 64), UNLABELED, jnp.uint8)
    batch = Batch(images, unknown, jnp.arange(2), jnp.ones(2, bool), {"regions": ids})
    keys = jax.random.split(state.key, 2)
    found = built.acquisition.summarize(built.method, ScoringState(state), batch, keys)["score"]
    logits = built.method.predict(state.teacher, images).logits
    by_hand = -np.abs(np.asarray(logits[..., 0] - logits[..., 1]))
    for column in (0, 1):
        expected = by_hand[:, :, column::2].mean(axis=(1, 2))
        np.testing.assert_allclose(found[:, column], expected, rtol=1e-4)


def test_the_example_method_averages_what_its_student_learns(config: ConfigDict) -> None:
    built = build.build(config)
    state = built.fresh_state(0, np.ones(2, np.int64))
    label = np.stack([built.spec.train.read_truth(index) for index in range(2)])
    image = np.stack([built.spec.train.read_image(index) for index in range(2)])
    batch = Batch(*map(jnp.asarray, (image, label, np.arange(2), np.ones(2, bool))))
    inputs = StepInputs({"labeled": batch}, jnp.float32(0))
    after, metrics = jax.jit(lambda state: built.method.update(state, inputs, "supervised"))(state)
    assert metrics["loss"] > 0
    before, student, teacher = (
        jax.tree.leaves(tree["params"]) for tree in (state.student, after.student, after.teacher)
    )
    for old, new, average in zip(before, student, teacher, strict=True):
        np.testing.assert_allclose(average, 0.5 * old + 0.5 * new, rtol=1e-4, atol=1e-6)


def test_the_example_of_a_second_head_trains_it_and_needs_it(
    config: ConfigDict, tmp_path: Path
) -> None:
    config.method = ConfigDict({"name": "parts.second_head:second_head", "kwargs": {}})
    with pytest.raises(
        InputError, match="gives no 'sureness', it offers embedding: choose a config.model.head"
    ):
        build.build(config)
    config.model.head = ConfigDict({"name": "parts.linear:Linear", "kwargs": {}})
    built = build.build(config)
    list(loop.run_cycles(built, tmp_path / "run"))
    with Checkpoints(tmp_path / "run" / "checkpoints", keep=1, mesh=built.mesh) as kept:
        after = kept.state(built.state_shapes).student["params"]["sureness"]
    fresh = built.fresh_state(1, np.ones(2, np.int64)).student["params"]["sureness"]
    assert all((fresh[name] != after[name]).any() for name in ("kernel", "bias"))


def test_the_example_of_generations_teaches_a_second_student(
    config: ConfigDict, tmp_path: Path
) -> None:
    config.method = ConfigDict({"name": "parts.self_training:self_training", "kwargs": {}})
    built = build.build(config)
    pool = built.initial_pool()
    assert [stage.name for stage in built.stages(0, pool)] == ["teach", "study"]
    list(loop.run_cycles(built, tmp_path / "run"))
    guesses = np.load(tmp_path / "run/cycles/01/maps/study/guess.npy")
    assert guesses.shape == (6, 48, 64) and set(np.unique(guesses)) <= {0, 1}


def test_a_score_of_a_map_that_the_network_does_not_give_is_refused_when_it_is_built(
    config: ConfigDict, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = build.build(config).acquisition
    monkeypatch.setitem(
        ACQUISITIONS, "hardest", lambda regions: plain._replace(extras=("difficulty",))
    )
    config.acquisition = ConfigDict({"name": "hardest", "kwargs": {}})
    with pytest.raises(InputError, match="gives no 'difficulty'"):
        build.build(config)


def test_the_example_of_vectors_chooses_what_is_farthest_from_labels_and_choices(
    examples: dict[str, ModuleType], config: ConfigDict, tmp_path: Path
) -> None:
    # Two images of three regions on a line: 0 is labeled, 10 and 11 are far, 4 lies in the middle.
    feature = np.array([[[0.0], [1.0], [4.0]], [[10.0], [11.0], [0.5]]])
    labeled = np.zeros((2, 3), bool)
    labeled[0, 0] = True
    pool = PoolState(~labeled, labeled, np.full((2, 3), 5), np.zeros(2, np.int64))
    choose = partial(examples["coverage"].select, {"feature": feature}, pool)
    rng = np.random.default_rng(0)
    # 11 is farthest; then 4 (4 from 0, 7 from 11); then 10, 1 and 0.5 are 1, 1 and 0.5 away.
    assert choose(Budget(None, 10), rng) == [RegionRef(1, 1), RegionRef(0, 2)]
    assert choose(Budget(1, None), rng) == [RegionRef(1, 1), RegionRef(0, 2)]
    assert len(choose(Budget(None, 14), rng)) == 2 and len(choose(Budget(None, 99), rng)) == 5

    config.acquisition = ConfigDict({"name": "parts.coverage:coverage", "kwargs": {}})
    built = build.build(config)
    first, _ = loop.run_cycles(built, tmp_path / "run")
    assert len(first.chosen or []) == 6 - len(built.initial)


def test_the_example_annotator_answers_within_the_mask(config: ConfigDict) -> None:
    built = build.build(config)
    answers = built.task.annotator(Path()).answers([RegionRef(4, 1)], built.regions, 1)
    ((answer,),) = list(answers)
    assert answer.labels.shape == (48, 63) and answer.annotator == "careless"
    assert np.all(answer.labels[:, ::2] == 0) and np.all(answer.labels[:, 1::2] == UNLABELED)


def test_the_example_network_has_no_statistics_and_starts_as_it_says(
    examples: dict[str, ModuleType], config: ConfigDict
) -> None:
    config.model.backbone = ConfigDict({"name": "parts.patches:Patches", "kwargs": {"depth": 1}})
    config.model.head = ConfigDict({"name": "parts.linear:Linear", "kwargs": {"dropout": 0.0}})
    made = build.build(config)
    student = made.fresh_state(0, np.ones(2, np.int64)).student
    assert student.keys() == {"params"} and "sureness" in student["params"]
    assert 0.01 < np.std(student["params"]["backbone"]["blocks_0"]["kernel"]) < 0.03
    images = np.stack([made.spec.train.read_image(index) for index in range(2)])
    assert made.method.predict(student, jnp.asarray(images)).logits.shape == (2, 48, 64, 2)

    names = models_build.weight_names(config.model.to_dict())
    assert names(("backbone", "blocks_0_norm", "scale")) == "blocks.0.norm.weight"
    assert names(("backbone", "blocks_0", "bias")) == "blocks.0.bias"
    assert names(("backbone", "patch_embed", "kernel")) == "patch_embed.weight"
    assert names(("backbone", "pos_embed")) == "pos_embed"

    module = examples["linear"].Linear(examples["patches"].Patches(depth=1), 2)
    network = network_from_module(module, mean=[0.0] * 3, std=[1.0] * 3, image_size=(48, 64))
    asked = network.apply(student, images / 255.0, train=False, extras=("sureness",))[0].extras
    assert asked["sureness"].shape == (2, 3, 4, 1) and np.all(asked["sureness"] > 0)
