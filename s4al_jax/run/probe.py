"""Probing: what any acquisition function would choose by the newest networks of a run.

Nothing is annotated and nothing in the run's directory changes. A probe needs an acquisition
function, regions and a budget, which may be others than the run's; the networks stay as they are.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from s4al_jax.data.samples import pool_contents
from s4al_jax.engine.checkpoint import newest
from s4al_jax.engine.score import images_to_score, over_pool, scorer
from s4al_jax.files.fit import fill_padding
from s4al_jax.input.source import Source, open_source
from s4al_jax.labels.export import known_labels, read_answers
from s4al_jax.regions.content import regions_of_content
from s4al_jax.regions.protocol import Regions, region_costs
from s4al_jax.types import (
    UNLABELED,
    VOID,
    Acquisition,
    Budget,
    DatasetSpec,
    InputError,
    Method,
    PoolState,
    RegionRef,
    ScoringState,
    TrainState,
)


class Snapshot(NamedTuple):
    """The newest networks of a run, and what was known of the pool when they were trained."""

    cycle: int
    states: ScoringState
    images: int
    """of the pool"""
    label_map: Callable[[int], np.ndarray]
    """image -> uint8 `[height, width]`: what was annotated by then, else `UNLABELED`"""
    class_pixels: np.ndarray
    """int64 `[classes]`: labeled pixels of each class"""
    contents: np.ndarray | None
    """int64 `[images, 2]`: rows and columns that are no padding; None: all are"""
    source: Source
    """the images with these label maps"""


class Scores(NamedTuple):
    """What an acquisition function makes of the pool; arrays are `[images, max_regions, ...]`."""

    regions: Regions
    summaries: Mapping[str, np.ndarray]
    """by name; 0 in images that it does not look at"""
    open: np.ndarray
    """bool: regions of which no pixel was known"""
    chosen: list[RegionRef]
    """what one acquisition would have annotated"""

    @property
    def score(self) -> np.ndarray:
        """The summary that reports show, nan where a region is not open."""
        return np.where(self.open, self.summaries["score"], np.nan)


def snapshot(
    workdir: Path,
    spec: DatasetSpec,
    shapes: TrainState,
    *,
    mesh: Mesh,
    learner_shapes: TrainState | None = None,
) -> Snapshot:
    """The networks at a run's newest checkpoint; while a run is stepped, of its last cycle.

    Args:
      workdir: the run's directory.
      spec: its dataset.
      shapes: those of its method's state, as `run.build.shapes_of` gives them.
      mesh: the devices that the networks are read to.
      learner_shapes: those of the acquisition function's own learner, if the run trains one.
    """
    position, task = newest(workdir / "checkpoints", shapes, mesh=mesh)
    learner = None
    if learner_shapes is not None:
        folder = workdir / "acquisition_checkpoints"
        trained, learner = newest(folder, learner_shapes, mesh=mesh)
        if trained.cycle != position.cycle:
            raise InputError(
                f"{folder} is from cycle {trained.cycle}, and the networks are from cycle "
                f"{position.cycle}: probe when the run has chosen regions after that cycle"
            )
    size = (spec.height, spec.width)
    answers = {
        of_image[0].region.image: [one for one in of_image if one.cycle <= position.cycle]
        for of_image in read_answers(workdir / "annotations", spec)
    }
    class_pixels = np.zeros(len(spec.classes), np.int64)
    for of_image in answers.values():
        for answer in of_image:
            class_pixels += answer.class_pixels

    contents = pool_contents(spec.train, size, spec.fit)

    def label_map(image: int) -> np.ndarray:
        labels = known_labels(answers.get(image, ()), size, size)
        if contents is not None:
            fill_padding(labels, contents[image], VOID)
        return labels

    return Snapshot(
        cycle=position.cycle,
        states=ScoringState(task, learner),
        images=len(spec.train.names),
        label_map=label_map,
        class_pixels=class_pixels,
        contents=contents,
        source=open_source(spec.train, label_map),
    )


def score_pool(
    acquisition: Acquisition,
    snapshot: Snapshot,
    regions: Regions,
    budget: Callable[[np.ndarray], Budget],
    *,
    method: Method,
    mesh: Mesh,
    seed: int,
    batch: int = 0,
) -> Scores:
    """Scores of the whole pool, and what would be chosen.

    With a run's own acquisition function, regions, budget and seed, this is what the run chose
    after the snapshot's cycle.

    Args:
      acquisition: the acquisition function, made for these regions.
      snapshot: of a run.
      regions: what can be chosen.
      budget: bool `[images]`, which have an open region -> what may be spent.
      method: that of the run.
      mesh: of devices.
      seed: that of the run, for the same random numbers.
      batch: images at a time; 0: as many as fit.
    """
    if acquisition.learner is not None and snapshot.states.learner is None:
        raise InputError(
            "this acquisition function has a learner of its own, which the run has not trained: "
            "probe a run that was trained with it, and give learner_shapes to probe.snapshot"
        )
    regions = regions_of_content(regions, snapshot.contents)
    pool = _pool_state(snapshot, regions)
    images = images_to_score(acquisition, pool.open)
    if not len(images):
        raise InputError(
            "no region of the pool is wholly unlabeled: probe with smaller regions, or look at an "
            "earlier cycle"
        )
    if regions.cell_size is None:
        snapshot.source.add_maps({"regions": regions.id_map})
    score = scorer(method, acquisition, snapshot.source, mesh, batch=batch)
    key = jax.random.fold_in(jax.random.PRNGKey(seed), snapshot.cycle)
    summaries = over_pool(score(snapshot.states, images, key), images, snapshot.images)
    rng = np.random.default_rng([seed, snapshot.cycle])
    chosen = acquisition.select(summaries, pool, budget(np.asarray(pool.open.any(axis=1))), rng)
    return Scores(regions, summaries, pool.open, chosen)


def _pool_state(snapshot: Snapshot, regions: Regions) -> PoolState:
    costs = region_costs(regions, snapshot.images)
    unlabeled = np.zeros(costs.shape, np.int64)
    for image in range(snapshot.images):
        ids = regions.id_map(image)[snapshot.label_map(image) == UNLABELED]
        unlabeled[image] = np.bincount(ids, minlength=regions.max_regions)
    return PoolState(
        open=(costs > 0) & (unlabeled == costs),
        labeled=(costs > 0) & (unlabeled == 0),
        costs=costs,
        class_pixels=snapshot.class_pixels,
    )
