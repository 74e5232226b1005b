"""What the table says of a run is what its directory says, at whatever moment it is read."""

import datetime
import json
import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from s4al_jax.rundir.heartbeat import HEARTBEAT, Heartbeat
from s4al_jax.rundir.records import rows
from s4al_jax.rundir.status import Status, cells, read_status, status_table
from tests.conftest import FinishedRun

ROOT = Path(__file__).parents[2]

Cut = Callable[[int], Path]


@pytest.fixture
def run(straight: FinishedRun, tmp_path: Path) -> Path:
    """A copy of the finished run: 6 steps, 8 answers, 8 steps."""
    return Path(shutil.copytree(straight.workdir, tmp_path / "run"))


@pytest.fixture
def cut(run: Path) -> Cut:
    """Makes it a run that came to a step of its second cycle, with a checkpoint of that step."""

    def made(step: int) -> Path:
        shutil.rmtree(run / "cycles/01")
        for name in ("metrics.jsonl", "timing.jsonl"):
            kept = [row for row in rows(run, name) if row["number"] <= step]
            (run / name).write_text("".join(json.dumps(row) + "\n" for row in kept))
        shutil.rmtree(run / "checkpoints")
        (run / f"checkpoints/{step}").mkdir(parents=True)
        (run / f"checkpoints/{step + 2}.orbax-checkpoint-tmp").mkdir()
        return run

    return made


def asked(run: Path, *answers: str) -> None:
    """Three questions of two images for the second cycle, and files for answers."""
    folder = run / "requests/01"
    (folder / "answers").mkdir(parents=True)
    names = {"a_r00_c00": "a", "a_r00_c01": "a", "b_r00_c00": "b"}
    requests = [{"name": n, "image": i, "image_size": [48, 64]} for n, i in names.items()]
    (folder / "requests.json").write_text(json.dumps({"requests": requests}))
    for answer in answers:
        (folder / "answers" / f"{answer}.png").touch()


def beat(run: Path, seconds_ago: float, **facts: object) -> datetime.datetime:
    """A heartbeat of a process on another host, and when it was written."""
    written = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds_ago)
    content = {"pid": 12, "host": "node7", "time": written.isoformat(), **facts}
    (run / HEARTBEAT).write_text(json.dumps(content))
    return written


def state(run: Path) -> tuple[str, str]:
    found = read_status(run)
    return found.state, found.detail


def test_a_finished_run_says_how_it_ended(run: Path, straight: FinishedRun) -> None:
    miou = straight.results[1].metrics["measures"]["teacher"]["test"]["miou"]
    assert not (run / HEARTBEAT).exists()
    assert read_status(run) == Status(
        name="run",
        state="finished",
        detail="",
        cycle=1,
        cycles=2,
        step=14,
        steps=14,
        seconds_per_step=None,
        # Two images of six, then two cells of 12 x 16 of each of the other four.
        labeled_share=pytest.approx((2 * 48 * 64 + 8 * 12 * 16) / (6 * 48 * 64)),  # type: ignore[arg-type]
        miou=("test", pytest.approx(miou)),  # type: ignore[arg-type]
    )


def test_a_stopped_run_says_where_it_goes_on(cut: Cut) -> None:
    found = read_status(cut(10))
    assert (found.state, found.detail) == ("stopped", "goes on after step 10")
    assert (found.cycle, found.step, found.seconds_per_step) == (1, 10, None)


