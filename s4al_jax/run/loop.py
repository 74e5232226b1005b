"""The loop: train, evaluate, look, score, choose, report, ask, remember; and round again.

Each stage leaves a complete file when it is done, and is passed over where its file lies already:
the same command goes on where a run was stopped. A stage that has to be done again computes the
same bits. Several processes take the same stages together, see `runtime.processes`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from s4al_jax.run import annotate, preflight, snapshot, stages
from s4al_jax.run.build import Experiment
from s4al_jax.rundir import directory
from s4al_jax.types import RegionRef


class CycleResult(NamedTuple):
    """What one cycle came to."""

    cycle: int
    metrics: dict
    """as in the cycle's metrics.json: labeled share, regions bought, measures of each network"""
    chosen: list[RegionRef] | None
    """bought after this cycle; None after the last one"""


def run_cycles(
    experiment: Experiment,
    workdir: Path,
    *,
    accept_partial: bool = False,
    resume_from_last_good: bool = False,
) -> Iterator[CycleResult]:
    """Run the experiment in a directory, from wherever it stands, and yield after every cycle.

    Where somebody has to answer first, `AnnotationsPending` is raised, and the same call goes on
    later; with `accept_partial`, as soon as one region is answered. With `resume_from_last_good` a
    step or question that broke the numbers is left out from now on.
    """
    last = experiment.schedule.cycles - 1
    if stages.is_finished(experiment, workdir) and snapshot.is_finished(experiment, workdir):
        preflight.claim_directory(experiment, workdir)
        preflight.check_splits(experiment, workdir)
        for cycle in range(last + 1):
            folder = directory.cycle_folder(workdir, cycle)
            yield CycleResult(cycle, folder.metrics or {}, folder.chosen)
        return
    with stages.open_run(
        experiment,
        workdir,
        accept_partial=accept_partial,
        resume_from_last_good=resume_from_last_good,
    ) as run:
        annotate.record_initial_labels(run)
        if not experiment.initial:
            annotate.annotate_regions(run, stages.select_first_regions(run), cycle=0)
        for cycle in range(experiment.schedule.cycles):
            metrics = stages.train_cycle(run, cycle)
            snapshot.write_views(run, cycle)
            chosen = stages.select_regions(run, cycle) if cycle < last else None
            snapshot.write_report(run, cycle)
            if chosen is None:
                yield CycleResult(cycle, metrics, None)
                return
            # What is bought now is first learned from in the next cycle, and is booked there.
            annotate.annotate_regions(run, chosen, cycle=cycle + 1)
            yield CycleResult(cycle, metrics, chosen)
            if not chosen:
                run.terminal.say("Every region of the pool has been bought: the run ends here.")
                return


def summary(result: CycleResult) -> str:
    """One line on a cycle, for the terminal."""
    metrics = result.metrics
    found = [
        f"{split} mIoU {100 * (measures['miou'] or 0.0):.1f} % ({network})"
        for network, splits in metrics["measures"].items()
        for split, measures in splits.items()
    ]
    head = f"cycle {result.cycle}: {100 * metrics['labeled_share']:.2f} % labeled"
    return ", ".join([head, *found])
