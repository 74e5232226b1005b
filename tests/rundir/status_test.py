"""What the table says of a run is what its directory says, at whatever moment it is read."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from s4al_jax.rundir.records import rows
from s4al_jax.rundir.status import Status, cells, status, table
from tests.conftest import Command, FinishedRun
from tests.support.screen_reader import Glass, Pseudo

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


def test_a_finished_run_says_how_it_ended(run: Path, straight: FinishedRun) -> None:
    miou = straight.results[1].metrics["measures"]["teacher"]["test"]["miou"]
    assert status(run) == Status(
        name="run",
        state="finished",
        cycle=1,
        cycles=2,
        step=14,
        steps=14,
        seconds=None,
        # Two images of six, then two cells of 12 x 16 of each of the other four.
        share=pytest.approx((2 * 48 * 64 + 8 * 12 * 16) / (6 * 48 * 64)),  # type: ignore[arg-type]
        miou=("test", pytest.approx(miou)),  # type: ignore[arg-type]
    )


def test_a_stopped_run_says_where_it_goes_on(cut: Cut) -> None:
    found = status(cut(10))
    assert (found.state, found.cycle, found.step) == ("stopped, goes on after step 10", 1, 10)
    assert found.seconds is None


def test_a_run_that_has_only_begun_is_read_too(run: Path) -> None:
    for path in run.iterdir():
        if path.name != "config.json":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    found = status(run)
    assert found.state == "stopped, goes on from the start"
    assert (found.cycle, found.step, found.share, found.miou) == (0, 0, None, None)
    assert cells(found) == ("run", found.state, "0 (2 in all)", "0 of 14", "", "", "", "")


def test_a_run_that_is_running_says_how_fast_and_how_long(cut: Cut) -> None:
    run = cut(10)
    with (run / "timing.jsonl").open("a") as file:
        file.write('{"number":10,"seconds_per_step":0.5}\n{"number":12,"sec')
    with (run / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = status(run)
    assert found.state == f"running here, process {os.getpid()}"
    assert cells(found)[2:6] == ("1 (2 in all)", "10 of 14", "2.00 steps/s", "2 s")
    assert status(run).state.startswith("stopped"), "the lock alone decides"


def test_a_run_that_waits_says_for_how_many_answers(cut: Cut) -> None:
    run = cut(6)
    asked(run, "b_r00_c00", "of_no_question")
    assert status(run).state == "waiting for answers, 1 of 3 are there"
    (run / "requests/01/answers/a.png").touch()  # one file for all questions of an image
    assert status(run).state == "stopped, goes on with all 3 answers"


def test_a_run_that_went_on_without_all_answers_does_not_wait(cut: Cut) -> None:
    run = cut(10)
    asked(run)
    assert status(run).state == "stopped, goes on after step 10"


def test_a_run_whose_numbers_broke_says_where(cut: Cut) -> None:
    run = cut(10)
    (run / "nonfinite.json").write_text('{"cycle": 1, "step": 5}')
    assert status(run).state == "failed: not a number in cycle 1, step 5"


def test_a_pool_that_ran_dry_is_finished(cut: Cut) -> None:
    run = cut(6)
    (run / "cycles/00/chosen.json").write_text("[]")
    assert status(run).state == "finished"


def test_what_is_no_run_is_named_and_the_others_are_shown(run: Path, tmp_path: Path) -> None:
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged/config.json").write_text('{"options": {"schedule.epochs": 3}}')
    lines, errors = table([tmp_path, run, tmp_path / "damaged"])
    assert [line.split()[0] for line in lines] == ["run", "run"]
    assert "config.json: No such file" in errors[0] and "is not as a run writes it" in errors[1]
    assert len(errors) == 2
    assert table([tmp_path])[0] == []


def test_the_command_prints_the_table_and_ends_with_1_for_what_is_no_run(
    run: Path, tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("status", run) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["run", "state", "cycle"]
    assert head.index("labeled") == row.index("41.67 %")
    assert command("status", run, tmp_path) == 1
    assert "error: " in capsys.readouterr().err


def test_it_starts_without_jax_and_watches_until_ctrl_c(run: Path) -> None:
    code = (
        "import os, runpy, signal, sys\n"
        # Whoever is started in the background of a script would not hear it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "os.open(os.ttyname(0), os.O_RDWR)\n"  # makes it this process's own terminal
        f"sys.argv = ['status', {str(run)!r}, '--watch=0.05']\n"
        "try: runpy.run_path('scripts/status.py', run_name='__main__')\n"
        "finally: print('jax' in sys.modules)\n"
    )
    pseudo = Pseudo(columns=100)
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=pseudo.out,
        stdout=pseudo.out,
        stderr=pseudo.out,
        start_new_session=True,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm"},
    )
    while process.poll() is None and pseudo.text.count("finished") < 2:
        time.sleep(0.02)
    os.write(pseudo.master, b"\x03")
    assert process.wait(60) == 0, pseudo.text
    glass = Glass(100)
    glass.feed(pseudo.closed())
    head, row, jax, *_ = glass.rows
    assert head.startswith("run  state") and row.startswith("run  finished") and jax == "False"
