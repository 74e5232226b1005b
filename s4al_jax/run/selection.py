"""Selection: which regions to annotate next, from the scores of the pool."""

import json
from collections.abc import Mapping

import numpy as np

from s4al_jax.engine.score import NonFiniteScores, images_to_score, over_pool
from s4al_jax.regions.protocol import region_costs
from s4al_jax.run import shared_directory as shared
from s4al_jax.run.build import Experiment
from s4al_jax.run.events import Activity, Message, Selected
from s4al_jax.run.open import Run
from s4al_jax.run.skip_list import scores_not_finite
from s4al_jax.runtime import processes
from s4al_jax.types import PoolState, RegionRef, ScoringState

_FIRST_SELECTION = 2**32
"""In the place of a cycle's number: the random numbers of the selection before the first cycle."""


def select_first_regions(run: Run) -> list[RegionRef]:
    """The regions to annotate when nothing is labeled and no network is trained: at random."""
    folder, experiment = shared.start_folder(run.workdir), run.experiment
    status = shared.status(folder)
    if status.chosen is not None:
        return status.chosen
    pool = _pool_state(run, cycle=None)
    rng = np.random.default_rng([experiment.seed, _FIRST_SELECTION])
    summaries = {"score": rng.random(pool.open.shape, np.float32)}
    chosen = _select(experiment, summaries, pool, rng)
    shared.write(lambda: folder.write_chosen(chosen))
    return chosen


def select_regions(run: Run, cycle: int) -> list[RegionRef]:
    """The regions to annotate after a cycle."""
    folder, experiment = shared.cycle_folder(run.workdir, cycle), run.experiment
    status = shared.status(folder)
    if status.chosen is not None:
        return status.chosen
    pool = _pool_state(run, cycle)
    summaries = folder.read_scores() if status.has_scores else _score(run, cycle, pool)
    run.emit(Activity("choosing regions"))
    rng = np.random.default_rng([experiment.seed, cycle])
    chosen = _select(experiment, summaries, pool, rng)
    processes.assert_equal_across_processes(
        f"what is chosen after cycle {cycle}",
        summaries["score"].tobytes() + json.dumps(chosen).encode(),
        "all hosts need the same versions and the same kind of device",
    )
    shared.write(lambda: folder.write_chosen(chosen))
    run.emit(
        Selected(
            cycle=cycle,
            number=experiment.schedule.first_step(cycle + 1),
            scores=summaries["score"],
            chosen=chosen,
            spec=experiment.spec,
            regions=experiment.regions,
        )
    )
    return chosen


def _select(
    experiment: Experiment,
    summaries: Mapping[str, np.ndarray],
    pool: PoolState,
    rng: np.random.Generator,
) -> list[RegionRef]:
    open_images = np.asarray(pool.open.any(axis=1))
    budget = experiment.task.budget(open_images)
    return experiment.acquisition.select(summaries, pool, budget, rng)


def _pool_state(run: Run, cycle: int | None) -> PoolState:
    """The pool as a selection finds it after a cycle.

    Of images that the run goes on without nothing is summarized: their regions count as neither
    open nor labeled.
    """
    regions, labels = run.experiment.regions, run.labels
    is_open, labeled = labels.open_regions(regions), labels.labeled_regions(regions)
    if cycle is not None:
        skipped = run.skip_list.images_of(cycle)
        is_open[skipped] = labeled[skipped] = False
    return PoolState(
        open=is_open,
        labeled=labeled,
        costs=region_costs(regions, len(is_open)),
        class_pixels=labels.class_pixels,
    )


def _score(run: Run, cycle: int, pool: PoolState) -> dict[str, np.ndarray]:
    """Summaries of the pool by name, `[images, max_regions, ...]`; 0 where an image is left out."""
    experiment, count = run.experiment, len(pool.open)
    skip = run.skip_list.images_of(cycle)
    images = images_to_score(experiment.acquisition, pool.open, skip=skip)
    summaries = {"score": np.zeros(pool.open.shape, np.float32)}
    if len(images):
        run.emit(Activity(f"scoring {len(images)} images"))
        run.emit(Message(f"cycle {cycle}: scoring {len(images)} images"))
        task, learner = run.task, run.learner
        states = ScoringState(
            task.checkpoints.state(task.shapes),
            learner.checkpoints.state(learner.shapes) if learner else None,
        )
        try:
            found = run.score(states, images, experiment.cycle_key(cycle))
        except NonFiniteScores as error:
            raise scores_not_finite(
                run.workdir, experiment.spec.train.names, cycle, error
            ) from error
        summaries = over_pool(found, images, count)
    folder = shared.cycle_folder(run.workdir, cycle)
    shared.write(lambda: folder.write_scores(summaries, pool.open))
    return summaries
