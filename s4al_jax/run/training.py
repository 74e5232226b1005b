"""Training: a cycle's networks, from wherever the run stands, to the end and measured."""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from s4al_jax.engine import devices, train
from s4al_jax.engine.checkpoint import Position
from s4al_jax.engine.evaluate import measures
from s4al_jax.engine.relabel import read_maps, store_maps
from s4al_jax.input.sampler import PoolImages
from s4al_jax.learn.ema import between_key
from s4al_jax.run import shared_directory as shared
from s4al_jax.run.build import Experiment
from s4al_jax.run.events import (
    Activity,
    EpochEnded,
    Evaluated,
    Message,
    TrainingStarted,
)
from s4al_jax.run.open import Run, Trainee
from s4al_jax.run.skip_list import step_not_finite
from s4al_jax.runtime import signals
from s4al_jax.types import (
    InputError,
    Stage,
    TrainState,
)


class Generation(NamedTuple):
    """Steps of a cycle that belong to one training: from `first` to before `end`."""

    stage: Stage
    """the one it begins with"""
    first: int
    end: int


def train_cycle(run: Run, cycle: int) -> dict[str, Any]:
    """Train the cycle's networks to the end, or as far as is left, and return their measures."""
    status = shared.cycle_status(run.workdir, cycle)
    end = Position(cycle, run.experiment.schedule.steps_of(cycle))
    is_trained = run.task.checkpoints.position() == end and status.metrics is not None
    if status.chosen is None and not is_trained:
        _train(run, run.task, cycle)
        status = shared.cycle_status(run.workdir, cycle)
    if status.metrics is None:
        raise InputError(
            f"{shared.cycle_folder(run.workdir, cycle).path}/metrics.json is missing: restore it "
            "from a copy"
        )
    return status.metrics


def train_learner(run: Run, cycle: int) -> None:
    """Train the acquisition function's own learner, if it has one and regions are to be chosen."""
    if run.learner and shared.cycle_status(run.workdir, cycle).chosen is None:
        _train(run, run.learner, cycle)


def _train(run: Run, trainee: Trainee, cycle: int) -> None:
    """Train a learner from wherever it stands to the end of the cycle."""
    experiment, iterations = run.experiment, run.experiment.schedule.iterations
    run.pool.refresh()
    pool = PoolImages(whole=run.labels.fully_labeled, known=run.labels.known_pixels > 0)
    stages = trainee.method.stages(experiment.schedule, cycle, int((~pool.whole).sum()))
    generations = split_generations(stages, iterations)
    if trainee.checkpoints.position() == Position(cycle, generations[-1].end):
        if trainee is not run.task:
            return
    state, start, begun = _start(run, trainee, cycle)
    first = experiment.schedule.first_step(cycle)
    if trainee is run.task:
        # An epoch that had begun writes its rows when it ends.
        kept = (start - 1) // iterations * iterations if begun else start
        run.emit(
            TrainingStarted(
                cycle=cycle,
                epochs=sum(stage.epochs for stage in stages),
                epoch=start // iterations,
                step=first + start,
                last_step=first + generations[-1].end,
                kept_step=first + kept,
            )
        )
    stored: set[str] = set()
    for generation in generations:
        is_over = generation.end < start or (generation.end == start and not begun)
        if generation.stage.new_generation and trainee.method.between is not None:
            folder = shared.cycle_folder(run.workdir, cycle).path / "maps" / generation.stage.name
            if start <= generation.first:
                state = _begin_generation(run, trainee, generation.stage, state, folder)
            maps = read_maps(folder)
            run.pool.add_maps(maps)
            stored |= maps.keys()
        if is_over:
            continue
        for epoch in _epochs(run, trainee, cycle, generation, state, start, begun, pool):
            state = epoch.state
            _end_epoch(run, trainee, cycle, epoch, is_last=epoch.step == generations[-1].end)
        begun = None
    # A run that is started again after the training does not have them either.
    run.pool.remove_maps(stored)


def split_generations(stages: Sequence[Stage], iterations: int) -> list[Generation]:
    """The trainings of a cycle, one after the other; most methods have one."""
    found: list[Generation] = []
    step = 0
    for stage in stages:
        if stage.new_generation or not found:
            found.append(Generation(stage, step, step))
        step += stage.epochs * iterations
        found[-1] = found[-1]._replace(end=step)
    return found


def _begin_generation(
    run: Run, trainee: Trainee, stage: Stage, state: TrainState, folder: Path
) -> TrainState:
    """The state that a generation begins with; what it needs of the pool is in the folder then."""
    experiment, between = run.experiment, trainee.method.between
    assert between is not None
    run.emit(Activity(f"preparing {stage.name}"))
    state = between(
        between_key(state),
        state,
        stage,
        lambda function: store_maps(
            function,
            state,
            run.pool,
            experiment.mesh,
            folder,
            count=len(experiment.spec.train.names),
            batch=experiment.batch["score"] or experiment.batch["evaluate"],
        ),
    )
    return devices.replicate(state, experiment.mesh)


