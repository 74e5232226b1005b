"""A lock on a run's directory, which says who holds it.

Where the file system has locks, the kernel takes one back when its process dies, however it dies.
Where it has none, what the file says decides: a holder on this host that is gone is recognized,
one on another host can only be named.
"""

import contextlib
import fcntl
import json
import os
import socket
from pathlib import Path
from typing import NamedTuple, TextIO

from s4al_jax.files.jsonl import named_errors
from s4al_jax.types import InputError


class Holder(NamedTuple):
    """A process that holds a lock: its number, its host, and when it was started there."""

    pid: int
    host: str
    started: str
    """tells it from a later process of the same number; empty where the system does not say"""


def lock(path: Path, held: contextlib.ExitStack) -> None:
    """Lock a file until `held` is closed, or refuse with a line that names who holds it."""
    with named_errors(path):
        file = held.enter_context(path.open("a+"))
    workdir, before = path.parent, _holder(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(
            f"{workdir} is in use by {_named(before)}: wait for it, or choose another --workdir"
        ) from error
    except OSError as error:  # a file system without locks
        if before and not _gone(before):
            raise InputError(
                f"{workdir} is in use by {_named(before)}, and its file system has no locks: where "
                f"that process is gone, remove {path}"
            ) from error
    with named_errors(path):
        _write(file, json.dumps(Holder(os.getpid(), socket.gethostname(), _start(os.getpid()))))
    held.callback(_write, file, "")


def _write(file: TextIO, content: str) -> None:
    """Past the file's buffer: with something in it that a full disk does not take, it could not be
    closed.
    """
    os.ftruncate(file.fileno(), 0)
    os.write(file.fileno(), content.encode())


def _holder(file: TextIO) -> Holder | None:
    """Who has written down that it holds the lock; None where nobody has, or not to the end."""
    file.seek(0)
    try:
        pid, host, started = json.loads(file.read())
        return Holder(int(pid), str(host), str(started))
    except (ValueError, TypeError):
        return None


def _named(holder: Holder | None) -> str:
    return f"process {holder.pid} on {holder.host}" if holder else "another process"


def _gone(holder: Holder) -> bool:
    """Whether a holder on this host is no more; of another host nobody here can tell."""
    if holder.host != socket.gethostname():
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return bool(holder.started) and _start(holder.pid) != holder.started


def _start(pid: int) -> str:
    """When a process was started, in the kernel's ticks since the machine was."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
