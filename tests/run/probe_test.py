"""A probe repeats what the run chose, and says what it would have chosen otherwise."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.acquisition import functions, select
from s4al_jax.labels.store import LabelStore
from s4al_jax.regions.grid import RegionGrid
from s4al_jax.regions.protocol import Regions, region_costs
from s4al_jax.run import build, loop, probe
from s4al_jax.rundir import directory
from s4al_jax.types import UNLABELED, Acquisition, Budget, InputError
from tests.run.stages_test import made
from tests.support.k_center import k_center
from tests.support.partition import Partition
from tests.support.tiny import tiny_config

GRID = RegionGrid(48, 64, 12, 16)


class Stepped(NamedTuple):
    """A run of networks of one weight, and its networks as they were after each cycle."""

    experiment: build.Experiment
    workdir: Path
    snapshots: list[probe.Snapshot]


@pytest.fixture(scope="module")
def stepped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stepped]:
    workdir = tmp_path_factory.mktemp("probe") / "run"
    built = made(tiny_config(schedule__acquisitions=2))
    snapshots = [snapshot(built, workdir) for _ in loop.run_cycles(built, workdir)]
    yield Stepped(built, workdir, snapshots)


def snapshot(built: build.Experiment, workdir: Path) -> probe.Snapshot:
    return probe.snapshot(workdir, built.spec, built.state_shapes, mesh=built.mesh)


def probe_with(
    stepped: Stepped,
    cycle: int,
    factory: Callable[..., Acquisition] = functions.entropy,
    regions: Regions = GRID,
    budget: Callable[[np.ndarray], Budget] | None = None,
    **changes: Any,
) -> probe.Scores:
    """What would be chosen after a cycle, two regions of each image unless `budget` says more."""
    built = stepped.experiment
    return probe.score_pool(
        factory(regions),
        stepped.snapshots[cycle]._replace(**changes),
        regions,
        budget or (lambda open_images: Budget(2, None)),
        method=built.method,
        mesh=built.mesh,
        seed=built.seed,
        batch=4,
    )


def test_the_run_s_own_acquisition_gives_what_the_run_chose(stepped: Stepped) -> None:
    built = stepped.experiment
    for cycle in (0, 1):
        folder = directory.cycle_folder(stepped.workdir, cycle)
        found = probe.score_pool(
            built.acquisition,
            stepped.snapshots[cycle],
            built.regions,
            built.task.budget,
            method=built.method,
            mesh=built.mesh,
            seed=built.seed,
        )
        assert stepped.snapshots[cycle].cycle == cycle
        np.testing.assert_array_equal(found.summaries["score"], folder.read_scores()["score"])
        np.testing.assert_array_equal(found.open, folder.read_open())
        assert found.chosen == folder.status().chosen and len(found.chosen) == 8


def test_a_snapshot_holds_what_was_known_when_its_networks_were_trained(stepped: Stepped) -> None:
    built = stepped.experiment
    labels = LabelStore.open(
        stepped.workdir / "annotations", names=built.spec.train.names, height=48, width=64,
        num_classes=11,
    )  # fmt: skip
    known = [
        sum(np.count_nonzero(one.label_map(image) != UNLABELED) for image in range(one.images))
        for one in stepped.snapshots
    ]
    # two images of six, then each time two cells of 12 x 16 pixels in the four others
    assert known == [2 * 48 * 64 + cycle * 8 * 12 * 16 for cycle in range(3)]
    for image in range(6):
        last = stepped.snapshots[2].label_map(image)
        np.testing.assert_array_equal(last, labels.label_map(image))
    np.testing.assert_array_equal(stepped.snapshots[2].class_pixels, labels.class_pixels)
    earlier, later = (one.class_pixels.sum() for one in stepped.snapshots[:2])
    assert earlier < later < labels.class_pixels.sum()


def test_other_functions_regions_and_scopes_score_with_the_same_network(stepped: Stepped) -> None:
    own = probe_with(stepped, 0)
    assert own.regions is GRID and len(own.chosen) == 8
    np.testing.assert_array_equal(np.isnan(own.score), ~own.open)
    for factory in (functions.random, functions.least_confidence, functions.margin):
        found = probe_with(stepped, 0, factory)
        assert len(found.chosen) == 8 and found.chosen != own.chosen
        assert not np.array_equal(found.score, own.score, equal_nan=True)
        np.testing.assert_array_equal(found.open, own.open)
    large = probe_with(stepped, 0, regions=RegionGrid(48, 64, 24, 16))
    assert large.score.shape == (6, 8) and len(large.chosen) == 8
    # a large cell's score is the mean of the two small ones that it is made of
    halves = own.score.reshape(6, 2, 2, 4).mean(axis=2).reshape(6, 8)
    np.testing.assert_allclose(large.score, halves, rtol=1e-5)
    budget = partial(select.budget, region_costs(GRID, 6), per_image=2, scope="pool")
    pool = probe_with(stepped, 0, budget=budget)
    np.testing.assert_array_equal(pool.score, own.score)
    best = np.sort(own.score[own.open])[-8:]
    np.testing.assert_array_equal(np.sort([own.score[region] for region in pool.chosen]), best)


def test_regions_that_are_labeled_in_part_are_not_chosen(stepped: Stepped) -> None:
    """Cells of twice the side after an acquisition: none that holds a labeled one is open."""
    large = probe_with(
        stepped, 1, regions=RegionGrid(48, 64, 24, 32), budget=lambda images: Budget(1, None)
    )
    open_cells = probe_with(stepped, 1).open.reshape(6, 2, 2, 2, 2).all(axis=(2, 4)).reshape(6, 4)
    np.testing.assert_array_equal(large.open, open_cells)
    assert large.chosen and all(open_cells[region] for region in large.chosen)
    np.testing.assert_array_equal(np.isnan(large.score), ~open_cells)


def test_irregular_regions_are_scored_as_the_grid_whose_cells_they_are(stepped: Stepped) -> None:
    ids = GRID.id_map(0)
    # The first image has one region only, and is labeled or not as a whole.
    shapes = Partition((np.zeros_like(ids), *[ids] * 5))
    own, found = probe_with(stepped, 1), probe_with(stepped, 1, regions=shapes)
    np.testing.assert_array_equal(found.open[1:], own.open[1:])
    np.testing.assert_allclose(found.score[1:], own.score[1:], rtol=1e-5)
    assert found.open[0].tolist() == [own.open[0].all(), *[False] * 15]
    assert [region for region in found.chosen if region.image] == [
        region for region in own.chosen if region.image
    ]


def test_a_function_on_vectors_finds_its_centers_in_labeled_regions(stepped: Stepped) -> None:
    found = probe_with(stepped, 0, k_center)
    embedding = found.summaries["embedding"]
    assert embedding.shape == (6, 16, 11)
    # Images that are labeled whole are summarized, too.
    whole = sorted(stepped.experiment.initial)
    assert not found.open[whole].any() and (embedding[whole][..., 1:] > 0).all()
    assert np.bincount([r.image for r in found.chosen], minlength=6).tolist() == [
        0 if image in whole else 2 for image in range(6)
    ]


def test_a_run_takes_a_function_on_vectors_from_any_module(tmp_path: Path) -> None:
    """Named in the configuration alone; what it summarizes is kept, and a probe repeats it."""
    built = made(tiny_config(acquisition__name="tests.support.k_center:k_center"))
    cycles = loop.run_cycles(built, tmp_path / "run")
    chosen, kept = next(cycles).chosen, snapshot(built, tmp_path / "run")
    folder = directory.cycle_folder(tmp_path / "run", 0)
    assert folder.read_scores()["embedding"].shape == (6, 16, 11)
    found = probe.score_pool(
        built.acquisition,
        kept,
        built.regions,
        built.task.budget,
        method=built.method,
        mesh=built.mesh,
        seed=built.seed,
        batch=4,
    )
    assert found.chosen == chosen and len(found.chosen) == 8
    for name, values in folder.read_scores().items():
        np.testing.assert_array_equal(found.summaries[name], values)
    assert [result.chosen for result in cycles] == [None]


def test_where_nothing_is_left_or_trained_it_is_said(stepped: Stepped, tmp_path: Path) -> None:
    built = stepped.experiment
    with pytest.raises(InputError, match="nothing has been trained in"):
        snapshot(built, tmp_path)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(InputError, match="holds no checkpoint"):
        snapshot(built, tmp_path)
    whole = np.zeros((48, 64), np.uint8)
    with pytest.raises(InputError, match="no region of the pool is wholly unlabeled"):
        probe_with(stepped, 2, label_map=lambda image: whole)


def test_a_function_with_a_learner_of_its_own_needs_its_state(stepped: Stepped) -> None:
    def learning(regions: Regions) -> Acquisition:
        own = functions.random(regions)

        def summarize(method: Any, states: Any, batch: Any, keys: Any) -> dict[str, Any]:
            found = own.summarize(method, states, batch, keys)
            return {"score": found["score"] * states.learner.student["weight"]}

        return own._replace(summarize=summarize, learner=stepped.experiment.method)

    with pytest.raises(InputError, match="a learner of its own, which the run has not trained"):
        probe_with(stepped, 0, learning)
    states = stepped.snapshots[0].states
    doubled = states.task._replace(student={"weight": jnp.float32(2.0)})
    found = probe_with(stepped, 0, learning, states=states._replace(learner=doubled))
    np.testing.assert_array_equal(found.score, 2 * probe_with(stepped, 0, functions.random).score)
    built = stepped.experiment
    with pytest.raises(InputError, match="acquisition_checkpoints: no such folder"):
        probe.snapshot(
            stepped.workdir,
            built.spec,
            built.state_shapes,
            mesh=built.mesh,
            learner_shapes=built.state_shapes,
        )
