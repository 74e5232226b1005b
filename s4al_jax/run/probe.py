"""An interview: any question to a network of a run, without anybody being asked for an answer.

What the run itself would have asked is one of many things that one may want to see: other
questions, other cells, another scope. Each is an experiment of its own that only asks.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from s4al_jax.engine.checkpoint import newest
from s4al_jax.engine.score import scorer
from s4al_jax.input.source import Source
from s4al_jax.labels.export import known_labels, read_answers
from s4al_jax.regions import RegionGrid, cell_sums
from s4al_jax.run.build import Experiment, source
from s4al_jax.run.stages import select_cells
from s4al_jax.types import UNLABELED, InputError, TrainState


class Snapshot(NamedTuple):
    """The newest networks of a run, and the pool as it was known when they learned."""

    cycle: int
    state: TrainState
    known: Callable[[int], np.ndarray]
    """pool image -> uint8 `[height, width]`: what was answered by then, else `UNLABELED`"""
    pool: Source


class Scores(NamedTuple):
    """What a question comes to; arrays are `[images, rows, cols]`, of the whole pool."""

    grid: RegionGrid
    scores: np.ndarray
    """float32; 0 in images of which nothing is left to ask"""
    eligible: np.ndarray
    """bool: cells of which no pixel was known"""
    chosen: np.ndarray
    """bool: what one acquisition would buy"""

    @property
    def open_scores(self) -> np.ndarray:
        """The scores, nan where a cell was known already: what a figure shows."""
        return np.where(self.eligible, self.scores, np.nan)


def snapshot(experiment: Experiment, workdir: Path) -> Snapshot:
    """The networks at a run's newest checkpoint; while a run is stepped, of its last cycle."""
    position, state = newest(workdir / "checkpoints", experiment.state_shapes, mesh=experiment.mesh)
    spec, size = experiment.spec, (experiment.spec.height, experiment.spec.width)
    answers = {
        of_image[0].region.image: [one for one in of_image if one.cycle <= position.cycle]
        for of_image in read_answers(workdir / "annotations", spec)
    }

    def known(image: int) -> np.ndarray:
        return known_labels(answers.get(image, ()), size, size)

    return Snapshot(position.cycle, state, known, source(spec.train, known))


def score_pool(experiment: Experiment, guest: Snapshot) -> Scores:
    """Put an experiment's question to a guest, for all images of the pool; nothing is bought.

    The run's own experiment gives what the run asked itself after that cycle. One that differs in
    `config.acquisition` alone says what it would have asked instead.
    """
    images = range(len(experiment.spec.train.names))
    eligible = np.stack([_untouched(guest.known(image), experiment.grid) for image in images])
    asked = np.flatnonzero(eligible.any(axis=(1, 2)))
    if not len(asked):
        raise InputError(
            "no cell of the pool is wholly unknown: make config.acquisition.cell_height "
            "and .cell_width smaller, or look at an earlier cycle"
        )
    score = scorer(
        experiment.method,
        experiment.acquisition,
        guest.pool,
        experiment.mesh,
        batch=experiment.batch["score"],
    )
    scores = np.zeros(eligible.shape, np.float32)
    scores[asked] = score(guest.state, asked, experiment.cycle_key(guest.cycle))
    lots = np.random.default_rng([experiment.seed, guest.cycle])
    return Scores(
        experiment.grid, scores, eligible, select_cells(experiment, scores, eligible, lots)
    )


def _untouched(known: np.ndarray, grid: RegionGrid) -> np.ndarray:
    return cell_sums(known == UNLABELED, grid) == grid.costs
