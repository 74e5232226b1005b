"""A disk that is full, closed or damaged changes no result, or stops the run with one line."""

import contextlib
import functools
import gc
import importlib
import itertools
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from s4al_jax.run import build, loop
from s4al_jax.types import InputError
from tests.engine.checkpoint_test import flipped_in
from tests.support.cheap_method import get_config
from tests.support.photographs import draw_photographs
from tests.support.same_run import differences
from tests.support.watch import STAGES

PAGE = 4096
NOBODY = 65534


@pytest.fixture(scope="module")
def built() -> build.Experiment:
    return build.build(get_config())


@pytest.fixture(scope="module")
def straight(built: build.Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nothing happens to."""
    run = tmp_path_factory.mktemp("straight") / "run"
    list(loop.run_cycles(built, run))
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
    built: build.Experiment,
    straight: Path,
    disk: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """It is full again and again: at the description, in the answers, in the checkpoints."""
    said: list[str] = []
    for pages in (1, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 50, 1000):
        assert resized(disk, pages)
        with contextlib.suppress(Finished):
            said.append(refused(built, disk / "run"))
    assert len(said) >= 4, said
    check_lines(said, disk, "No space left")
    assert "/run.json: " in said[0]
    assert all(any(name in line for line in said) for name in ("/annotations/", "/checkpoints"))
    record_property("cases", len(said))
    assert differences(disk / "run", straight, built) == []
    gc.collect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_file_that_may_not_grow_is_named_and_the_run_goes_on_when_it_may(
    built: build.Experiment,
    straight: Path,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """As a quota would: it stops in the answers, the checkpoints, the metrics, the page."""
    said: list[str] = []
    for largest in (10, 1000, 1500, 3000, 8000, 12000):
        with allowed(largest), contextlib.suppress(Finished):
            said.append(refused(built, tmp_path / "run"))
    assert len(said) >= 4, said
    check_lines(said, tmp_path, "File too large")
    list(loop.run_cycles(built, tmp_path / "run"))
    assert differences(tmp_path / "run", straight, built) == []
    record_property("cases", len(said))
    gc.collect()


@contextlib.contextmanager
def allowed(largest: int) -> Iterator[None]:
    """No file grows beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def commoner(place: Path) -> Iterator[None]:
    """Somebody who owns the place and is not the superuser, to whom nothing is forbidden."""
    if os.geteuid():
        yield
        return
    shutil.chown(place, NOBODY, NOBODY)
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


class Door(NamedTuple):
    """How a place is closed to whoever wants to write there, and opened, and what is said."""

    close: Callable[[Path], None]
    open: Callable[[Path], object]
    said: str
    writer: Callable[[Path], contextlib.AbstractContextManager] = contextlib.nullcontext
    """becomes whoever wants to write in the place"""


def mounted_over(place: Path) -> None:
    """Whatever has a file open already may go on writing, and nobody else may begin."""
    subprocess.run(["mount", "--bind", place, place], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)


def writable(place: Path, allowed: bool) -> None:
    for path in (place, *place.rglob("*")):
        path.chmod((0o700 if path.is_dir() else 0o600) if allowed else 0o500)


DOORS = {
    "read-only": Door(
        mounted_over,
        lambda place: subprocess.run(["umount", "-l", place], check=True),
        "Read-only file system",
    ),
    "forbidden": Door(
        lambda place: writable(place, False),
        lambda place: writable(place, True),
        "Permission denied",
        commoner,
    ),
}
MOMENTS = ("start", "reading images", "opening the ledger", "metrics", "selection")
"""Stages of `tests/support/watch.py`, where a place is closed; `start`: before all of them"""


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> Iterator[tuple[Door, Path]]:
    """A way to close a place, and a place that anybody can get to."""
    with tempfile.TemporaryDirectory() as folder:
        if request.param == "read-only":
            if subprocess.run(["mount", "--bind", folder, folder], capture_output=True).returncode:
                pytest.skip("a place to make read-only needs the right to mount one")
            subprocess.run(["umount", "-l", folder], check=True)
        yield DOORS[request.param], Path(folder)


def test_a_place_that_is_closed_is_named_and_the_run_goes_on_when_it_is_open(
    door: tuple[Door, Path],
    built: build.Experiment,
    straight: Path,
    record_property: Callable[[str, object], None],
) -> None:
    way, run = door[0], door[1] / "run"
    said = []
    with way.writer(door[1]):
        run.mkdir()
        for stage in MOMENTS:
            with pytest.MonkeyPatch.context() as patch:
                closing(patch, stage, lambda: way.close(run))
                said.append(refused(built, run))
            way.open(run)
        list(loop.run_cycles(built, run))
    check_lines(said, run, way.said)
    assert "/config.json" in said[0] and "/chosen.json" in said[-1] and len(set(said)) >= 4, said
    assert differences(run, straight, built) == []
    record_property("cases", len(MOMENTS))


def closing(patch: pytest.MonkeyPatch, stage: str, close: Callable[[], None]) -> None:
    """Close at once, or as soon as a stage begins."""
    if stage == "start":
        close()
        return
    module, path = STAGES[stage]
    *owners, name = path.split(".")
    place = functools.reduce(getattr, owners, importlib.import_module(module))
    function, waiting = getattr(place, name), [close]

    def closed(*arguments: Any, **named: Any) -> Any:
        if waiting:
            waiting.pop()()
        return function(*arguments, **named)

    patch.setattr(place, name, closed)


def check_lines(said: list[str], place: Path, words: str) -> None:
    """Each is one line that names something in the place and says what is wrong."""
    assert all(str(place) in line and words in line and "\n" not in line for line in said), said


class Finished(Exception):
    """A run that nothing has stopped."""


def refused(built: build.Experiment, run: Path) -> str:
    """What a run says that stops."""
    try:
        list(loop.run_cycles(built, run))
    except InputError as error:
        return str(error)
    raise Finished


def first_cycle(built: build.Experiment, run: Path) -> None:
    """Do a run up to where its second cycle begins."""
    next(itertools.islice(loop.run_cycles(built, run), 1))


def test_a_checkpoint_that_is_damaged_while_nobody_looks_changes_nothing(
    built: build.Experiment, straight: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(straight, tmp_path / "run")
    flipped_in(run / "checkpoints" / "14")
    list(loop.run_cycles(built, run))
    assert "checkpoint after 14 steps is passed over" in capsys.readouterr().out
    assert differences(run, straight, built) == []


def test_a_cycle_that_begins_with_a_state_that_is_gone_is_refused(
    built: build.Experiment, straight: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    for name in ("config.json", "splits.json"):
        run.mkdir(exist_ok=True)
        shutil.copy(straight / name, run / name)
    shutil.copytree(straight / "annotations", run / "annotations")
    shutil.copytree(straight / "cycles" / "00", run / "cycles" / "00")
    with pytest.raises(InputError, match="checkpoints holds no whole state of the end of cycle 0"):
        list(loop.run_cycles(built, run))
    # Networks that begin anew in each cycle need nothing of the cycle before.
    config = get_config().unlock()
    config.method.kwargs.warm_start = False
    cold = build.build(config)
    list(loop.run_cycles(cold, tmp_path / "cold"))
    shutil.copytree(tmp_path / "cold", tmp_path / "again")
    shutil.rmtree(tmp_path / "again" / "checkpoints")
    list(loop.run_cycles(cold, tmp_path / "again"))
    assert differences(tmp_path / "again", tmp_path / "cold", cold) == []


@pytest.mark.parametrize(
    "place, name", [("images/train/1.png", "train/1"), ("masks/val/6.png", "truth of val/val/6")]
)
def test_a_picture_that_has_changed_is_named_until_it_is_brought_back(
    place: str, name: str, tmp_path: Path
) -> None:
    photographs, run = draw_photographs(tmp_path / "photographs"), tmp_path / "run"
    config = get_config().unlock()
    config.data.name, config.data.root = "folder", str(photographs)
    config.data.kwargs = ConfigDict({"split": "folders"})
    list(loop.run_cycles(build.build(config), tmp_path / "straight"))
    first_cycle(build.build(config), run)
    before = (photographs / place).read_bytes()
    with Image.open(photographs / place) as picture:
        pixels = np.array(picture)
    # More than one, since what is lost on the way to the working size changes no result.
    pixels[2:6, 2:6] = (pixels[2:6, 2:6] + 1) % 11
    Image.fromarray(pixels).save(photographs / place)
    for _ in range(2):
        said = refused(build.build(config), run)
        assert f"{name} has changed since the run began" in said, said
        assert f"remove {run / 'checksums.json'}" in said
    (photographs / place).write_bytes(before)
    built = build.build(config)
    list(loop.run_cycles(built, run))
    assert differences(run, tmp_path / "straight", built) == []


def test_a_clock_that_is_set_back_changes_nothing(
    built: build.Experiment, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time
    first_cycle(built, tmp_path / "run")
    monkeypatch.setattr(time, "time", lambda: now() - 400 * 24 * 3600)
    list(loop.run_cycles(built, tmp_path / "run"))
    assert differences(tmp_path / "run", straight, built) == []
