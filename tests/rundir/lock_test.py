"""A run's directory is one process's at a time, and whoever is refused hears whose."""

import errno
import fcntl
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from s4al_jax.run.shared_directory import lock_directory
from s4al_jax.types import InputError

HOLD = """
import sys
from pathlib import Path
from s4al_jax.run import shared_directory
with shared_directory.lock_directory(Path(sys.argv[1])):
    print('held', flush=True)
    sys.stdin.read()
"""


def holding(workdir: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock by now."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(workdir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout and process.stdout.readline() == "held\n"
    return process


def take(workdir: Path) -> None:
    with lock_directory(workdir):
        pass


def test_a_second_process_is_refused_until_the_first_is_gone_however_it_went(
    tmp_path: Path,
) -> None:
    with holding(tmp_path) as first:
        here = f"process {first.pid} on {socket.gethostname()}"
        with pytest.raises(InputError, match=f"is in use by {here}: wait for it, or choose"):
            take(tmp_path)
        first.kill()
    # What it wrote is still there, and stops nobody.
    assert json.loads((tmp_path / "lock").read_text())[0] == first.pid
    take(tmp_path)
    assert (tmp_path / "lock").read_text() == ""


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that knows no locks."""

    def refused(*arguments: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_living_holder_is_believed_and_a_dead_one_is_not(tmp_path: Path) -> None:
    with lock_directory(tmp_path):
        with pytest.raises(InputError, match=rf"process {os.getpid()} on .*has no locks: .*remove"):
            take(tmp_path)
    take(tmp_path)
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    (tmp_path / "lock").write_text(json.dumps([gone.pid, socket.gethostname(), "1"]))
    take(tmp_path)
    # The same number, given to another process since.
    (tmp_path / "lock").write_text(json.dumps([os.getpid(), socket.gethostname(), "1"]))
    take(tmp_path)


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_holder_on_another_host_can_only_be_named(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(json.dumps([7, "elsewhere", "1"]))
    with pytest.raises(InputError, match="process 7 on elsewhere, .* gone, remove .*lock"):
        take(tmp_path)
    # Cut short while it was written: nobody has held it yet.
    (tmp_path / "lock").write_text('[7, "elsewh')
    take(tmp_path)
