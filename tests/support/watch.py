"""Where a process is, seen from outside even when it is dead: for `tools/torture.py`, no test."""

import functools
import importlib
import mmap
import os
import signal
import struct
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

STAGES: Mapping[str, tuple[str, str]] = {
    "reading images": ("s4al_jax.run.preflight", "validate_data"),
    "opening the ledger": ("s4al_jax.run.open", "_open_labels"),
    "evaluation": ("s4al_jax.run.training", "_evaluate"),
    "scoring": ("s4al_jax.run.selection", "_score"),
    "selection": ("s4al_jax.run.selection", "_select"),
    "annotation": ("s4al_jax.run.annotate", "_annotate"),
    "ledger": ("s4al_jax.labels.store", "LabelStore.record"),
    "checkpoint": ("s4al_jax.engine.checkpoint", "Checkpoints.save"),
    "restoring": ("s4al_jax.engine.checkpoint", "Checkpoints.state"),
    "metrics": ("s4al_jax.rundir.journal", "Journal.write"),
    "views": ("s4al_jax.run.snapshot", "_maps"),
    "report": ("s4al_jax.report.page.write", "write_page"),
    "requests": ("s4al_jax.labels.file_annotator", "write_requests"),
    "answers": ("s4al_jax.labels.file_annotator", "_answer"),
}
"""name -> the function in which the run then is; `step` and `compile` besides, and `start`"""

CALLS = ("fsync", "replace")  # of `os`, which tell no audit hook, or too late
EVENTS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate")
ROOM = 256


class Moment(NamedTuple):
    """When to kill: after some seconds, at the so-manieth mark of all, or of those of one name."""

    said: str
    seconds: float | None = None
    mark: int = 0
    stage: str = ""
    signal: int = signal.SIGKILL


NEVER = Moment("never")


class Watch:
    """Where a process is, seen from outside even when it is dead."""

    def __init__(self) -> None:
        self._shared, self._seen = mmap.mmap(-1, ROOM), dict[str, int]()
        self.stages, self.moment = ["start"], NEVER

    @property
    def found(self) -> tuple[int, str]:
        """How many marks the process has passed, and the last one's name."""
        count, size = struct.unpack_from("QI", self._shared)
        return count, self._shared[16 : 16 + size].decode()

    def clear(self) -> None:
        """Forget the process before."""
        struct.pack_into("QI4x5s", self._shared, 0, 0, 5, b"start")

    def mark(self, name: str) -> None:
        """Note where this process is, and die here if that was asked for."""
        count, text = self.found[0] + 1, name.encode()[: ROOM - 16]
        self._shared[16 : 16 + len(text)] = text
        struct.pack_into("QI", self._shared, 0, count, len(text))
        self._seen[name] = self._seen.get(name, 0) + 1
        own = self.moment.stage == name and self._seen[name] == self.moment.mark
        if own or (not self.moment.stage and count == self.moment.mark):
            os.kill(os.getpid(), signal.SIGKILL)

    def inside(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, as a stage that the process is in while it runs."""

        @functools.wraps(function)
        def watched(*arguments: Any, **named: Any) -> Any:
            self.stages.append(stage)
            self.mark(stage)
            try:
                return function(*arguments, **named)
            finally:
                self.stages.pop()

        return watched

    def before(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, marked before it runs and after, as what the stage does."""

        def watched(*arguments: Any, **named: Any) -> Any:
            self.mark(f"{self.stages[-1]}.{name}")
            result = function(*arguments, **named)
            self.mark(f"{self.stages[-1]}.{name} done")
            return result

        return watched

    def install(self, workdir: Path) -> None:
        """Put the marks into this process, which is to do the run in `workdir`."""
        for stage, (module, path) in STAGES.items():
            *owners, name = path.split(".")
            place = functools.reduce(getattr, owners, importlib.import_module(module))
            setattr(place, name, self.inside(stage, getattr(place, name)))
        for name in CALLS:
            setattr(os, name, self.before(name, getattr(os, name)))
        train: Any = importlib.import_module("s4al_jax.engine.train")
        train.updates = functools.partial(self._updates, train.updates)

        def heard(event: str, arguments: tuple) -> None:
            if event in EVENTS and str(arguments[0]).startswith(str(workdir)):
                writes = event != "open" or (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
                if writes:
                    self.mark(f"{self.stages[-1]}.{event.removeprefix('os.')}")

        sys.addaudithook(heard)

    def _updates(self, updates: Callable[..., Any], *arguments: Any) -> Callable[[str], Any]:
        update_of = updates(*arguments)
        return functools.cache(lambda stage: self._update(update_of(stage)))

    def _update(self, update: Callable[..., Any]) -> Callable[..., Any]:
        stages = iter(["compile"])

        def watched(*arguments: Any) -> Any:
            return self.inside(next(stages, "step"), update)(*arguments)

        return watched
