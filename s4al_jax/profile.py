"""What a training step spends its time on: the answer to `--profile`."""

from pathlib import Path

import jax

from s4al_jax.engine import kernels
from s4al_jax.experiment import Experiment
from s4al_jax.rehearsal import ran, rehearsal
from s4al_jax.types import InputError


def profile(experiment: Experiment, folder: Path, *, steps: int) -> str:
    """Trace some calls of the dearest phase's update into a folder; the dearest kernels as text."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--profile={folder}: cannot write: {error.strerror or error}") from error
    ready = rehearsal(experiment)
    # The first call may still set things up, on a GPU it tries which algorithms are fastest.
    state = ran(ready, ready.state, 2)
    with jax.profiler.trace(str(folder)):
        ran(ready, state, steps)
    found = kernels.kernels(folder, ready.compiled.as_text())
    together = experiment.schedule.steps_together
    said = "\n".join(
        [
            f"{steps * together} {ready.phase.value} steps traced; `xprof {folder}` shows them",
            kernels.table(found, steps=steps * together),
        ]
    )
    (folder / "kernels.txt").write_text(said + "\n")
    return said
