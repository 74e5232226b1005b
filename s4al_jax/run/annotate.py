"""Asking: has the regions answered that were chosen, and remembers what was answered.

Process 0 alone asks and records, so that a person who answers at any time tells all processes the
same; the others catch up from the ledger.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from s4al_jax.engine import devices
from s4al_jax.engine.checkpoint import Checkpoints
from s4al_jax.engine.infer import inferrer
from s4al_jax.labels.oracle import Guess
from s4al_jax.regions import whole_image
from s4al_jax.run.budget import planned_budget
from s4al_jax.run.build import source
from s4al_jax.run.stages import Run
from s4al_jax.rundir import directory
from s4al_jax.runtime import processes
from s4al_jax.types import AnnotationsPending, InputError, RegionRef


def record_initial_labels(run: Run) -> None:
    """Remember what is known before anybody is asked: the labels that came with the images."""
    experiment = run.experiment
    whole = whole_image(experiment.spec.height, experiment.spec.width)
    given = [RegionRef(image, 0, 0) for image in experiment.initial]

    def remember() -> None:
        missing = run.labels.missing(given, whole)
        for answers in experiment.given.answers(missing, whole, 0):
            run.labels.record(answers, whole)

    _recorded(run, remember)


def annotate_regions(run: Run, regions: Sequence[RegionRef], *, cycle: int) -> None:
    """Have the regions answered that were not yet, and remember each answer as it comes.

    `cycle` is the one that will learn from them. Raises `AnnotationsPending` when answers are
    missing, unless it was decided to go on with some.
    """
    run.terminal.tell(doing=f"asking for {len(regions)} regions")
    _recorded(run, lambda: _ask(run, regions, cycle))


def _recorded(run: Run, work: Callable[[], None]) -> None:
    """Have process 0 do what changes the ledger, and see on all what it has become."""
    processes.broadcast_from_primary(work)
    recorded = processes.broadcast_from_primary(lambda: run.labels.regions_bought)

    def caught_up() -> bool:
        if run.labels.regions_bought < recorded:
            run.labels.catch_up()
        return run.labels.regions_bought == recorded

    processes.wait_until(caught_up)
    known = [run.labels.known_pixels.tolist(), run.labels.class_pixels.tolist()]
    processes.assert_equal_across_processes(
        "the ledger", known, f"all hosts have to see {run.workdir}/annotations alike"
    )
    _tell_budget(run)


def _tell_budget(run: Run) -> None:
    """Show what has been bought, and what is still to be."""
    bought = int(run.labels.regions_bought) - len(run.experiment.initial)
    planned = sum(one.regions for one in planned_budget(run.experiment))
    run.terminal.tell(share=run.labels.share, bought=bought, to_buy=max(0, planned - bought))


def _ask(run: Run, regions: Sequence[RegionRef], cycle: int) -> None:
    grid, folder = run.experiment.grid, directory.cycle_folder(run.workdir, cycle)
    missing = run.labels.missing(regions, grid)
    if not missing or folder.given_up is not None:
        return
    _record_late_answers(run, cycle)
    missing = run.labels.missing(regions, grid)
    run.oracle.post(regions, grid, cycle, _guess(run) if cycle else None)
    for answers in run.oracle.answers(missing, grid, cycle):
        run.labels.record(answers, grid)
    asked = set(missing)
    _check_unchanged(run, [region for region in regions if region not in asked], cycle)
    left = run.labels.missing(regions, grid)
    if not left:
        return
    if not run.accept_partial or len(left) == len(regions):
        raise AnnotationsPending(run.oracle.reminder(left, grid, cycle))
    run.terminal.say(f"going on without an answer for {len(left)} of {len(regions)} regions")
    folder.write_given_up(left)


def _record_late_answers(run: Run, cycle: int) -> None:
    """Remember what was answered of earlier rounds after it was decided to go on without.

    Between two trainings only: a training goes on with what was known when it began.
    """
    grid = run.experiment.grid
    for earlier in range(cycle):
        folder = directory.cycle_folder(run.workdir, earlier)
        left = run.labels.missing(folder.given_up or [], grid)
        for answers in run.oracle.answers(left, grid, earlier) if left else ():
            run.labels.record(answers, grid)


def _check_unchanged(run: Run, known: Sequence[RegionRef], cycle: int) -> None:
    """Refuse another answer for a region than the one that was recorded."""
    grid = run.experiment.grid
    for answers in run.oracle.answers(known, grid, cycle) if known else ():
        for answer in answers:
            image, row, col = answer.region
            if not run.labels.agrees(answer, grid):
                raise InputError(
                    f"the answer for {run.experiment.spec.train.names[image]}, cell ({row}, {col})"
                    ", is not the one that was recorded, and what was paid for is never changed: "
                    "take it away; all other answers are kept"
                )


def _guess(run: Run) -> Guess:
    """What the network that is asked takes images for, after a cycle; process 0 alone can tell."""
    experiment, folder = run.experiment, run.workdir / "checkpoints"
    mesh = devices.local_mesh(experiment.mesh)

    def guess(images: Sequence[int]) -> Iterator[np.ndarray]:
        with Checkpoints(folder, keep=experiment.checkpoint_keep, mesh=mesh, alone=True) as kept:
            state = kept.state(experiment.state_shapes)
        pool = source(experiment.spec.train, run.labels.label_map, residence="streamed")
        believed = inferrer(experiment.method, pool, mesh, batch=experiment.batch["score"])
        yield from believed(getattr(state, experiment.method.networks[-1]), np.asarray(images))

    return guess
