"""A disk that is full or damaged has no effect on the result, or stops the run with one line."""

import contextlib
import gc
import itertools
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from s4al_jax import experiment, loop
from s4al_jax.types import InputError
from tests.cheap import get_config
from tests.engine.checkpoint_test import flipped_in
from tests.same_run import differences

PAGE = 4096


@pytest.fixture(scope="module")
def built() -> experiment.Experiment:
    return experiment.build(get_config())


@pytest.fixture(scope="module")
def straight(built: experiment.Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nothing happens to."""
    run = tmp_path_factory.mktemp("straight") / "run"
    list(loop.cycles(built, run))
    return run


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, which only a superuser can make."""
    place = tmp_path / "disk"
    place.mkdir()
    if not resized(place, 1, "size"):
        pytest.skip("a small file system to fill needs the right to mount one")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def resized(place: Path, pages: int, how: str = "remount,size") -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"{how}={pages * PAGE}", "tmpfs", place]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


# Orbax leaves behind what it was writing, and its end comes when nobody waits for it any more.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_full_disk_is_named_and_the_run_goes_on_when_there_is_room(
    built: experiment.Experiment, straight: Path, disk: Path
) -> None:
    """It is full again and again: at the lock, in the answers, in checkpoints, in what is shown."""
    said: list[str] = []
    for pages in (1, 3, 10, 20, 30, 50, 1000):
        assert resized(disk, pages)
        with contextlib.suppress(Finished):
            said.append(refused(built, disk / "run"))
    assert len(said) >= 4, said
    for line in said:
        assert str(disk) in line and "No space left" in line and "\n" not in line, line
    assert "/lock " in said[0] and "/annotations/" in said[1] and "/checkpoints" in said[2]
    assert differences(disk / "run", straight, built) == []
    gc.collect()


class Finished(Exception):
    """A run that nothing has stopped."""


def refused(built: experiment.Experiment, run: Path) -> str:
    """What a run says that stops."""
    try:
        list(loop.cycles(built, run))
    except InputError as error:
        return str(error)
    raise Finished


def first_cycle(built: experiment.Experiment, run: Path) -> None:
    """Do a run up to where its second cycle begins."""
    next(itertools.islice(loop.cycles(built, run), 1))


def test_a_checkpoint_that_is_damaged_while_nobody_looks_changes_nothing(
    built: experiment.Experiment, straight: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(straight, tmp_path / "run")
    flipped_in(run / "checkpoints" / "14")
    list(loop.cycles(built, run))
    assert "checkpoint after 14 steps is passed over" in capsys.readouterr().out
    assert differences(run, straight, built) == []


def test_a_cycle_that_begins_with_a_state_that_is_gone_is_refused(
    built: experiment.Experiment, straight: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    for name in ("config.json", "splits.json"):
        run.mkdir(exist_ok=True)
        shutil.copy(straight / name, run / name)
    shutil.copytree(straight / "annotations", run / "annotations")
    shutil.copytree(straight / "cycles" / "00", run / "cycles" / "00")
    with pytest.raises(InputError, match="checkpoints holds no whole state of the end of cycle 0"):
        list(loop.cycles(built, run))
    # Networks that begin anew in each cycle need nothing of the cycle before.
    config = get_config().unlock()
    config.method.kwargs.warm_start = False
    cold = experiment.build(config)
    list(loop.cycles(cold, tmp_path / "cold"))
    shutil.copytree(tmp_path / "cold", tmp_path / "again")
    shutil.rmtree(tmp_path / "again" / "checkpoints")
    list(loop.cycles(cold, tmp_path / "again"))
    assert differences(tmp_path / "again", tmp_path / "cold", cold) == []


def test_a_clock_that_is_set_back_changes_nothing(
    built: experiment.Experiment, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time
    first_cycle(built, tmp_path / "run")
    monkeypatch.setattr(time, "time", lambda: now() - 400 * 24 * 3600)
    list(loop.cycles(built, tmp_path / "run"))
    assert differences(tmp_path / "run", straight, built) == []
