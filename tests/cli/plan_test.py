"""`s4al plan` says what a run would do, with no more imports than that needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from s4al_jax.run import plan
from tests.conftest import Command

ROOT = Path(__file__).parents[2]
UNUSED = ("matplotlib", "tensorflow", "tensorflow_datasets", "tensorboardX", "orbax")


def test_it_prints_the_plan_of_a_study_and_writes_nothing(
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(plan, "_memory", lambda experiment: [])  # compiles programs
    monkeypatch.chdir(tmp_path)
    given = ("demo:supervised", "--config.devices=1", "--config.data.kwargs.train=40")
    assert command("plan", *given) == 0
    said = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert said[0] == "dataset streets: 40 pool, 32 val, 64 test images of 96x128, 11 classes"
    assert said[1] == "cycles 1 trainings, 0 acquisitions, 1300 steps"
    assert "budget at the start 40 whole images, 491520 pixels (100.00 %)" in said
    (warning,) = (line for line in said if line.startswith("warning"))
    assert "6x8 features" in warning and "2, 3, 5 fit" in warning
    assert not list(tmp_path.iterdir())


def test_it_imports_nothing_that_it_does_not_use() -> None:
    """All but compiling, which takes long and imports no more."""
    code = (
        "import sys\n"
        "from s4al_jax.cli.main import main\n"
        "from s4al_jax.run import plan\n"
        "plan._memory = lambda experiment: []\n"
        "code = main(['plan', 'demo'])\n"
        f"print(code, [name for name in {UNUSED} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"XLA_FLAGS": ""},
    )
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr
