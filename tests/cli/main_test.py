"""The command says in one line what is wrong, leaves with an error, and has written nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from s4al_jax import main

ROOT = Path(__file__).parents[2]

BY_HAND = ("--config=configs/demo.py",)

WRONG = {
    "an unknown option": (["--config=configs/demo.py", "--config.optimizer.rate=1"], "rate"),
    "a wrong type": (["--config=configs/demo.py", "--config.seed=many"], "seed"),
    "an unknown study": (["--config=configs/demo.py:entropie"], "unknown study 'entropie'"),
    "a senseless value in a study": (
        ["--config=configs/demo.py:supervised_initial", "--config.data.initial_share=2.0"],
        "config.data.initial_share is 2.0",
    ),
    "a missing configuration": (["--config=configs/nowhere.py"], "nowhere"),
    "a missing data set": (["--config=configs/camvid.py"], "config.data.root"),
    "a option of no block": (
        ["--config=configs/demo.py", "--config.nope=1"],
        "--config has no option 'nope'; s4al_jax/config/defaults.py lists all",
    ),
    "a file that is no configuration": (["--config=README.md"], "error: "),
    "half of a company": (
        ["--config=configs/demo.py", "--coordinator=10.0.0.1:1234", "--process_id=0"],
        "--coordinator is given without --num_processes: give all three",
    ),
    "two ways to meet": (
        ["--config=configs/demo.py", "--distributed", "--num_processes=2"],
        "--distributed asks the cluster, --num_processes does not: give one of them",
    ),
    "no port": (
        [*BY_HAND, "--coordinator=10.0.0.1", "--num_processes=2", "--process_id=0"],
        "--coordinator=10.0.0.1: give host:port, as in 10.0.0.1:1234",
    ),
    "a process too many": (
        [*BY_HAND, "--coordinator=h:1", "--num_processes=2", "--process_id=2"],
        "--process_id=2: give 0 to 1, another to each process",
    ),
    "no process": (
        [*BY_HAND, "--coordinator=h:1", "--num_processes=0", "--process_id=0"],
        "--num_processes=0: give 1 or more",
    ),
    "a plan of several processes": (
        ["--config=configs/demo.py", "--distributed", "--plan"],
        "--plan looks at a single process",
    ),
    "a cluster that is not there": (
        ["--config=configs/demo.py", "--distributed"],
        "--distributed finds no cluster (coordinator_address should be defined.): give "
        "--coordinator, --num_processes and --process_id",
    ),
    "a stray argument": (["--config=configs/demo.py", "seed=1"], "unexpected argument 'seed=1'"),
}


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("S4AL_")}
    env.pop("XLA_FLAGS", None)
    command = [sys.executable, "-m", "s4al_jax.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env)


@pytest.mark.parametrize("what", WRONG)
def test_a_mistake_is_one_line_and_nothing_is_written(what: str, tmp_path: Path) -> None:
    arguments, message = WRONG[what]
    done = ran(*arguments, f"--workdir={tmp_path / 'run'}")
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and message in lines[0], done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_stop_by_the_keyboard_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main.app, "run", stopped)
    with pytest.raises(SystemExit) as end:
        main.run()
    assert end.value.code == 130
    assert capsys.readouterr().err.strip() == "Stopped; the same command goes on."


def test_a_missing_workdir_is_asked_for() -> None:
    done = ran("--config=configs/demo.py")
    assert done.returncode != 0 and "--workdir is missing" in done.stderr
    assert "Traceback" not in done.stderr and done.stdout == ""
