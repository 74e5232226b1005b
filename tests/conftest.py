"""What all tests share: strict JAX, a compile cache, eight fake devices, and a tiny experiment."""

import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

# Before JAX starts. One program on eight devices is how several devices are tested without any.
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
).strip()

import jax
import pytest
from ml_collections import ConfigDict

from s4al_jax.run import build, loop
from tests.support.tiny import tiny_config

SCRIPTS = Path(__file__).parents[1] / "scripts"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "s4al_jax" / "xla_tests"


def pytest_configure() -> None:
    jax.config.update("jax_numpy_rank_promotion", "raise")
    jax.config.update("jax_compilation_cache_dir", str(CACHE))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


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
    return FinishedRun(built, workdir, list(loop.run_cycles(built, workdir)))


Command = Callable[..., int]
"""(script, arguments) -> how it ended"""


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a script in this process, which knows the network of the tiny run."""

    def run(script: str, *arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
        try:
            runpy.run_path(
                str(Path(__file__).parents[1] / "scripts" / f"{script}.py"), run_name="__main__"
            )
        except SystemExit as end:
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
                return 1
            return int(end.code or 0)
        return 0

    return run
