"""What a training step spends its time on: the answer of `s4al profile`."""

from pathlib import Path

import jax

from s4al_jax.engine import kernels
from s4al_jax.run.build import Experiment
from s4al_jax.run.dry_run import dry_run, run_steps
from s4al_jax.types import InputError


def profile_steps(experiment: Experiment, folder: Path, *, steps: int) -> str:
    """Trace some calls of the longest stage's update into a folder; the longest kernels as text."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot write: {error.strerror or error}") from error
    ready = dry_run(experiment)
    # The first call may still set things up, on a GPU it tries which algorithms are fastest.
    state = run_steps(ready, ready.state, 2)
    with jax.profiler.trace(str(folder)):
        run_steps(ready, state, steps)
    found = kernels.read_trace(folder, ready.compiled.as_text())
    together = experiment.schedule.steps_per_call
    said = "\n".join(
        [
            f"{steps * together} {ready.stage} steps traced; `xprof {folder}` shows them",
            kernels.table(found, steps=steps * together),
        ]
    )
    (folder / "kernels.txt").write_text(said + "\n")
    return said
