"""The sign of life of a running process: `status.json` in its run directory.

The process that holds the directory's lock writes the file every few seconds and removes it when it
ends. So anyone who can read the directory, on any host, sees whether a run is alive and what it
does, without touching the lock. After an error the file stays and says which; after a kill it stays
as it was, and its age says since when nobody works there.
"""

import contextlib
import datetime
import json
import os
import socket
import threading
from pathlib import Path
from typing import Any, NamedTuple

HEARTBEAT = "status.json"

INTERVAL_SECONDS = 5.0
"""How often the file is written where nothing else happens."""

STALE_SECONDS = 120.0
"""After so long without a heartbeat a run counts as dead.

A file system that several hosts share may show a file as it was a minute ago.
"""

_MIN_SECONDS = 2.0
_SHOWN = ("doing", "cycle", "step", "seconds_per_step")


class Beat(NamedTuple):
    """A heartbeat as it was read; None where it was not known when it was written.

    Attributes:
        pid: the number of the process on its host.
        host: the host that it runs on.
        time: when this was written, by the clock of that host.
        doing: what the run was doing, such as "training".
        cycle: the cycle, from 0.
        step: the finished steps of the whole run.
        seconds_per_step: over the last epoch.
        error: the error that ended the process; empty while it runs.
    """

    pid: int
    host: str
    time: datetime.datetime
    doing: str = ""
    cycle: int | None = None
    step: int | None = None
    seconds_per_step: float | None = None
    error: str = ""

    def age(self) -> float:
        """Seconds since it was written, as far as the clocks of the two hosts agree."""
        return (_now() - self.time).total_seconds()


class Heartbeat:
    """Writes the heartbeat of this process for as long as it is open.

    A thread writes, so that neither a long step nor a slow disk delays the other; a disk that does
    not take the file is ignored, because a run does not need it.

    Args:
        workdir: the run directory, whose lock this process holds.
        enabled: False in processes other than the first, which write nothing.
        clean_exits: exceptions that are not failures: they remove the file, too.
    """

    def __init__(
        self,
        workdir: Path,
        *,
        enabled: bool = True,
        clean_exits: tuple[type[BaseException], ...] = (),
    ) -> None:
        self._path = workdir / HEARTBEAT
        self._enabled = enabled
        # Whoever interrupts the process or does not exhaust a generator has not met an error.
        self._clean_exits: tuple[type[BaseException], ...] = (
            *(KeyboardInterrupt, GeneratorExit, SystemExit),
            *clean_exits,
        )
        self._facts: dict[str, Any] = {}
        self._changed, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        if self._enabled:
            self._write()
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: object
    ) -> None:
        failed = kind is not None and not issubclass(kind, self._clean_exits)
        self.close(error=_one_line(error) if failed and error else "")

    def update(self, **facts: Any) -> None:
        """Have the next heartbeat say this; of the facts of a run it says what `Beat` has."""
        shown = {name: facts[name] for name in _SHOWN if name in facts}
        stage_changed = shown.get("doing", self._facts.get("doing")) != self._facts.get("doing")
        self._facts = {**self._facts, **shown}
        if stage_changed:
            self._changed.set()

    def close(self, *, error: str = "") -> None:
        """Stop writing; remove the file, or leave the error in it that ended the process."""
        if not self._enabled or self._closing.is_set():
            return
        self._closing.set()
        self._changed.set()
        self._thread.join()
        if error:
            self._write(error=error)
        else:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._closing.wait(_MIN_SECONDS):
            self._changed.wait(INTERVAL_SECONDS - _MIN_SECONDS)
            self._changed.clear()
            if not self._closing.is_set():
                self._write()

    def _write(self, error: str = "") -> None:
        beat = {"pid": os.getpid(), "host": socket.gethostname(), "time": _now().isoformat()}
        content = {**beat, **self._facts, **({"error": error} if error else {})}
        scratch = self._path.with_name(self._path.name + ".part")
        with contextlib.suppress(OSError):
            # Not synced, unlike everything else in the directory: it is worth nothing later.
            scratch.write_text(json.dumps(content) + "\n")
            os.replace(scratch, self._path)


def read_heartbeat(workdir: Path) -> Beat | None:
    """The last heartbeat in a run directory; None where there is none."""
    try:
        found = json.loads((workdir / HEARTBEAT).read_text())
        time = datetime.datetime.fromisoformat(found.pop("time"))
        beat = Beat(**found, time=time)
        beat.age()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return beat


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
