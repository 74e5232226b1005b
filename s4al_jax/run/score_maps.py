"""What was asked for after a cycle, as pictures for TensorBoard."""

from collections.abc import Iterator, Sequence

import numpy as np

from s4al_jax.report.figures.acquisition import acquisition, pixels
from s4al_jax.run.build import Experiment
from s4al_jax.rundir.journal import Journal
from s4al_jax.runtime import processes
from s4al_jax.types import RegionRef

IMAGES = 4
"""How many pool images are shown of a cycle."""


def show_scores(
    journal: Journal,
    experiment: Experiment,
    cycle: int,
    scores: np.ndarray,
    chosen: Sequence[RegionRef],
) -> None:
    """Show them at the last step of the cycle."""
    if processes.is_primary():
        number = experiment.schedule.first_step(cycle + 1)
        for place, picture in enumerate(score_maps(experiment, scores, chosen), 1):
            journal.show(number, f"scores/{place}", picture)


def score_maps(
    experiment: Experiment, scores: np.ndarray, chosen: Sequence[RegionRef]
) -> Iterator[np.ndarray]:
    """The images in which the best chosen cells lie, beside their scores `[images, rows, cols]`.

    Each is uint8 `[height, width, 3]`, the best first.
    """
    grid, pool = experiment.grid, experiment.spec.train
    boxes = [[grid.box(row, col) for col in range(grid.cols)] for row in range(grid.rows)]
    best_first = sorted(chosen, key=lambda region: (-float(scores[region]), region))
    for image in list(dict.fromkeys(region.image for region in best_first))[:IMAGES]:
        mask = np.zeros((grid.rows, grid.cols), bool)
        for region in chosen:
            if region.image == image:
                mask[region.row, region.col] = True
        figure = acquisition(pool.read_image(image), scores[image], boxes, mask)
        figure.suptitle(pool.names[image])
        yield pixels(figure)
