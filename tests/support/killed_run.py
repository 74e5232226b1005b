"""Runs the tiny experiment and kills itself, as a power cut would, at a moment that is asked for.

    python -m tests.support.killed_run WORKDIR STAGE COUNT

Not a test: `resume_test.py` starts it. STAGE is a name of `MOMENTS`; the process dies the COUNT-th
time it gets there.
"""

import functools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orbax.checkpoint as ocp

from s4al_jax.engine import score, train
from s4al_jax.run import build, loop
from tests import conftest

MOMENTS: dict[str, tuple[Any, str]] = {
    "step": (train, "fetch"),
    "saving": (ocp.StandardCheckpointHandler, "finalize"),
    "scoring": (score, "_check_finite"),
}


def deadly(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """The function, until it is called for the `count`-th time."""
    calls = 0

    @functools.wraps(function)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)

    return wrapped


def main() -> None:
    conftest.pytest_configure()
    workdir, stage, count = sys.argv[1:]
    place, name = MOMENTS[stage]
    setattr(place, name, deadly(getattr(place, name), int(count)))
    for _ in loop.run_cycles(build.build(conftest.tiny_config()), Path(workdir)):
        pass


if __name__ == "__main__":
    main()
