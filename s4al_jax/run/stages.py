"""The stages of a cycle, bound to a run directory: what `loop.run_cycles` calls, in its order."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from s4al_jax.console.terminal import Terminal
from s4al_jax.engine import devices, score, train
from s4al_jax.engine.checkpoint import Checkpoints, Position
from s4al_jax.engine.evaluate import evaluator, measures
from s4al_jax.input.source import Source
from s4al_jax.labels.oracle import Oracle
from s4al_jax.labels.store import LabelStore
from s4al_jax.run import preflight
from s4al_jax.run.build import Experiment, source
from s4al_jax.run.score_maps import show_scores
from s4al_jax.run.skip_list import (
    SkipList,
    read_skip_list,
    scores_not_finite,
    skip_what_broke,
    step_not_finite,
)
from s4al_jax.rundir import directory
from s4al_jax.rundir.journal import Journal
from s4al_jax.runtime import processes, signals
from s4al_jax.types import (
    DatasetSpec,
    InputError,
    Phase,
    RegionRef,
    TrainState,
    Tree,
)

_START = 2**32
"""Where a cycle's number stands elsewhere: the lots of the first question of all."""


class Run(NamedTuple):
    """An experiment in a directory: what has been bought, what is kept, what is compiled."""

    experiment: Experiment
    workdir: Path
    labels: LabelStore
    pool: Source
    checkpoints: Checkpoints
    journal: Journal
    terminal: Terminal
    update: Mapping[Phase, train.Update]
    evaluate: Mapping[str, Callable[[Tree], np.ndarray]]
    """split -> (variables -> confusion matrix)"""
    score: Callable[[TrainState, np.ndarray, jax.Array], np.ndarray]
    oracle: Oracle
    accept_partial: bool
    left_out: SkipList


@contextlib.contextmanager
def open_run(
    experiment: Experiment,
    workdir: Path,
    *,
    accept_partial: bool = False,
    resume_from_last_good: bool = False,
) -> Iterator[Run]:
    """Check the directory and the data, and get everything ready; nothing is trained yet.

    With `accept_partial` the run goes on when somebody has answered only some of what was asked,
    with `resume_from_last_good` without the step or question that broke the numbers.
    """
    preflight.claim_directory(experiment, workdir)
    preflight.check_splits(experiment, workdir)
    with directory.locked(workdir):
        with Terminal(enabled=processes.is_primary()) as terminal:
            done = skip_what_broke(workdir) if resume_from_last_good else ""
            if done:
                terminal.say(done)
            yield from _opened(experiment, workdir, terminal, accept_partial=accept_partial)


def _opened(
    experiment: Experiment, workdir: Path, terminal: Terminal, *, accept_partial: bool
) -> Iterator[Run]:
    spec, mesh = experiment.spec, experiment.mesh
    labels, schedule = _labels(experiment, workdir), experiment.schedule
    with Journal(workdir) as journal:
        terminal.tell(cycles=schedule.cycles, steps=schedule.total_steps)
        pool, measured = _sources(
            experiment, preflight.validate_data(experiment, workdir, terminal), labels
        )
        checkpoints = Checkpoints(
            workdir / "checkpoints", keep=experiment.checkpoint_keep, mesh=mesh, say=terminal.say
        )
        yield Run(
            experiment=experiment,
            workdir=workdir,
            labels=labels,
            pool=pool,
            checkpoints=checkpoints,
            journal=journal,
            terminal=terminal,
            update=train.updates(experiment.method, pool, mesh),
            evaluate={
                split: evaluator(
                    experiment.method,
                    measured[split],
                    mesh,
                    count=len(getattr(spec, split).names),
                    batch=experiment.batch["evaluate"],
                )
                for split in experiment.evaluated
            },
            score=score.scorer(
                experiment.method,
                experiment.acquisition,
                pool,
                mesh,
                batch=experiment.batch["score"],
            ),
            oracle=experiment.oracle(workdir),
            accept_partial=accept_partial,
            left_out=read_skip_list(workdir),
        )
        checkpoints.close()


def _labels(experiment: Experiment, workdir: Path) -> LabelStore:
    """What has been bought; process 0 mends what a stopped write left before the others read it."""
    spec = experiment.spec
    opened = partial(
        LabelStore.open,
        workdir / "annotations",
        names=spec.train.names,
        height=spec.height,
        width=spec.width,
        num_classes=len(spec.classes),
    )
    mended: list[LabelStore] = []
    processes.broadcast_from_primary(lambda: mended.append(opened()))
    return processes.on_every_process(lambda: mended[0] if mended else opened(repair=False))


def _sources(
    experiment: Experiment, spec: DatasetSpec, labels: LabelStore
) -> tuple[Source, dict[str, Source]]:
    """The pool with what has been bought of it, and the splits that are measured on."""
    made = partial(
        source,
        residence=experiment.residence,
        place=partial(devices.replicate, mesh=experiment.mesh),
        rows=partial(devices.local_rows, mesh=experiment.mesh),
    )
    measured = {"val": spec.val, "test": spec.test}
    return made(spec.train, labels.label_map), {
        split: made(images, images.read_truth) for split, images in measured.items()
    }


