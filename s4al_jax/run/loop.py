"""The loop: train, evaluate, score, select, annotate; and round again.

Each stage leaves a complete file when it is done, and is passed over where its file lies already:
the same command goes on where a run was stopped. A stage that has to be done again computes the
same bits. Several processes take the same stages together, see `runtime.processes`.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from s4al_jax.engine.checkpoint import Checkpoints, Position
from s4al_jax.run import annotate, preflight, selection, snapshot, training
from s4al_jax.run import shared_directory as shared
from s4al_jax.run.build import Experiment
from s4al_jax.run.events import CycleEnded, Listener, ListenerFailed, Message
from s4al_jax.run.open import open_run
from s4al_jax.types import RegionRef


class CycleResult(NamedTuple):
    """What one cycle came to."""

    cycle: int
    metrics: dict[str, Any]
    """as in the cycle's metrics.json: labeled share, regions, measures of each network"""
    chosen: list[RegionRef] | None
    """annotated after this cycle; None after the last one"""


def run_cycles(
    experiment: Experiment,
    workdir: Path,
    *,
    listeners: Sequence[Listener] = (),
    accept_partial: bool = False,
    resume_from_last_good: bool = False,
) -> Iterator[CycleResult]:
    """Run an experiment in a directory, from wherever it stands, and yield after every cycle.

    Where somebody has to annotate first, `AnnotationsPending` is raised, and the same call goes on
    later.

    Args:
      experiment: what is run.
      workdir: its directory.
      listeners: hear what happens, see `run.events`.
      accept_partial: whether to go on as soon as one of the chosen regions is annotated.
      resume_from_last_good: whether to skip the step or the images that broke the numbers.
    """
    # Before anything else in the directory is read: it may be of another version.
    preflight.claim_directory(experiment, workdir)
    preflight.check_splits(experiment, workdir)
    last = experiment.schedule.cycles - 1
    if _is_finished(experiment, workdir) and snapshot.is_finished(experiment, workdir):
        yield from _read_cycles(experiment, workdir, listeners)
        return
    with open_run(
        experiment,
        workdir,
        listeners=listeners,
        accept_partial=accept_partial,
        resume_from_last_good=resume_from_last_good,
    ) as run:
        annotate.record_initial_labels(run)
        if not experiment.initial:
            annotate.annotate_regions(run, selection.select_first_regions(run), cycle=0)
        for cycle in range(experiment.schedule.cycles):
            metrics = training.train_cycle(run, cycle)
            snapshot.write_views(run, cycle)
            chosen = None
            if cycle < last:
                training.train_learner(run, cycle)
                chosen = selection.select_regions(run, cycle)
            run.emit(CycleEnded(cycle, workdir, experiment.spec))
            if chosen is None:
                yield CycleResult(cycle, metrics, None)
                return
            # What is annotated now is first learned from in the next cycle, and is booked there.
            annotate.annotate_regions(run, chosen, cycle=cycle + 1)
            yield CycleResult(cycle, metrics, chosen)
            if not chosen:
                run.emit(Message("Every region of the pool is annotated: the run ends here."))
                return


def _is_finished(experiment: Experiment, workdir: Path) -> bool:
    """Whether a directory holds the whole run, so that nothing is left but to read it."""
    last = experiment.schedule.cycles - 1
    status = shared.run_status(workdir, last + 1).cycles
    if any(one.metrics is None for one in status) or any(one.chosen is None for one in status[:-1]):
        return False
    with Checkpoints(
        workdir / "checkpoints", keep=experiment.checkpoint_keep, mesh=experiment.mesh
    ) as checkpoints:
        return checkpoints.position() == Position(last, experiment.schedule.steps_of(last))


def _read_cycles(
    experiment: Experiment, workdir: Path, listeners: Sequence[Listener]
) -> Iterator[CycleResult]:
    """The results of a finished run."""
    last = experiment.schedule.cycles - 1
    for listen in listeners:
        with contextlib.suppress(ListenerFailed):
            listen(CycleEnded(last, workdir, experiment.spec))
    for cycle, status in enumerate(shared.run_status(workdir, last + 1).cycles):
        yield CycleResult(cycle, status.metrics or {}, status.chosen)


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