def test_a_run_that_has_only_begun_is_read_too(run: Path) -> None:
    for path in run.iterdir():
        if path.name not in ("config.json", "run.json"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    found = read_status(run)
    assert (found.state, found.detail) == ("stopped", "goes on from the start")
    assert (found.cycle, found.step, found.labeled_share, found.miou) == (0, 0, None, None)
    assert cells(found) == (
        "run",
        "stopped: goes on from the start",
        *("0 (2 in all)", "0 of 14", "", "", "", ""),
    )


def test_a_run_that_is_running_says_what_it_does_how_fast_and_how_long(cut: Cut) -> None:
    run = cut(10)
    with Heartbeat(run) as heartbeat:
        assert state(run) == ("running", f"process {os.getpid()} on {socket.gethostname()}")
        heartbeat.update(doing="training", cycle=1, step=12, seconds_per_step=0.5, share=0.25)
        deadline = time.monotonic() + 10
        while "training" not in (run / HEARTBEAT).read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        found = read_status(run)
    assert found.state == "running"
    assert found.detail == f"training, process {os.getpid()} on {socket.gethostname()}"
    # Two steps further than the journal, whose last row is that of the last epoch.
    assert cells(found)[2:6] == ("1 (2 in all)", "12 of 14", "2.00 steps/s", "1 s")
    assert state(run) == ("stopped", "goes on after step 10"), "its process has ended"


def test_a_run_on_another_host_says_so(cut: Cut) -> None:
    run = cut(10)
    beat(run, 3, doing="scoring 4 images")
    assert state(run) == ("running", "scoring 4 images, process 12 on node7")
    beat(run, 42)
    assert state(run) == ("running", "process 12 on node7, last heartbeat 42 s ago")
    beat(run, -30)  # its clock is ahead of ours
    assert state(run) == ("running", "process 12 on node7")


def test_a_run_whose_process_vanished_is_stale_and_says_since_when(cut: Cut) -> None:
    run = cut(10)
    written = beat(run, 500, doing="training", seconds_per_step=0.5)
    since = f"{written.astimezone():%Y-%m-%d %H:%M:%S}"
    assert state(run) == (
        "stale",
        f"no heartbeat since {since} of process 12 on node7, goes on after step 10",
    )
    assert read_status(run).seconds_per_step is None


def test_a_run_that_failed_says_why(cut: Cut) -> None:
    run = cut(10)
    with pytest.raises(OSError), Heartbeat(run):
        raise OSError("the disk\nis full")
    assert state(run) == ("failed", "the disk is full")


def test_a_run_that_was_stopped_did_not_fail(cut: Cut) -> None:
    run = cut(10)
    for clean in (KeyboardInterrupt, LookupError):
        with pytest.raises(clean), Heartbeat(run, clean_exits=(LookupError,)):
            raise clean
        assert state(run) == ("stopped", "goes on after step 10")


def test_a_damaged_heartbeat_counts_as_none(cut: Cut) -> None:
    run = cut(10)
    for content in ("", "[]", "{}", '{"time": 3}', '{"pid": 1, "host": "a", "time": "2026-01-01"}'):
        (run / HEARTBEAT).write_text(content)
        assert state(run) == ("stopped", "goes on after step 10")


def test_reading_changes_nothing(cut: Cut) -> None:
    run = cut(10)
    beat(run, 3)
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    for _ in range(3):
        read_status(run)
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_a_run_that_waits_says_for_how_many_answers(cut: Cut) -> None:
    run = cut(6)
    asked(run, "b_r00_c00", "of_no_question")
    assert state(run) == ("waiting for answers", "1 of 3 are there")
    (run / "requests/01/answers/a.png").touch()  # one file for all questions of an image
    assert state(run) == ("stopped", "goes on with all 3 answers")


def test_a_run_that_went_on_without_all_answers_does_not_wait(cut: Cut) -> None:
    run = cut(10)
    asked(run)
    assert state(run) == ("stopped", "goes on after step 10")


def test_a_run_whose_numbers_broke_says_where(cut: Cut) -> None:
    run = cut(10)
    (run / "nonfinite.json").write_text('{"cycle": 1, "step": 5}')
    beat(run, 3, error="the loss is not a number")
    assert state(run) == ("failed", "not a number in cycle 1, step 5")


def test_a_pool_that_ran_dry_is_finished(cut: Cut) -> None:
    run = cut(6)
    (run / "cycles/00/chosen.json").write_text("[]")
    beat(run, 500)  # killed after its last cycle
    assert state(run) == ("finished", "")


def test_what_is_no_run_is_named_and_the_others_are_shown(run: Path, tmp_path: Path) -> None:
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged/config.json").write_text('{"options": {"schedule.epochs": 3}}')
    (tmp_path / "damaged/run.json").write_text('{"version": 1}')
    table, errors = status_table([tmp_path, run, tmp_path / "damaged"])
    assert list(table.columns[0].cells) == ["run"]
    assert "config.json: No such file" in errors[0] and "is not as a run writes it" in errors[1]
    assert len(errors) == 2
    assert status_table([tmp_path])[0].row_count == 0