def select_first_regions(run: Run) -> list[RegionRef]:
    """What to ask for when nothing is known and no network can say: regions drawn by lot."""
    folder, experiment = directory.start_folder(run.workdir), run.experiment
    if folder.chosen is None:
        eligible = run.labels.untouched(experiment.grid)
        lots = np.random.default_rng([experiment.seed, _START])
        scores = lots.random(eligible.shape, np.float32)
        folder.write_chosen(_choice(experiment, scores, eligible, lots))
    return folder.chosen or []


def _choice(
    experiment: Experiment, scores: np.ndarray, eligible: np.ndarray, lots: np.random.Generator
) -> list[RegionRef]:
    cells = np.argwhere(select_cells(experiment, scores, eligible, lots))
    return [RegionRef(*map(int, place)) for place in cells]


def select_cells(
    experiment: Experiment, scores: np.ndarray, eligible: np.ndarray, lots: np.random.Generator
) -> np.ndarray:
    """bool `[images, rows, cols]`: the cells that one acquisition buys, given all scores."""
    allowed = experiment.allowance(int(eligible.any(axis=(1, 2)).sum()))
    return experiment.acquisition.choose(scores, eligible, allowed, lots)


def is_finished(experiment: Experiment, workdir: Path) -> bool:
    """Whether a directory holds the whole run, so that nothing is left but to read it."""
    last = experiment.schedule.cycles - 1
    folders = [directory.cycle_folder(workdir, cycle) for cycle in range(last + 1)]
    if any(f.metrics is None for f in folders) or any(f.chosen is None for f in folders[:-1]):
        return False
    checkpoints = Checkpoints(
        workdir / "checkpoints", keep=experiment.checkpoint_keep, mesh=experiment.mesh
    )
    position = checkpoints.position()
    checkpoints.close()
    return position == Position(last, experiment.schedule.steps_of(last))


def train_cycle(run: Run, cycle: int) -> dict:
    """Train the cycle's networks to the end, or as far as is left, and return their measures."""
    folder = directory.cycle_folder(run.workdir, cycle)
    end = Position(cycle, run.experiment.schedule.steps_of(cycle))
    learned = run.checkpoints.position() == end and folder.metrics is not None
    if folder.chosen is None and not learned:
        try:
            _train(run, cycle)
        except train.NonFiniteStep as error:
            position, names = run.checkpoints.position(), run.experiment.spec.train.names
            raise step_not_finite(run.workdir, names, cycle, error, position) from error
    metrics = folder.metrics
    if metrics is None:
        raise InputError(f"{folder.path}/metrics.json is missing: restore it from a copy")
    return metrics


def select_regions(run: Run, cycle: int) -> list[RegionRef]:
    """The regions to ask for after a cycle."""
    folder, experiment = directory.cycle_folder(run.workdir, cycle), run.experiment
    if folder.chosen is not None:
        return folder.chosen
    scores, eligible = folder.scores or _scores(run, cycle)
    run.terminal.tell(doing="choosing regions")
    lots = np.random.default_rng([experiment.seed, cycle])
    regions = _choice(experiment, scores, eligible, lots)
    processes.assert_equal_across_processes(
        f"what is chosen after cycle {cycle}",
        scores.tobytes() + json.dumps(regions).encode(),
        "all hosts need the same versions and the same kind of device",
    )
    folder.write_chosen(regions)
    show_scores(run.journal, experiment, cycle, scores, regions)
    return regions


