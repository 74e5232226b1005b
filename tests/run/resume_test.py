"""A run that was stopped goes on to the same bits, wherever it was stopped."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import pytest
from ml_collections import ConfigDict

from s4al_jax.cli.listeners import run_listeners
from s4al_jax.config import options
from s4al_jax.engine import train
from s4al_jax.engine.checkpoint import Checkpoints, Position
from s4al_jax.labels.store import LabelStore
from s4al_jax.run import build, loop
from s4al_jax.run.build import Experiment
from s4al_jax.run.loop import CycleResult
from s4al_jax.types import InputError
from tests.conftest import FinishedRun
from tests.support.same_run import arrays, differences, files

MOMENTS = {
    "in the replay of the second cycle": ("step", 12),
    "before a checkpoint is whole": ("saving", 3),
    "when all is scored and nothing of it kept": ("scoring", 1),
}
"""Of the whole method; `torture_test.py` has all stages, on networks of one weight."""


def run_whole(experiment: Experiment, run: Path) -> list[CycleResult]:
    """What the command does, page and all."""
    return list(loop.run_cycles(experiment, run, listeners=run_listeners(run)))


def assert_same_run(run: Path, straight: FinishedRun) -> None:
    assert differences(run, straight.workdir, straight.experiment) == []
    assert len(arrays(run, straight.experiment)) > 100


def test_the_straight_run_is_complete(straight: FinishedRun) -> None:
    assert [result.cycle for result in straight.results] == [0, 1]
    rows = [
        json.loads(line) for line in (straight.workdir / "metrics.jsonl").read_text().splitlines()
    ]
    assert [row["number"] for row in rows if row["kind"] == "train"] == [2, 4, 6, 8, 10, 12, 14]
    assert [row["number"] for row in rows if row["kind"] == "evaluation"] == [4, 6, 10, 14]
    assert {row["stage"] for row in rows if row["kind"] == "train"} == {
        "warmup",
        "classmix",
        "replay",
    }


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_goes_on_to_the_same_bits(
    moment: str, straight: FinishedRun, tmp_path: Path
) -> None:
    stage, count = MOMENTS[moment]
    run = tmp_path / "run"
    command = [sys.executable, "-m", "tests.support.killed_run", str(run), stage, str(count)]
    root = Path(__file__).parents[2]
    killed = subprocess.run(command, capture_output=True, text=True, cwd=root, env=os.environ)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    assert len(files(run)) < len(files(straight.workdir)) or arrays(run, straight.experiment)
    results = run_whole(straight.experiment, run)
    assert [result.metrics for result in results] == [r.metrics for r in straight.results]
    assert_same_run(run, straight)


def test_a_finished_run_is_only_read(
    straight: FinishedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    shutil.copytree(straight.workdir, run)

    def forbidden(*arguments: Any, **named: Any) -> Any:
        raise AssertionError("a finished run trains and asks nothing")

    monkeypatch.setattr(train, "train_epochs", forbidden)
    monkeypatch.setattr(LabelStore, "record", forbidden)
    results = run_whole(straight.experiment, run)
    assert [r.metrics for r in results] == [r.metrics for r in straight.results]
    assert results[0].chosen == straight.results[0].chosen
    assert_same_run(run, straight)


def test_another_configuration_is_refused_and_its_options_are_named(
    straight: FinishedRun, tiny: Callable[..., ConfigDict]
) -> None:
    before = files(straight.workdir)
    other = straight.experiment._replace(
        options=options.flat(tiny(seed=3, method__kwargs__replay_pop=True))
    )
    with pytest.raises(InputError, match=r"replay_pop: False -> True; seed: 0 -> 3"):
        list(loop.run_cycles(other, straight.workdir))
    assert files(straight.workdir) == before


def test_a_foreign_folder_is_refused(straight: FinishedRun, tmp_path: Path) -> None:
    (tmp_path / "holiday.txt").write_text("pictures")
    with pytest.raises(InputError, match=r"is not empty and has no config.json"):
        list(loop.run_cycles(straight.experiment, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.txt"]


def test_a_place_that_cannot_be_written_is_refused(straight: FinishedRun, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"config.json: cannot write: Not a directory"):
        list(loop.run_cycles(straight.experiment, tmp_path / "file" / "run"))


def test_a_full_disk_is_named_and_the_run_goes_on_when_there_is_room(
    straight: FinishedRun, tmp_path: Path
) -> None:
    run = tmp_path / "run"

    def full(self: Checkpoints, number: int, position: Position, *what: Any) -> None:
        raise InputError(f"{run}: cannot write a checkpoint: No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoints, "save", full)
        with pytest.raises(InputError, match="No space left"):
            list(loop.run_cycles(straight.experiment, run))
    run_whole(straight.experiment, run)
    assert_same_run(run, straight)


@pytest.fixture
def fused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has programs compiled as for a user.

    With the flags of the tests, a sum may be rounded in another way where a gather is beside it.
    """
    options = {"xla_cpu_use_fusion_emitters": True}
    monkeypatch.setattr(jax, "jit", partial(jax.jit, compiler_options=options))


@pytest.mark.usefixtures("fused")
def test_wherever_images_are_kept_a_run_has_the_same_bits(
    tiny: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    supervised = ConfigDict({"name": "supervised", "kwargs": {"labeled_from": "known"}})
    experiment = build.build(tiny(method=supervised))
    for cache in ("host", "device", "none"):
        run_whole(experiment._replace(cache=cache), tmp_path / cache)
    for cache in ("device", "none"):
        assert differences(tmp_path / cache, tmp_path / "host", experiment) == []
    assert len(arrays(tmp_path / "host", experiment)) > 50
