"""A run's directory for several processes: process 0 reads and writes, all hear of it.

`rundir` knows nothing of processes. A stage reads the status of its cycle once, here; what it wrote
is there when the others go on.
"""

import contextlib
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax

from s4al_jax.files import atomic
from s4al_jax.rundir.directory import (
    CycleFolder,
    CycleStatus,
    RunStatus,
    cycle_folder,
    read_status,
    start_folder,
)
from s4al_jax.rundir.lock import lock
from s4al_jax.runtime import processes
from s4al_jax.types import InputError

__all__ = [
    "check_shared",
    "cycle_folder",
    "cycle_status",
    "lock_directory",
    "start_folder",
    "write",
]


def status(folder: CycleFolder) -> CycleStatus:
    """What is there of a cycle's results, as process 0 sees it."""
    return CycleStatus.from_json(
        processes.broadcast_from_primary(lambda: folder.status().to_json())
    )


def run_status(workdir: Path, cycles: int) -> RunStatus:
    """How far a run of so many cycles is, as process 0 sees it."""
    return RunStatus.from_json(
        processes.broadcast_from_primary(lambda: read_status(workdir, cycles).to_json())
    )


def cycle_status(workdir: Path, cycle: int) -> CycleStatus:
    """What is there of the results of a cycle, counted from 0."""
    return status(cycle_folder(workdir, cycle))


def read_json(path: Path) -> Any:
    """The file's content as process 0 sees it; None where there is no such file."""
    return processes.broadcast_from_primary(lambda: atomic.read_json(path))


def write_json(path: Path, content: object) -> None:
    """Have process 0 write a JSON file."""
    write(lambda: atomic.write_json(path, content))


def write(work: Callable[[], object]) -> None:
    """Have process 0 write something; it is there when this returns, on every process."""
    processes.broadcast_from_primary(lambda: (work(), None)[1])


@contextlib.contextmanager
def lock_directory(workdir: Path) -> Iterator[None]:
    """Keep every other run out of a run's directory; a process that dies lets go of it."""
    with contextlib.ExitStack() as held:
        processes.broadcast_from_primary(lambda: lock(workdir / "lock", held))
        yield


def check_shared(workdir: Path) -> None:
    """Refuse a directory in which another host does not see what process 0 writes."""
    if not processes.is_distributed():
        return
    path = workdir / "processes.json"

    def announce() -> dict:
        meeting = {"processes": jax.process_count(), "meeting": secrets.token_hex(8)}
        atomic.write_json(path, meeting)
        return meeting

    meeting = processes.broadcast_from_primary(announce)

    def look() -> None:
        if not processes.wait_until(lambda: atomic.read_json(path) == meeting):
            raise InputError(
                f"this host does not see in {workdir} what process 0 writes there: put --workdir "
                "on a file system that all hosts share"
            )

    processes.on_every_process(look)
