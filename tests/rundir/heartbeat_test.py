"""A process leaves signs of life in its run directory, and none when it has ended in peace."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from s4al_jax.rundir import heartbeat as heartbeat_module
from s4al_jax.rundir.heartbeat import HEARTBEAT, Heartbeat, read_heartbeat

ROOT = Path(__file__).parents[2]
BEATING = """
import sys, time
from pathlib import Path
from s4al_jax.rundir.heartbeat import Heartbeat
with Heartbeat(Path(sys.argv[1])) as heartbeat:
    heartbeat.update(doing="training", cycle=0, step=4, epoch=2)
    while True: time.sleep(1)
"""


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat_module, "INTERVAL_SECONDS", 0.2)
    monkeypatch.setattr(heartbeat_module, "_MIN_SECONDS", 0.1)


def wait_for_change(workdir: Path) -> None:
    """Wait until the next heartbeat is written."""
    path, deadline = workdir / HEARTBEAT, time.monotonic() + 20
    before = path.stat().st_mtime_ns
    while path.stat().st_mtime_ns == before:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_beats_until_it_is_closed_and_tells_what_it_was_told(tmp_path: Path) -> None:
    with Heartbeat(tmp_path) as heartbeat:
        first = read_heartbeat(tmp_path)
        assert first and (first.pid, first.host) == (os.getpid(), socket.gethostname())
        assert first.doing == "" and first.cycle is first.step is None
        heartbeat.update(doing="training", cycle=1, step=12, seconds_per_step=0.5, epoch=3)
        wait_for_change(tmp_path)
        wait_for_change(tmp_path)
        last = read_heartbeat(tmp_path)
        assert last and last.time > first.time and 0 <= last.age() < 10
        assert (last.doing, last.cycle, last.step, last.seconds_per_step) == (
            *("training", 1, 12, 0.5),
        )
    assert list(tmp_path.iterdir()) == []
    time.sleep(0.3)
    assert list(tmp_path.iterdir()) == [], "nothing is written after the end"
    heartbeat.close()


def test_it_is_not_written_more_often_than_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat_module, "_MIN_SECONDS", 0.4)
    seen = set()
    with Heartbeat(tmp_path) as heartbeat:
        started = time.monotonic()
        while time.monotonic() - started < 1:
            heartbeat.update(doing=f"at {time.monotonic()}")
            seen.add((tmp_path / HEARTBEAT).stat().st_mtime_ns)
        elapsed = time.monotonic() - started
    assert 2 <= len(seen) <= 1 + elapsed / 0.4


def test_of_a_killed_process_the_last_one_stays(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", BEATING, str(tmp_path)], cwd=ROOT)
    deadline = time.monotonic() + 60
    while (beat := read_heartbeat(tmp_path)) is None or not beat.doing:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    beat = read_heartbeat(tmp_path)
    assert beat and (beat.pid, beat.doing, beat.cycle, beat.step) == (
        *(process.pid, "training", 0, 4),
    )
    with Heartbeat(tmp_path):  # the next process replaces it
        beat = read_heartbeat(tmp_path)
        assert beat and beat.pid == os.getpid()
    assert read_heartbeat(tmp_path) is None


def test_an_error_stays_until_the_next_start(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Heartbeat(tmp_path):
        raise ZeroDivisionError
    beat = read_heartbeat(tmp_path)
    assert beat and beat.error == "ZeroDivisionError"
    with Heartbeat(tmp_path):
        beat = read_heartbeat(tmp_path)
        assert beat and beat.error == ""


def test_a_process_that_is_not_the_first_writes_nothing(tmp_path: Path) -> None:
    with Heartbeat(tmp_path, enabled=False) as heartbeat:
        heartbeat.update(doing="training")
        assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_stops_nothing(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with Heartbeat(missing) as heartbeat:
        heartbeat.update(doing="training")
        time.sleep(0.3)
        missing.mkdir()
        deadline = time.monotonic() + 20
        while read_heartbeat(missing) is None:  # the disk is back
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert list(missing.iterdir()) == []
