"""What all tests share: strict JAX, a compile cache, eight fake devices, and a tiny experiment."""

import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.support.flags import eight_devices

# Before JAX starts.
os.environ["XLA_FLAGS"] = eight_devices(os.environ.get("XLA_FLAGS", ""))

import jax
import pytest
from ml_collections import ConfigDict

from s4al_jax.cli import main
from s4al_jax.cli.listeners import run_listeners
from s4al_jax.run import build, loop
from tests.support.tiny import tiny_config

TOOLS = Path(__file__).parents[1] / "tools"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "s4al_jax" / "xla_tests"


def pytest_configure() -> None:
    jax.config.update("jax_numpy_rank_promotion", "raise")
    jax.config.update("jax_compilation_cache_dir", str(CACHE))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


LONGEST = (
    *("end_to_end_test.py", "resume_test.py", "processes_run_test.py", "own_data_walk_test.py"),
    *("benchmark_step_test.py", "torture_test.py", "docs_test.py", "contract_test.py"),
    *("devices_test.py", "person_test.py", "notebook_test.py", "benchmark_acquire_test.py"),
    *("loop_test.py", "generations_test.py", "stages_test.py", "reproduce_test.py"),
)
"""Files that come first: two processes share the work file by file, and should end together."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


@pytest.fixture(scope="session", autouse=True)
def _image_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Decoded pictures are kept as for a user, but not among a user's."""
    os.environ["S4AL_IMAGE_CACHE"] = str(tmp_path_factory.mktemp("images"))


@pytest.fixture
def tiny() -> Callable[..., ConfigDict]:
    """Makes the whole method on a handful of small scenes: two cycles of a few steps each.

    Arguments are options by dotted name, with `__` for the dot.
    """
    return tiny_config


class FinishedRun(NamedTuple):
    """The tiny experiment, run once from start to end without a pause."""

    experiment: build.Experiment
    workdir: Path
    results: list[loop.CycleResult]


@pytest.fixture(scope="session")
def straight(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """The run that others are compared with; nobody may write into its directory."""
    built, workdir = build.build(tiny_config()), tmp_path_factory.mktemp("straight") / "run"
    results = list(loop.run_cycles(built, workdir, listeners=run_listeners(workdir)))
    return FinishedRun(built, workdir, results)


Command = Callable[..., int]
"""(arguments) -> the exit code"""


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `s4al` in this process, which knows the network of the tiny run."""
    # Says that the user has set up the allocator: all other tests would keep what is set here.
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.check=0")
    return lambda *arguments: main.main([str(one) for one in arguments])


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a program of `tools/` in this process; its name is the first argument."""

    def run(name: str, *arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        try:
            runpy.run_path(str(TOOLS / f"{name}.py"), run_name="__main__")
        except SystemExit as end:
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
                return 1
            return int(end.code or 0)
        return 0

    return run
