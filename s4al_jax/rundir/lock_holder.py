"""Who holds the lock of a run's directory, found out without touching it.

Trying to take the lock would do so for a moment, and a run that starts in that moment would be
refused. Linux lists the locks of this machine; those of others on a network file system are asked
for as one asks for a range of bytes, which is how these keep them.
"""

import fcntl
import json
import os
import struct
import sys
from pathlib import Path
from typing import NamedTuple


class Holder(NamedTuple):
    """A process that holds a lock."""

    pid: int | None
    """None on another machine"""
    host: str
    """as the file says it; empty where it does not"""


def holder(path: Path, *, listed: Path = Path("/proc/locks")) -> Holder | None:
    """Who holds the lock on a file; None: nobody, or nobody that can be seen from here.

    `listed` is where the kernel lists its locks.
    """
    try:
        with path.open("rb") as file:
            status, host = os.fstat(file.fileno()), _host(file.read(4096))
            pid = _listed(listed, status)
            if pid is not None:
                return Holder(pid, host)
            return Holder(None, host) if _held_elsewhere(file.fileno()) else None
    except OSError:
        return None


def _host(content: bytes) -> str:
    """The host of `[pid, host, ...]`, which a holder may write into the file."""
    try:
        _, host, *_ = json.loads(content)
        return str(host)
    except (ValueError, TypeError):
        return ""


def _listed(locks: Path, status: os.stat_result) -> int | None:
    """The process that holds a lock on this file, among all locks of this machine."""
    try:
        lines = locks.read_text().splitlines()
    except OSError:
        return None
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    for line in lines:
        words = line.split()
        # 1: FLOCK ADVISORY WRITE 1234 fe:00:5465275 0 EOF; one that waits has an arrow after 1:
        if words[1] != "FLOCK" or words[5].rpartition(":")[2] != str(status.st_ino):
            continue
        pid = int(words[4])
        # Some file systems have other numbers of devices here than a file of theirs says.
        if words[5].startswith(device + ":") or _has_open(pid, status):
            return pid
    return None


def _has_open(pid: int, status: os.stat_result) -> bool:
    try:
        return any(
            os.path.samestat(os.stat(file), status) for file in Path(f"/proc/{pid}/fd").iterdir()
        )
    except OSError:
        return False


def _held_elsewhere(file: int) -> bool:
    """Whether another process has locked the file's bytes, as Linux says it."""
    if sys.platform != "linux":
        return False
    wanted = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        found = fcntl.fcntl(file, fcntl.F_GETLK, wanted)
    except OSError:
        return False
    return struct.unpack_from("h", found)[0] != fcntl.F_UNLCK
