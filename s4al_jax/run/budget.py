"""What the rounds of questions will cost, told before anything is asked."""

from typing import NamedTuple

import numpy as np

from s4al_jax.run.build import Experiment


class CycleBudget(NamedTuple):
    """The most that one round buys; less if images run out of regions before."""

    regions: int
    pixels: int


def planned_budget(experiment: Experiment) -> list[CycleBudget]:
    """One for each acquisition; where nothing is known at the start, one more before the first."""
    grid, found = experiment.grid, []
    open_images = len(experiment.spec.train.names) - len(experiment.initial)
    for _ in range(experiment.schedule.cycles - 1 + (not experiment.initial)):
        allowed = experiment.allowance(open_images)
        each = np.sort(allowed.costs.ravel())[::-1]
        if allowed.pixels is None:
            count = open_images * (allowed.per_image or 0)
            found.append(CycleBudget(count, open_images * int(each[: allowed.per_image].sum())))
        else:
            found.append(CycleBudget(allowed.pixels // int(each[0]), allowed.pixels))
        if grid.rows * grid.cols == 1:
            open_images -= found[-1].regions
    return found