def _epochs(
    run: Run,
    trainee: Trainee,
    cycle: int,
    generation: Generation,
    state: TrainState,
    start: int,
    begun: train.Epoch | None,
    pool: PoolImages,
) -> Iterator[train.Epoch]:
    """Train through a generation; numbers that are none end the run and name their images."""
    experiment = run.experiment
    plans = experiment.steps(cycle, pool, max(start, generation.first), method=trainee.method)
    try:
        yield from train.train_epochs(
            state,
            takewhile(lambda plan: plan.step < generation.end, plans),
            trainee.update_of,
            run.pool,
            experiment.mesh,
            iterations=experiment.schedule.iterations,
            steps_per_call=experiment.schedule.steps_per_call,
            begun=begun,
            skip=run.skip_list.steps_of(cycle) if trainee is run.task else (),
            stop_requested=signals.stop_requested,
        )
    except train.NonFiniteStep as error:
        position, names = trainee.checkpoints.position(), experiment.spec.train.names
        raise step_not_finite(run.workdir, names, cycle, error, position) from error


def _start(run: Run, trainee: Trainee, cycle: int) -> tuple[TrainState, int, train.Epoch | None]:
    """The state to go on from, the steps of the cycle behind it, and the epoch that they began."""
    experiment, checkpoints = run.experiment, trainee.checkpoints
    position = checkpoints.position()
    if position and position.cycle == cycle:
        run.emit(Message(f"cycle {cycle}: going on after step {position.step}"))
        state, kept = checkpoints.state(trainee.shapes), checkpoints.epoch()
        if not kept:
            return state, position.step, None
        begun = train.Epoch(
            state,
            position.step,
            kept["stage"],
            tuple(kept["rows"]),
            seconds=kept["seconds"],
            images=kept["images"],
        )
        return state, position.step, begun
    previous = None
    if position and position.cycle == cycle - 1 and _is_end(run, trainee, position):
        previous = checkpoints.state(trainee.shapes)
    elif cycle and trainee.method.carries_over:
        raise InputError(
            f"{checkpoints.folder} holds no whole state of the end of cycle {cycle - 1}, "
            f"which cycle {cycle} begins with: restore the folder from a copy"
        )
    key, pixels = experiment.cycle_key(cycle), run.labels.class_pixels
    state = trainee.method.init(key, pixels, previous)
    return devices.replicate(state, experiment.mesh), 0, None


def _is_end(run: Run, trainee: Trainee, position: Position) -> bool:
    if trainee is not run.task:
        return True
    return position.step == run.experiment.schedule.steps_of(position.cycle)


def _end_epoch(
    run: Run, trainee: Trainee, cycle: int, epoch: train.Epoch, *, is_last: bool
) -> None:
    experiment = run.experiment
    iterations = experiment.schedule.iterations
    count, is_whole = epoch.step // iterations, epoch.step % iterations == 0
    is_task = trainee is run.task
    due = is_last or count % experiment.evaluate_every == 0
    event = EpochEnded(
        cycle=cycle,
        learner=trainee.name,
        epoch=count,
        number=experiment.schedule.first_step(cycle) + epoch.step,
        result=epoch,
        is_whole=is_whole,
        is_evaluated=is_whole and due and (is_task or is_last),
    )
    run.emit(event)
    if is_task and event.is_evaluated:
        run.emit(Activity("evaluating"))
        _evaluate(run, event, is_last=is_last)
        run.emit(Activity("training"))


def _evaluate(run: Run, event: EpochEnded, *, is_last: bool) -> None:
    """Measure the networks after an epoch; the last one of a cycle gives the cycle's result."""
    experiment, state = run.experiment, event.result.state
    confusions = {
        (network, split): run.evaluate[split](getattr(state, network))
        for network in experiment.method.networks
        for split in experiment.evaluated
    }
    found = {
        names: measures(confusion, experiment.spec.classes)
        for names, confusion in confusions.items()
    }
    run.emit(Evaluated(event.cycle, event.epoch, event.number, found))
    if not is_last:
        return
    metrics = {
        "cycle": event.cycle,
        "epoch": event.epoch,
        "labeled_share": run.labels.share,
        "labeled_pixels": int(run.labels.spent),
        "regions": _annotated_regions(run),
        "class_groups": _class_groups(experiment, state),
        "measures": {
            network: {split: found[network, split] for split in experiment.evaluated}
            for network in experiment.method.networks
        },
    }
    named = {f"{network}_{split}": value for (network, split), value in confusions.items()}
    folder = shared.cycle_folder(run.workdir, event.cycle)
    shared.write(lambda: folder.write_metrics(metrics, named))


def _annotated_regions(run: Run) -> int:
    """Without the images that were labeled from the start."""
    return int(run.labels.annotated_regions - len(run.experiment.initial))


def _class_groups(experiment: Experiment, state: TrainState) -> dict[str, list[int]]:
    groups = experiment.method.class_groups
    if groups is None:
        return {}
    return {name: np.flatnonzero(member).tolist() for name, member in groups(state).items()}
