"""A run: an experiment in a directory, with everything open and compiled that its stages need."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from s4al_jax.console.terminal import Terminal
from s4al_jax.engine import devices, score, train
from s4al_jax.engine.checkpoint import Checkpoints
from s4al_jax.engine.evaluate import evaluator
from s4al_jax.input.source import Source, open_source
from s4al_jax.labels.annotator import Annotator
from s4al_jax.labels.store import LabelStore
from s4al_jax.run import listeners, preflight, shared_directory
from s4al_jax.run.build import Experiment, shapes_of
from s4al_jax.run.events import Event, Listener, ListenerFailed, Message, RunStarted
from s4al_jax.run.features import keep_features
from s4al_jax.run.skip_list import SkipList, read_skip_list, skip_what_broke
from s4al_jax.rundir.heartbeat import Heartbeat
from s4al_jax.rundir.journal import Journal
from s4al_jax.runtime import processes, signals
from s4al_jax.types import (
    AnnotationsPending,
    DatasetSpec,
    Method,
    ScoringState,
    TrainState,
    Tree,
)


class Trainee(NamedTuple):
    """A learner while it is trained: the task's, or that of an acquisition function."""

    name: str
    """"task" or "acquisition" """
    method: Method
    checkpoints: Checkpoints
    shapes: TrainState
    update_of: Callable[[str], train.Update]


class Run(NamedTuple):
    """An experiment in a directory: what is labeled, what is kept, what is compiled."""

    experiment: Experiment
    workdir: Path
    seen: DatasetSpec
    """the dataset as networks see it: where the backbone is frozen, its features are the images"""
    labels: LabelStore
    pool: Source
    task: Trainee
    learner: Trainee | None
    """of the acquisition function, if it has one"""
    evaluate: Mapping[str, Callable[[Tree], np.ndarray]]
    """split -> (variables -> confusion matrix)"""
    score: Callable[[ScoringState, np.ndarray, jax.Array], Mapping[str, np.ndarray]]
    annotator: Annotator
    accept_partial: bool
    skip_list: SkipList
    listeners: Sequence[Listener]

    def emit(self, event: Event) -> None:
        """Tell all listeners what happened, in their order."""
        for listen in self.listeners:
            try:
                listen(event)
            except ListenerFailed as failure:
                self.emit(Message(str(failure)))


