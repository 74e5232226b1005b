"""A run that is asked to stop saves what it has, says so, and goes on to the same bits."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from s4al_jax.engine import train
from s4al_jax.engine.checkpoint import Checkpoints, Position
from s4al_jax.input.sampler import StepPlan
from s4al_jax.input.source import Source
from s4al_jax.run import build, loop
from s4al_jax.runtime import signals
from s4al_jax.types import StepInputs
from tests.conftest import CACHE
from tests.support.cheap_method import get_config
from tests.support.same_run import differences

ROOT = Path(__file__).parents[2]
WAITING = """
import time
from s4al_jax.runtime import signals
with signals.handle_signals():
    signals.stop_requested()
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Has runs in this process asked to stop while they do the given step of a cycle."""
    begun, fetch = [-1], train.fetch

    def noted(plans: Sequence[StepPlan], source: Source) -> tuple[StepInputs, ...]:
        begun[0] = plans[-1].step
        return fetch(plans, source)

    def stop(step: int) -> None:
        begun[0] = -1
        monkeypatch.setattr(train, "fetch", noted)
        monkeypatch.setattr(signals, "stop_requested", lambda: begun[0] + 1 == step)
        monkeypatch.setattr(signals, "stop_after_saving", lambda: begun[0] + 1 == step)

    return stop


def test_a_run_that_stops_within_an_epoch_goes_on_to_the_same_bits(
    tmp_path: Path, stop_after: Callable[[int], None]
) -> None:
    config = get_config().unlock()
    config.schedule.iterations, config.checkpoint.every_epochs = 3, 2
    built, run = build.build(config), tmp_path / "run"
    list(loop.run_cycles(built, tmp_path / "straight"))
    # Within an epoch, at the end of one that is not saved otherwise, and in the next cycle.
    for cycle, step in ((0, 2), (0, 3), (0, 4), (1, 11)):
        stop_after(step)
        with pytest.raises(signals.Stopped, match=f"after step {step} of cycle {cycle}, which is"):
            list(loop.run_cycles(built, run))
        with Checkpoints(run / "checkpoints", keep=2, mesh=built.mesh) as kept:
            assert kept.position() == Position(cycle, step)
    stop_after(99)
    list(loop.run_cycles(built, run))
    assert differences(run, tmp_path / "straight", built) == []


def command(workdir: Path) -> subprocess.Popen[str]:
    """A run that trains for long before it keeps anything."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "s4al_jax.main", "--config=tests/support/cheap_method.py"),
            *(f"--workdir={workdir}", "--config.schedule.epochs=100000"),
            *("--config.checkpoint.every_epochs=100000", "--config.evaluate.every_epochs=100000"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"JAX_COMPILATION_CACHE_DIR": str(CACHE)},
    )


def stopped(process: subprocess.Popen[str], number: int) -> tuple[int, str]:
    """How a process ends, and the last that it says, when it hears a signal."""
    process.send_signal(number)
    _, said = process.communicate(timeout=signals.PATIENCE_SECONDS)
    return process.returncode, said.strip().splitlines()[-1]


def test_the_command_saves_and_leaves_and_says_how_to_go_on(tmp_path: Path) -> None:
    """It hears SIGTERM, is started again, and hears a Ctrl-C."""
    run, before = tmp_path / "run", 0
    for number, name, code in ((signal.SIGTERM, "SIGTERM", 143), (signal.SIGINT, "SIGINT", 130)):
        with command(run) as process:
            assert process.stdout
            lines = iter(process.stdout.readline, "")
            first = next(line for line in lines if "epoch" in line)
            assert f"epoch {max(1, (before + 1) // 2)}/100000 " in first  # of two steps each
            ended, said = stopped(process, number)
        assert ended == code, said
        found = re.fullmatch(
            rf"Stopped by {name} after step ([0-9]+) of cycle 0, which is saved; the same command "
            "goes on.",
            said,
        )
        assert found and int(found[1]) > before, said
        before = int(found[1])
        assert (run / "checkpoints" / f"{before}.json").exists()


@pytest.mark.parametrize("polls", [True, False])
def test_who_has_nothing_to_save_leaves_at_once_and_who_is_asked_twice_does_too(
    polls: bool,
) -> None:
    script = WAITING if polls else WAITING.replace("signals.stop_requested()", "pass")
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        if polls:
            process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(timeout=1)
        code, said = stopped(process, signal.SIGINT)
    assert code == 130
    again = " again" if polls else ""
    assert said == f"Stopped by SIGINT{again}; the same command goes on from what was saved."
