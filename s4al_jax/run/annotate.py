"""Annotation: has the chosen regions answered, and records the answers.

Process 0 alone asks and records, so that an answer that comes at any time is the same for all
processes; the others catch up from the ledger.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from s4al_jax.engine import devices
from s4al_jax.engine.checkpoint import Checkpoints
from s4al_jax.engine.infer import inferrer
from s4al_jax.input.source import open_source
from s4al_jax.labels.annotator import Guess
from s4al_jax.regions.content import regions_of_content
from s4al_jax.regions.grid import whole_image
from s4al_jax.run import shared_directory as shared
from s4al_jax.run.budget import planned_budget
from s4al_jax.run.events import Activity, BudgetSpent, Message
from s4al_jax.run.open import Run
from s4al_jax.runtime import processes
from s4al_jax.types import AnnotationsPending, InputError, RegionRef


def record_initial_labels(run: Run) -> None:
    """Record what is labeled before anybody is asked: the labels that came with the images."""
    experiment = run.experiment
    image = whole_image(experiment.spec.height, experiment.spec.width)
    whole = regions_of_content(image, experiment.task.contents)
    given = [RegionRef(image, 0) for image in experiment.initial]

    def record() -> None:
        missing = run.labels.missing(given, whole)
        for answers in experiment.task.initial_annotator.answers(missing, whole, 0):
            run.labels.record(answers, whole)

    _record(run, record)


def annotate_regions(run: Run, regions: Sequence[RegionRef], *, cycle: int) -> None:
    """Have the regions answered that were not yet, and record each answer as it comes.

    `cycle` is the one that will learn from them. Raises `AnnotationsPending` when answers are
    missing, unless the run goes on with some.
    """
    run.emit(Activity(f"asking for {len(regions)} regions"))
    _record(run, lambda: _annotate(run, regions, cycle))


def _record(run: Run, work: Callable[[], None]) -> None:
    """Have process 0 do what changes the ledger, and see on all what it has become."""
    processes.broadcast_from_primary(work)
    recorded = processes.broadcast_from_primary(lambda: run.labels.annotated_regions)

    def is_caught_up() -> bool:
        if run.labels.annotated_regions < recorded:
            run.labels.catch_up()
        return run.labels.annotated_regions == recorded

    # A file system that hosts share may show them an appended line late.
    processes.wait_until(is_caught_up)
    known = [run.labels.known_pixels.tolist(), run.labels.class_pixels.tolist()]
    processes.assert_equal_across_processes(
        "the ledger", known, f"all hosts have to see {run.workdir}/annotations alike"
    )
    annotated = int(run.labels.annotated_regions) - len(run.experiment.initial)
    planned = sum(cycle.regions for cycle in planned_budget(run.experiment))
    run.emit(BudgetSpent(run.labels.share, annotated, max(0, planned - annotated)))


def _annotate(run: Run, chosen: Sequence[RegionRef], cycle: int) -> None:
    regions, folder = run.experiment.regions, shared.cycle_folder(run.workdir, cycle)
    missing = run.labels.missing(chosen, regions)
    if not missing or folder.status().given_up is not None:
        return
    _record_late_answers(run, cycle)
    missing = run.labels.missing(chosen, regions)
    run.annotator.post(chosen, regions, cycle, _guess(run) if cycle else None)
    for answers in run.annotator.answers(missing, regions, cycle):
        run.labels.record(answers, regions)
    asked = set(missing)
    _check_unchanged(run, [region for region in chosen if region not in asked], cycle)
    left = run.labels.missing(chosen, regions)
    if not left:
        return
    if not run.accept_partial or len(left) == len(chosen):
        raise AnnotationsPending(run.annotator.reminder(left, regions, cycle))
    run.emit(Message(f"going on without an answer for {len(left)} of {len(chosen)} regions"))
    folder.write_given_up(left)


def _record_late_answers(run: Run, cycle: int) -> None:
    """Record what was answered of earlier cycles after the run went on without.

    Between two trainings only: a training goes on with what was known when it began.
    """
    regions = run.experiment.regions
    for earlier in range(cycle):
        given_up = shared.cycle_folder(run.workdir, earlier).status().given_up
        left = run.labels.missing(given_up or [], regions)
        for answers in run.annotator.answers(left, regions, earlier) if left else ():
            run.labels.record(answers, regions)


def _check_unchanged(run: Run, known: Sequence[RegionRef], cycle: int) -> None:
    """Refuse another answer for a region than the one that was recorded."""
    regions = run.experiment.regions
    for answers in run.annotator.answers(known, regions, cycle) if known else ():
        for answer in answers:
            if not run.labels.agrees(answer, regions):
                name = run.experiment.spec.train.names[answer.region.image]
                raise InputError(
                    f"the answer for {name}, {regions.title(answer.region)}, is not the one that "
                    "was recorded, and what was paid for is never changed: take it away; all other "
                    "answers are kept"
                )


def _guess(run: Run) -> Guess:
    """What the preferred network predicts for images, after a cycle; process 0 alone can tell."""
    experiment, folder = run.experiment, run.workdir / "checkpoints"
    mesh = devices.local_mesh(experiment.mesh)

    def guess(images: Sequence[int]) -> Iterator[np.ndarray]:
        with Checkpoints(folder, keep=experiment.checkpoint_keep, mesh=mesh, alone=True) as kept:
            state = kept.state(experiment.state_shapes)
        pool = open_source(run.seen.train, run.labels.label_map, cache="none")
        infer = inferrer(experiment.method, pool, mesh, batch=experiment.batch["score"])
        yield from infer(getattr(state, experiment.method.networks[-1]), np.asarray(images))

    return guess