@contextlib.contextmanager
def open_run(
    experiment: Experiment,
    workdir: Path,
    *,
    listeners: Sequence[Listener] = (),
    accept_partial: bool = False,
    resume_from_last_good: bool = False,
) -> Iterator[Run]:
    """Check the data and get everything ready, in a claimed directory; nothing is trained yet.

    Args:
      experiment: what is run.
      workdir: its directory, empty or of a run of the same configuration.
      listeners: hear what happens, after checkpoints, journal and terminal have.
      accept_partial: whether to go on when some of the chosen regions are annotated.
      resume_from_last_good: whether to skip the step or the images that broke the numbers.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(shared_directory.lock_directory(workdir))
        terminal = stack.enter_context(_open_terminal(workdir))
        if resume_from_last_good and (skipped := skip_what_broke(workdir)):
            terminal.print_line(skipped)
        labels = _open_labels(experiment, workdir)
        journal = stack.enter_context(Journal(workdir, enabled=processes.is_primary()))
        show = _listeners(terminal, journal)
        for listen in show:
            listen(RunStarted(experiment.schedule.cycles, experiment.schedule.total_steps))
        spec = preflight.validate_data(experiment, workdir, terminal)
        if experiment.frozen:
            spec = keep_features(
                spec,
                experiment.frozen,
                workdir,
                experiment.mesh,
                batch=experiment.batch["evaluate"],
                terminal=terminal,
            )
        pool, measured = _open_sources(experiment, spec, labels)
        task = stack.enter_context(
            _trainee("task", experiment.method, experiment, pool, workdir / "checkpoints", terminal)
        )
        learner = None
        if experiment.acquisition.learner:
            learner = stack.enter_context(
                _trainee(
                    "acquisition",
                    experiment.acquisition.learner,
                    experiment,
                    pool,
                    workdir / "acquisition_checkpoints",
                    terminal,
                )
            )
        yield Run(
            experiment=experiment,
            workdir=workdir,
            seen=spec,
            labels=labels,
            pool=pool,
            task=task,
            learner=learner,
            evaluate=_evaluators(experiment, measured),
            score=score.scorer(
                experiment.method,
                experiment.acquisition,
                pool,
                experiment.mesh,
                batch=experiment.batch["score"],
            ),
            annotator=experiment.task.annotator(workdir),
            accept_partial=accept_partial,
            skip_list=read_skip_list(workdir),
            listeners=(*_savers(experiment, task, learner), *show, *listeners),
        )


@contextlib.contextmanager
def _open_terminal(workdir: Path) -> Iterator[Terminal]:
    """The terminal, and the heartbeat that tells other terminals the same."""
    first, clean = processes.is_primary(), (AnnotationsPending, signals.Stopped)
    with (
        Heartbeat(workdir, enabled=first, clean_exits=clean) as heartbeat,
        signals.before_exit(heartbeat.close),
        Terminal(enabled=first, listener=heartbeat.update) as terminal,
    ):
        yield terminal


def _listeners(terminal: Terminal, journal: Journal) -> list[Listener]:
    return [listeners.write_journal(journal), listeners.show_progress(terminal)]


def _savers(experiment: Experiment, task: Trainee, learner: Trainee | None) -> list[Listener]:
    return [
        listeners.save_checkpoints(
            one.checkpoints, learner=one.name, every_epochs=experiment.checkpoint_every
        )
        for one in (task, learner)
        if one is not None
    ]


@contextlib.contextmanager
def _trainee(
    name: str,
    method: Method,
    experiment: Experiment,
    pool: Source,
    folder: Path,
    terminal: Terminal,
) -> Iterator[Trainee]:
    with Checkpoints(
        folder, keep=experiment.checkpoint_keep, mesh=experiment.mesh, say=terminal.print_line
    ) as checkpoints:
        yield Trainee(
            name,
            method,
            checkpoints,
            shapes_of(method, len(experiment.spec.classes)),
            train.updates(method, pool, experiment.mesh),
        )


def _open_labels(experiment: Experiment, workdir: Path) -> LabelStore:
    """What is annotated; process 0 mends what a stopped write left before the others read it."""
    spec = experiment.spec
    open_store = partial(
        LabelStore.open,
        workdir / "annotations",
        names=spec.train.names,
        height=spec.height,
        width=spec.width,
        num_classes=len(spec.classes),
        contents=experiment.task.contents,
    )
    repaired: list[LabelStore] = []
    processes.broadcast_from_primary(lambda: repaired.append(open_store()))
    return processes.on_every_process(lambda: repaired[0] if repaired else open_store(repair=False))


def _open_sources(
    experiment: Experiment, spec: DatasetSpec, labels: LabelStore
) -> tuple[Source, dict[str, Source]]:
    """The pool with what is annotated of it, and the splits that are measured on."""
    open_split = partial(
        open_source,
        cache=experiment.cache,
        place=partial(devices.replicate, mesh=experiment.mesh),
        rows=partial(devices.local_rows, mesh=experiment.mesh),
    )
    pool = open_split(spec.train, labels.label_map)
    if experiment.regions.cell_size is None:
        pool.add_maps({"regions": experiment.regions.id_map})
    measured = {"val": spec.val, "test": spec.test}
    return pool, {
        split: open_split(images, images.read_truth) for split, images in measured.items()
    }


def _evaluators(
    experiment: Experiment, measured: Mapping[str, Source]
) -> dict[str, Callable[[Tree], np.ndarray]]:
    return {
        split: evaluator(
            experiment.method,
            measured[split],
            experiment.mesh,
            count=len(getattr(experiment.spec, split).names),
            batch=experiment.batch["evaluate"],
        )
        for split in experiment.evaluated
    }
