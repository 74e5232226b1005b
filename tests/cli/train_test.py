"""`s4al train` does a run, waits for a person, goes on, and says a mistake in one line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from s4al_jax.run import loop
from tests.conftest import CACHE, Command
from tests.support import photographs

ROOT = Path(__file__).parents[2]
CHEAP = "tests/support/cheap_method.py"

WRONG = {
    "an unknown option": ("demo --config.optimizer.rate=1", "--config has no option 'rate'"),
    "an option of no block": (
        "demo --config.nope=1",
        "--config has no option 'nope'; s4al_jax/config/defaults.py lists all",
    ),
    "a wrong type": ("demo --config.seed=many", "config.seed=many"),
    "an unknown study": (
        "demo:entropie --config.devices=1",
        "config.acquisition.name is 'entropie': one of ",
    ),
    "a senseless value in a study": (
        "demo:supervised_initial --config.data.initial_share=2.0",
        "config.data.initial_share is 2.0",
    ),
    "a missing configuration": ("nowhere", "nowhere: no such configuration or file: give camvid"),
    "a file that is no configuration": ("README.md", "README.md: no such configuration or file"),
    "a missing data set": ("camvid --config.devices=1", "set config.data.root or S4AL_CAMVID"),
    "a folder after the colon": ("folder:my/photos", "is named with --config.data.root=PATH"),
    "a folder and a study": ("folder:a/b:random", "is named with --config.data.root=PATH"),
    "a data set after the colon": (
        "tfds:streets,random",
        "is named with --config.data.kwargs.dataset=NAME",
    ),
    "half of a company": (
        "demo --coordinator=10.0.0.1:1234 --process_id=0",
        "--coordinator is given without --num_processes: give all three",
    ),
    "two ways to meet": (
        "demo --distributed --num_processes=2",
        "--distributed asks the cluster, --num_processes does not: give one of them",
    ),
    "no port": (
        "demo --coordinator=10.0.0.1 --num_processes=2 --process_id=0",
        "--coordinator=10.0.0.1: give host:port, as in 10.0.0.1:1234",
    ),
    "a process too many": (
        "demo --coordinator=h:1 --num_processes=2 --process_id=2",
        "--process_id=2: give 0 to 1, another to each process",
    ),
    "no process": (
        "demo --coordinator=h:1 --num_processes=0 --process_id=0",
        "--num_processes=0: give 1 or more",
    ),
}


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the project's folder, without what names data in the environment."""
    monkeypatch.chdir(ROOT)
    for name in [name for name in os.environ if name.startswith("S4AL_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("what", WRONG)
def test_a_mistake_is_one_line_and_nothing_is_written(
    what: str, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, message = WRONG[what]
    assert command("train", *arguments.split(), f"--workdir={tmp_path / 'run'}") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and message in line
    assert not (tmp_path / "run").exists()


def test_a_run_has_the_options_that_were_given_and_is_only_read_again(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    given = ("train", f"--workdir={run}", "--config.augment.scale_range=(0.5, 2.0)", CHEAP)
    assert command(*given, "--config.seed=3") == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said if " % labeled, " in line] == ["cycle 0", "cycle 1"]
    assert said[-1] == f"The run is finished; its results lie in {run}."
    options = json.loads((run / "config.json").read_text())["options"]
    assert (options["seed"], options["augment.scale_range"]) == (3, [0.5, 2.0])
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    assert command(*given, "--config.seed=3") == 0
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
    assert command(*given, "--config.seed=4") == 1
    assert "belongs to another configuration (seed: 3 -> 4)" in capsys.readouterr().err


def test_a_run_that_waits_for_a_person_ends_with_0_and_a_line(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth, run = photographs.draw_photographs(tmp_path / "truth"), tmp_path / "run"
    pool = photographs.copy_without_masks(truth, tmp_path / "pool", "train/0", "train/3")
    given = ("train", f"tests/support/cheap_person.py:{pool}", f"--workdir={run}")
    assert command(*given) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith(f"8 regions wait for an answer in {run}/requests/01")
    assert next(photographs.answer_requests(run, truth, 1)), "one answer is written"
    assert command(*given) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("7 regions wait for an answer")
    assert command(*given, "--accept_partial") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("The run is finished")
    ledger = (run / "annotations/ledger.jsonl").read_text().splitlines()
    assert [json.loads(line)["cycle"] for line in ledger] == [0, 0, 1]


def test_ctrl_c_before_a_run_listens_is_one_line_and_130(
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stopped(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "run_cycles", stopped)
    assert command("train", CHEAP, f"--workdir={tmp_path}") == 130
    assert capsys.readouterr().err.strip() == "Stopped; the same command goes on."


def test_sigterm_ends_with_143_when_the_step_is_saved(tmp_path: Path) -> None:
    long = [f"--config.{name}=100000" for name in ("schedule.epochs", "checkpoint.every_epochs")]
    with subprocess.Popen(
        [sys.executable, "-m", "s4al_jax", "train", CHEAP, f"--workdir={tmp_path / 'run'}", *long],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"JAX_COMPILATION_CACHE_DIR": str(CACHE)},
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if "epoch" in line:
                break
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert said.strip().splitlines()[-1].startswith("Stopped by SIGTERM after step ")
    assert list((tmp_path / "run/checkpoints").glob("[0-9]*.json"))
