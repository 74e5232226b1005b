"""The stages of runs that have not begun, as their methods plan them."""

from collections.abc import Callable, Sequence

import jax

from s4al_jax.config.options import from_options
from s4al_jax.paper.sweep import ALONE, Job
from s4al_jax.run.build import build
from s4al_jax.types import InputError


def planned_stages() -> Callable[[Job], Sequence[str] | None]:
    """A function from a run to the stage of each of its epochs, cycle after cycle.

    It gives None where the run cannot be built here, perhaps because its dataset is elsewhere. Each
    run is planned once.
    """
    known: dict[str, Sequence[str] | None] = {}

    def of(wanted: Job) -> Sequence[str] | None:
        if wanted.name not in known:
            known[wanted.name] = _stages(wanted)
        return known[wanted.name]

    return of


def _stages(wanted: Job) -> Sequence[str] | None:
    # The accelerators are left to the runs themselves: this process only plans them.
    jax.config.update("jax_platforms", "cpu")
    try:
        experiment = build(from_options({**wanted.options, **ALONE}))
    except InputError:
        return None
    pool = experiment.initial_pool()
    return [
        stage.name
        for cycle in range(experiment.schedule.cycles)
        for stage in experiment.stages(cycle, pool)
        for _ in range(stage.epochs)
    ]
