"""`python -m s4al_jax.main` says in one line what is wrong, and has written nothing."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from absl import app, flags
from absl.testing import flagsaver

from s4al_jax import main
from s4al_jax.run import plan

ROOT = Path(__file__).parents[1]
# This is how ml_collections reads a configuration.
pytestmark = pytest.mark.filterwarnings(r"ignore:the load_module\(\) method:DeprecationWarning")
DEMO = "--config=configs/demo.py"

WRONG = {
    "an unknown option": ([DEMO, "--config.optimizer.rate=1"], "rate"),
    "a wrong type": ([DEMO, "--config.seed=many"], "seed"),
    "an unknown study": (
        [f"{DEMO}:entropie", "--config.devices=1"],
        "config.acquisition.name is 'entropie': one of ",
    ),
    "a senseless value in a study": (
        [f"{DEMO}:supervised_initial", "--config.data.initial_share=2.0"],
        "config.data.initial_share is 2.0",
    ),
    "a missing configuration": (["--config=configs/nowhere.py"], "nowhere"),
    "no configuration": ([], "--config is missing"),
    "a missing data set": (
        ["--config=configs/camvid.py", "--config.devices=1"],
        "config.data.root",
    ),
    "a data set of a configuration on top of another": (
        ["--config=configs/camvid_small.py", "--config.devices=1"],
        "CamVid's folder is not given: set config.data.root or S4AL_CAMVID",
    ),
    "an option of no block": (
        [DEMO, "--config.nope=1"],
        "--config has no option 'nope'; s4al_jax/config/defaults.py lists all",
    ),
    "a file that is no configuration": (["--config=README.md"], "error: "),
    "a folder where a study stands": (
        ["--config=configs/folder.py:my/photos"],
        "unknown study 'my/photos'",
    ),
    "a run in a bucket": ([DEMO, "--workdir=gs://bucket/run"], "has to be on a disk"),
    "half of a company": (
        [DEMO, "--coordinator=10.0.0.1:1234", "--process_id=0"],
        "--coordinator is given without --num_processes: give all three",
    ),
    "two ways to meet": (
        [DEMO, "--distributed", "--num_processes=2"],
        "--distributed asks the cluster, --num_processes does not: give one of them",
    ),
    "no port": (
        [DEMO, "--coordinator=10.0.0.1", "--num_processes=2", "--process_id=0"],
        "--coordinator=10.0.0.1: give host:port, as in 10.0.0.1:1234",
    ),
    "a process too many": (
        [DEMO, "--coordinator=h:1", "--num_processes=2", "--process_id=2"],
        "--process_id=2: give 0 to 1, another to each process",
    ),
    "no process": (
        [DEMO, "--coordinator=h:1", "--num_processes=0", "--process_id=0"],
        "--num_processes=0: give 1 or more",
    ),
    "a plan of several processes": (
        [DEMO, "--distributed", "--plan"],
        "--plan looks at a single process",
    ),
    "a stray argument": ([DEMO, "seed=1"], "unexpected argument 'seed=1'"),
}

Main = Callable[..., int]
"""(flags) -> the exit code"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Main]:
    """The command in this process, whose flags are forgotten afterwards."""
    app.define_help_flags()
    kept = flagsaver.save_flag_values()
    monkeypatch.chdir(ROOT)
    for name in [name for name in os.environ if name.startswith("S4AL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.check=0")

    def once(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["main.py", *arguments])
        with pytest.raises(SystemExit) as end:
            main.run()
        return int(end.value.code or 0)

    yield once
    flagsaver.restore_flag_values(kept)
    flags.FLAGS.unparse_flags()


@pytest.mark.parametrize("what", WRONG)
def test_a_mistake_is_one_line_and_nothing_is_written(
    what: str, run: Main, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, message = WRONG[what]
    assert run(f"--workdir={tmp_path / 'run'}", *arguments) == 1
    said = capsys.readouterr().err
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and message in lines[0], said
    assert "Traceback" not in said
    assert not (tmp_path / "run").exists()


def test_a_missing_workdir_is_asked_for(run: Main, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(DEMO) == 1
    said = capsys.readouterr()
    assert said.err == "error: --workdir is missing: name the directory of the run\n"
    assert said.out == ""


def test_a_whole_run_is_one_command(
    run: Main, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cheap = ("--config=tests/support/cheap_method.py", "--config.schedule.acquisitions=0")
    assert run(*cheap, f"--workdir={tmp_path / 'run'}", "--config.seed", "3") == 0
    said = capsys.readouterr().out
    assert said.endswith(f"The run is finished; its results lie in {tmp_path / 'run'}.\n")
    assert '"seed": 3' in (tmp_path / "run/config.json").read_text()


def test_a_plan_writes_nothing(
    run: Main,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(plan, "_memory", lambda experiment: [])  # compiles programs
    given = ("--config=tests/support/tiny.py", "--config.devices=1", "--plan")
    assert run(*given, f"--workdir={tmp_path / 'run'}") == 0
    assert capsys.readouterr().out.startswith("dataset   streets: 6 pool, 2 val, 3 test images")
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


def test_a_cluster_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    """In a process of its own: here, JAX has computed something already."""
    env = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    command = [sys.executable, "-m", "s4al_jax.main", DEMO, "--distributed"]
    done = subprocess.run(
        [*command, f"--workdir={tmp_path / 'run'}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=env,
    )
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert line == (
        "error: --distributed finds no cluster (coordinator_address should be defined.): give "
        "--coordinator, --num_processes and --process_id"
    )
    assert "Traceback" not in done.stderr and not (tmp_path / "run").exists()
