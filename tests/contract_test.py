"""What every dataset, method and acquisition function promises, whatever it is."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from s4al_jax.acquisition.registry import ACQUISITIONS
from s4al_jax.engine import devices, train
from s4al_jax.engine.checkpoint import Checkpoints, Position
from s4al_jax.engine.relabel import read_maps, store_maps
from s4al_jax.input.source import Source, open_source
from s4al_jax.learn.ema import between_key
from s4al_jax.methods.registry import METHODS
from s4al_jax.regions.grid import region_grid
from s4al_jax.run import build
from s4al_jax.run.task import DATASETS, build_dataset
from s4al_jax.survey.validate import check
from s4al_jax.types import UNLABELED, Batch, Method, Prediction, ScoringState, Stage, TrainState
from tests.support import small_datasets, ways_in
from tests.support.plain_backbone import without_batch_norm

Tiny = Callable[..., ConfigDict]

STREETS = {"dataset": "streets", "image": "photo", "label": "classes", "id": "name"}
STREETS |= {"train": "train[:75%]", "val": "train[75%:]", "test": "eval"}
DATA: dict[str, tuple[Callable[[Path], object], dict[str, object]]] = {
    "camvid": (lambda folder: small_datasets.camvid_folders(folder, count=6), {}),
    "cityscapes": (
        lambda folder: small_datasets.cityscapes_archives(
            small_datasets.cityscapes_folders(folder / "unpacked"), folder
        ),
        {"val": 2},
    ),
    "coco": (lambda folder: ways_in.coco_folder(folder, 8), {"val_share": 0.25}),
    "csv": (lambda folder: ways_in.csv_table(folder, 8), {}),
    "folder": (lambda folder: small_datasets.own_folder(folder, count=8), {"val_share": 0.25}),
    "label_studio": (lambda folder: ways_in.label_studio_export(folder, 8), {"val_share": 0.25}),
    "noise": (lambda folder: None, {"classes": 5}),
    "parquet": (lambda folder: ways_in.parquet_files(folder, 8), {"val_share": 0.25}),
    "streets": (lambda folder: None, {"train": 6, "val": 2, "test": 3, "seed": 0}),
    "tfds": (small_datasets.streets, STREETS),
    "voc": (lambda folder: ways_in.voc_folders(folder, 8), {}),
}
"""Name -> what writes a small one into a folder, and its own options."""


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_passes_the_check_keeps_its_order_and_can_be_learned_from(
    name: str, tiny: Tiny, tmp_path: Path
) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    write, kwargs = DATA[name]
    write(tmp_path)
    config = tiny(data__name=name, data__root=str(tmp_path), data__kwargs=ConfigDict(kwargs))
    made, again = build.build(config), build_dataset(config.data)
    check(made.spec)
    assert len(set(made.spec.classes)) == len(set(made.spec.palette)) == len(made.spec.classes)
    for one, other in zip(made.spec[5:8], again[5:8], strict=True):
        assert one.names == other.names and len(set(one.names)) == len(one.names) > 0
        for index in range(len(one.names)):
            np.testing.assert_array_equal(one.read_image(index), other.read_image(index))
            np.testing.assert_array_equal(one.read_truth(index), other.read_truth(index))
    learns_from_a_batch(made)


def learns_from_a_batch(made: build.Experiment) -> TrainState:
    source = open_source(made.spec.train, made.spec.train.read_truth)
    update_of = train.updates(made.method, source, made.mesh)
    fresh = made.fresh_state(0, np.ones(len(made.spec.classes), np.int64))
    plan = next(made.steps(0, made.initial_pool()))
    state = devices.replicate(fresh, made.mesh)
    inputs = devices.shard(train.fetch([plan], source), made.mesh)
    state, metrics = update_of(plan.stage)(state, inputs)
    assert int(state.step) == 1 and float(metrics["loss"][0]) > 0
    return state


def test_large_images_are_learned_from_in_crops_and_looked_at_whole(
    tiny: Tiny, tmp_path: Path
) -> None:
    write, kwargs = DATA["cityscapes"]
    write(tmp_path)
    config = tiny(
        data__name="cityscapes", data__root=str(tmp_path), data__kwargs=ConfigDict(kwargs)
    )
    config.data.update(height=64, width=128)
    config.augment.update(crop_height=32, crop_width=48)
    made = build.build(config)
    state = learns_from_a_batch(made)
    images = jnp.asarray(made.spec.test.read_image(0))[None]
    assert images.shape == (1, 64, 128, 3)
    assert made.method.predict(state.teacher, images).logits.shape == (1, 64, 128, 19)


def test_a_step_in_bfloat16_keeps_everything_that_lasts_in_float32(tiny: Tiny) -> None:
    state = learns_from_a_batch(build.build(tiny(model__compute="bfloat16")))
    kinds = {leaf.dtype for leaf in jax.tree.leaves((state.student, state.opt_state))}
    # The optimizer counts its steps in whole numbers.
    assert kinds == {jnp.dtype(jnp.float32), jnp.dtype(jnp.int32)}
    exact = learns_from_a_batch(build.build(tiny()))
    far = jax.tree.map(lambda a, b: jnp.max(jnp.abs(a - b)), state.student, exact.student)
    assert 0.0 < max(map(float, jax.tree.leaves(far))) < 0.05


NEEDS: dict[str, dict[str, object]] = {}
"""Method -> the options, as `tiny` takes them, of what it needs beside itself, such as a head."""


def begin(
    made: build.Experiment, stage: Stage, state: TrainState, source: Source, folder: Path
) -> TrainState:
    """The state that a generation begins with; the source gives what is stored of the pool."""
    assert made.method.between is not None

    def store(function: Callable[[TrainState, Batch], Mapping[str, Any]]) -> None:
        store_maps(function, state, source, made.mesh, folder, count=6, batch=2)

    state = made.method.between(between_key(state), state, stage, store)
    source.add_maps(read_maps(folder))
    return devices.replicate(state, made.mesh)


@pytest.mark.parametrize("network", [{}, without_batch_norm()], ids=["usual", "no batch norm"])
@pytest.mark.parametrize("name", METHODS)
def test_a_method_learns_in_each_of_its_stages_and_survives_a_checkpoint(
    name: str, network: dict[str, object], tiny: Tiny, tmp_path: Path
) -> None:
    wanted = network | NEEDS.get(name, {})
    config = tiny(method=ConfigDict({"name": name, "kwargs": {}}), **wanted)
    config.acquisition.kwargs.network = "student"
    made = build.build(config)
    stages = made.stages(1, made.initial_pool())
    generations = {stage.name: stage for stage in stages if stage.new_generation}
    source = open_source(made.spec.train, made.spec.train.read_truth)
    update_of = train.updates(made.method, source, made.mesh)
    fresh = made.fresh_state(0, np.ones(11, np.int64))
    state, first = devices.replicate(fresh, made.mesh), jax.tree.map(np.asarray, fresh.student)
    assert ("batch_stats" in first) == (not network) or name in NEEDS
    shapes, seen = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), state), set()
    for plan in made.steps(1, made.initial_pool()):
        if stage := generations.pop(plan.stage, None):
            state = begin(made, stage, state, source, tmp_path / "maps" / stage.name)
        state, metrics = update_of(plan.stage)(
            state, devices.shard(train.fetch([plan], source), made.mesh)
        )
        seen.add(plan.stage)
        assert np.isfinite([float(value[0]) for value in metrics.values()]).all()
        assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), state) == shapes
    assert seen == {stage.name for stage in stages} and int(state.step) == 8
    assert {"loss", "grad_norm"} <= set(metrics)
    images = jnp.asarray(np.stack([made.spec.test.read_image(index) for index in range(2)]))
    for trained in (getattr(state, field) for field in made.method.networks):
        moved = jax.tree.map(lambda a, b: bool(np.any(a != b)), first["params"], trained["params"])
        assert all(jax.tree.leaves(moved))
        assert made.method.predict(trained, images).logits.shape == (2, 48, 64, 11)
    kept = Checkpoints(tmp_path, keep=1, mesh=made.mesh)
    kept.save(8, Position(1, 8), state)
    again = kept.state(jax.eval_shape(lambda: made.fresh_state(0, np.ones(11, np.int64))))
    for got, put in zip(jax.tree.leaves(again), jax.tree.leaves(state), strict=True):
        np.testing.assert_array_equal(got, put)
    kept.close()


GRID = region_grid(7, 10, 3, 4)


def certain(variables: Any, images: jax.Array, *, extras: tuple[str, ...] = ()) -> Prediction:
    """A network that is quite sure, of a class that changes from pixel to pixel."""
    classes = images[..., 0].astype(jnp.int32) % 5
    logits = 1e4 * jax.nn.one_hot(classes, 5)
    return Prediction(logits, logits, {name: logits[..., 0] for name in extras})


SURE = Method(
    init=lambda key, pixels, previous: None,  # type: ignore[arg-type, return-value]
    update=lambda state, inputs, stage: (state, {}),
    predict=certain,
    networks=("teacher",),
    streams={},
    stages=lambda schedule, cycle, unlabeled: (),
)


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_an_acquisition_gives_each_region_one_finite_score_that_its_key_decides(name: str) -> None:
    acquisition = ACQUISITIONS[name](GRID)
    rng = np.random.default_rng(0)
    images = jnp.asarray(rng.integers(0, 256, (2, 7, 10, 3), np.uint8))
    known = jnp.full((2, 7, 10), UNLABELED, jnp.uint8)
    batch = Batch(images, known, jnp.arange(2), jnp.ones(2, bool))
    states = ScoringState(TrainState(jnp.int32(0), {}, {}, (), jax.random.PRNGKey(0), {}))
    keys = jax.random.split(jax.random.PRNGKey(3), 2)
    first, again = (
        np.asarray(acquisition.summarize(SURE, states, batch, keys)["score"]) for _ in range(2)
    )
    assert first.shape == (2, GRID.max_regions) == (2, 9)
    assert np.isfinite(first).all() and (first >= 0).all()
    np.testing.assert_array_equal(first, again)
    labeled = batch._replace(label=known.at[:].set(0))
    after = acquisition.summarize(SURE, states, labeled, keys)["score"]
    assert np.all(np.asarray(after) == 0)
