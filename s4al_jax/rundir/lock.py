"""A lock on a run directory, which names the process that holds it.

Where the file system has locks, the kernel releases one when its process dies, however it dies.
Where it has none, the content of the file decides: a holder on this host that has died is
recognized, one on another host can only be named.
"""

import contextlib
import fcntl
import json
import os
import socket
from pathlib import Path
from typing import NamedTuple, TextIO

from s4al_jax.files.jsonl import name_errors
from s4al_jax.types import InputError


class Holder(NamedTuple):
    """A process that holds a lock.

    Attributes:
        pid: its number on its host.
        host: the host that it runs on.
        started: when it was started; tells it from a later process with the same number. Empty
            where the system does not say.
    """

    pid: int
    host: str
    started: str


def lock(path: Path, held: contextlib.ExitStack) -> None:
    """Lock a file until `held` is closed; raise `InputError` if another process holds it."""
    with name_errors(path):
        file = held.enter_context(path.open("a+"))
    workdir, holder = path.parent, _read_holder(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(
            f"{workdir} is in use by {_name(holder)}: wait for it, or choose another --workdir"
        ) from error
    except OSError as error:  # a file system without locks
        if holder and not _is_gone(holder):
            raise InputError(
                f"{workdir} is in use by {_name(holder)}, and its file system has no locks: where "
                f"that process is gone, remove {path}"
            ) from error
    with name_errors(path):
        own = Holder(os.getpid(), socket.gethostname(), _start_time(os.getpid()))
        _write(file, json.dumps(own))
    held.callback(_write, file, "")


def _write(file: TextIO, content: str) -> None:
    """Replace the content of a file.

    Not through the file's buffer: closing the file would fail as long as the buffer holds something
    that a full disk does not take.
    """
    os.ftruncate(file.fileno(), 0)
    os.write(file.fileno(), content.encode())


def _read_holder(file: TextIO) -> Holder | None:
    """The holder that the file names; None if it names none, or was not written completely."""
    file.seek(0)
    try:
        pid, host, started = json.loads(file.read())
        return Holder(int(pid), str(host), str(started))
    except (ValueError, TypeError):
        return None


def _name(holder: Holder | None) -> str:
    return f"process {holder.pid} on {holder.host}" if holder else "another process"


def _is_gone(holder: Holder) -> bool:
    """Whether a holder on this host has ended; False for one on another host."""
    if holder.host != socket.gethostname():
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return bool(holder.started) and _start_time(holder.pid) != holder.started


def _start_time(pid: int) -> str:
    """When a process was started, in the kernel's clock ticks since boot."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
