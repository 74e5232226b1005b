"""Whether a lock is held is seen from outside, and looking takes it away from nobody."""

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from s4al_jax.rundir.lock_holder import Holder, holder

FLOCK, BYTES = "fcntl.flock(file, fcntl.LOCK_EX)", "fcntl.lockf(file, fcntl.LOCK_EX)"


@contextlib.contextmanager
def another(path: Path, *, takes: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that takes a lock and waits."""
    code = f"import fcntl, sys\nfile = open({str(path)!r}, 'a')\n{takes}\nprint()\ninput()"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stdin
    process.stdout.readline()
    with process:
        yield process
        process.kill()


def test_a_lock_is_held_until_its_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with another(path, takes=FLOCK) as process:
        assert holder(path) == Holder(process.pid, "")
        process.kill()
        process.wait()
        assert holder(path) is None


def test_looking_at_a_lock_does_not_keep_anybody_from_taking_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("a") as file:
        for _ in range(50):
            assert holder(path) is None
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            assert holder(path) == Holder(os.getpid(), "")
            fcntl.flock(file, fcntl.LOCK_UN)


def test_no_file_no_lock_and_another_file_s_lock_are_nobody_s(tmp_path: Path) -> None:
    assert holder(tmp_path / "lock") is None
    (tmp_path / "lock").touch()
    with another(tmp_path / "other", takes=FLOCK):
        assert holder(tmp_path / "lock") is None


def test_a_lock_that_the_kernel_does_not_list_is_another_machine_s(tmp_path: Path) -> None:
    """On a network file system `flock` becomes a lock on bytes, which the server keeps."""
    path = tmp_path / "lock"
    path.write_text('[123, "node7", "4711"]')
    assert holder(path) is None, "what is written down alone is no lock"
    with another(path, takes=BYTES):
        assert holder(path, listed=tmp_path / "none") == Holder(None, "node7")
    path.write_text("not said")
    with another(path, takes=BYTES):
        assert holder(path) == Holder(None, "")


@pytest.mark.parametrize("device", ["{own}", "00:2a"])
def test_a_process_that_waits_for_the_lock_does_not_hold_it(device: str, tmp_path: Path) -> None:
    path, listed = tmp_path / "lock", tmp_path / "locks"
    path.write_text('[1, "here"]')
    status, pid = path.stat(), os.getpid()
    own = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    place = f"{device.format(own=own)}:{status.st_ino} 0 EOF\n"
    listed.write_text(f"1: -> FLOCK ADVISORY WRITE {pid} {place}2: POSIX ADVISORY READ 1 {place}")
    assert holder(path, listed=listed) is None
    listed.write_text(f"1: FLOCK ADVISORY WRITE {pid} {place}")
    with path.open():
        assert holder(path, listed=listed) == Holder(pid, "here")