def _scores(run: Run, cycle: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores of all pool images (0 where nothing is left to ask), and which cells are left."""
    eligible = run.labels.untouched(run.experiment.grid)
    eligible[run.left_out.images_of(cycle)] = False
    images = np.flatnonzero(eligible.any(axis=(1, 2)))
    scores = np.zeros(eligible.shape, np.float32)
    if len(images):
        run.terminal.tell(doing=f"scoring {len(images)} images")
        run.terminal.say(f"cycle {cycle}: scoring {len(images)} images")
        state = run.checkpoints.state(run.experiment.state_shapes)
        try:
            scores[images] = run.score(state, images, run.experiment.cycle_key(cycle))
        except score.NonFiniteScores as error:
            names = run.experiment.spec.train.names
            raise scores_not_finite(run.workdir, names, cycle, error) from error
    directory.cycle_folder(run.workdir, cycle).write_scores(scores, eligible)
    return scores, eligible


def _train(run: Run, cycle: int) -> None:
    experiment, journal, schedule = run.experiment, run.journal, run.experiment.schedule
    state, start, begun = _start(run, cycle)
    run.pool.refresh()
    first, last = schedule.first_step(cycle), schedule.steps_of(cycle)
    # An epoch that had begun writes its rows when it ends.
    journal.rewind(first + (_epoch_start(start, schedule.iterations) if begun else start))
    tell, epochs = run.terminal.tell, schedule.epochs_of(cycle)
    tell(cycle=cycle, epochs=epochs, epoch=start // schedule.iterations, step=first + start)
    tell(doing="training", cycle_ends=first + last)
    whole = run.labels.fully_labeled
    # Where no image is labeled from edge to edge, those of which something is known must do.
    taught = whole if whole.any() else run.labels.known_pixels > 0
    steps = experiment.steps(cycle, np.flatnonzero(taught), np.flatnonzero(~whole), start)
    for epoch in train.epochs(
        state,
        steps,
        run.update,
        run.pool,
        experiment.mesh,
        iterations=schedule.iterations,
        together=schedule.steps_together,
        begun=begun,
        left_out=run.left_out.steps_of(cycle),
        asked_to_stop=signals.stop_requested,
    ):
        number, count = first + epoch.step, epoch.step // schedule.iterations
        ended = epoch.step % schedule.iterations == 0
        measured = ended and (epoch.step == last or count % experiment.evaluate_every == 0)
        due = measured or not ended or count % experiment.checkpoint_every == 0
        if due or signals.stop_requested():
            # Before it is measured, which may take long.
            tell(doing="saving")
            run.checkpoints.save(number, Position(cycle, epoch.step), epoch.state, _kept(epoch))
            if signals.stop_after_saving():
                raise signals.Stopped(f" after step {epoch.step} of cycle {cycle}, which is saved")
        row = {"cycle": cycle, "epoch": count}
        journal.write(number, {"kind": "train", **row, "phase": epoch.phase.value, **epoch.metrics})
        journal.time(number, epoch.seconds_per_step)
        run.terminal.epoch_over(
            epoch=count,
            phase=epoch.phase.value,
            step=number,
            seconds=epoch.seconds_per_step,
            images=epoch.images,
            metrics=epoch.metrics,
        )
        if measured:
            tell(doing="evaluating")
            _evaluate(run, cycle, epoch, number, row)
        tell(doing="training")


def _epoch_start(step: int, iterations: int) -> int:
    """The first step of the epoch that so many steps end or interrupt."""
    return (step - 1) // iterations * iterations


def _kept(epoch: train.Epoch) -> dict:
    """What a checkpoint says of the epoch that its state ends or interrupts."""
    return {
        "phase": epoch.phase.value,
        "rows": list(epoch.rows),
        "seconds": epoch.seconds,
        "images": epoch.images,
    }


def _start(run: Run, cycle: int) -> tuple[TrainState, int, train.Epoch | None]:
    """The state to go on from, the steps of the cycle behind it, and the epoch that they began."""
    experiment, position = run.experiment, run.checkpoints.position()
    if position and position.cycle == cycle:
        run.terminal.say(f"cycle {cycle}: going on after step {position.step}")
        state, kept = run.checkpoints.state(experiment.state_shapes), run.checkpoints.epoch()
        if not kept:
            return state, position.step, None
        phase, rows = Phase(kept["phase"]), tuple(kept["rows"])
        past = train.Epoch(
            state, position.step, phase, rows, seconds=kept["seconds"], images=kept["images"]
        )
        return state, position.step, past
    before = None
    if position == Position(cycle - 1, experiment.schedule.steps_of(cycle - 1)):
        before = run.checkpoints.state(experiment.state_shapes)
    elif cycle and experiment.method.carries_over:
        raise InputError(
            f"{run.workdir / 'checkpoints'} holds no whole state of the end of cycle {cycle - 1}, "
            f"which cycle {cycle} begins with: restore the folder from a copy"
        )
    state = experiment.method.init(experiment.cycle_key(cycle), run.labels.class_pixels, before)
    return devices.replicate(state, experiment.mesh), 0, None


def _evaluate(
    run: Run, cycle: int, epoch: train.Epoch, number: int, row: Mapping[str, int]
) -> None:
    experiment = run.experiment
    confusions = {
        (network, split): run.evaluate[split](getattr(epoch.state, network))
        for network in experiment.method.networks
        for split in experiment.evaluated
    }
    found = {
        names: measures(confusion, experiment.spec.classes)
        for names, confusion in confusions.items()
    }
    flat = {
        f"{split}/{network}/{name}": value
        for (network, split), values in found.items()
        for name, value in values.items()
    }
    run.journal.write(number, {"kind": "evaluation", **row, **flat})
    head = {
        f"{split} {network}": values["miou"] or 0.0 for (network, split), values in found.items()
    }
    run.terminal.tell(miou=head)
    said = "  ".join(f"{name} {100 * miou:.1f}" for name, miou in head.items())
    if head:
        run.terminal.say(f"cycle {cycle}  epoch {row['epoch']}  mIoU in %: {said}")
    if epoch.step == experiment.schedule.steps_of(cycle):
        directory.cycle_folder(run.workdir, cycle).write_metrics(
            {
                **row,
                "labeled_share": run.labels.share,
                "labeled_pixels": int(run.labels.spent),
                "regions": int(run.labels.regions_bought - len(experiment.initial)),
                "measures": {
                    network: {split: found[network, split] for split in experiment.evaluated}
                    for network in experiment.method.networks
                },
            },
            {f"{network}_{split}": value for (network, split), value in confusions.items()},
        )
