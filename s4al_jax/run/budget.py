"""What the acquisitions of a run will cost, known before anything is annotated."""

from typing import NamedTuple

import numpy as np

from s4al_jax.regions.protocol import region_costs
from s4al_jax.run.build import Experiment


class CycleBudget(NamedTuple):
    """The most that one acquisition spends; less if images run out of regions before."""

    regions: int
    pixels: int


def planned_budget(experiment: Experiment) -> list[CycleBudget]:
    """One for each acquisition, and one for the first regions where nothing is labeled at first."""
    regions, pool = experiment.regions, len(experiment.spec.train.names)
    is_open = np.ones(pool, bool)
    is_open[list(experiment.initial)] = False
    costs = -np.sort(-region_costs(regions, pool), axis=1)
    found = []
    for _ in range(experiment.schedule.cycles - 1 + (not experiment.initial)):
        budget = experiment.task.budget(is_open)
        if budget.pixels is None:
            best = costs[is_open, : budget.per_image]
            found.append(CycleBudget(int((best > 0).sum()), int(best.sum())))
        else:
            found.append(CycleBudget(budget.pixels // int(costs.max()), budget.pixels))
        if regions.max_regions == 1:
            is_open[np.flatnonzero(is_open)[: found[-1].regions]] = False
    return found
