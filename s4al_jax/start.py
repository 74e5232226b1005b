"""Before anything is trained: whose directory is it, and is the data whole?"""

import importlib.metadata
import platform
from collections.abc import Mapping
from pathlib import Path

from s4al_jax import config
from s4al_jax.engine import rundir
from s4al_jax.engine.journal import Journal
from s4al_jax.experiment import Experiment
from s4al_jax.feed.source import CachedSource
from s4al_jax.pool.check import check
from s4al_jax.pool.splits import splits_record
from s4al_jax.types import InputError


def claim(experiment: Experiment, workdir: Path) -> None:
    """Refuse a directory of another configuration; mark an empty one as this run's."""
    path = workdir / "config.json"
    kept = rundir.read_json(path)
    if kept is None:
        if workdir.is_dir() and any(workdir.iterdir()):
            raise InputError(
                f"{workdir} is not empty and has no config.json: choose another --workdir"
            )
        rundir.write_json(path, _identity(experiment))
        return
    found = config.differences(kept["knobs"], experiment.knobs)
    if found:
        raise InputError(
            f"{workdir} belongs to another configuration ({'; '.join(found)}): "
            "choose another --workdir or take these knobs back"
        )


def _identity(experiment: Experiment) -> dict:
    packages = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")
    device = experiment.mesh.devices.flat[0]
    return {
        "fingerprint": config.fingerprint(experiment.knobs),
        "knobs": dict(experiment.knobs),
        "versions": {
            "s4al_jax": importlib.metadata.version("s4al_jax"),
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in packages},
        },
        "device": {"kind": device.device_kind, "count": experiment.mesh.size},
    }


def check_data(
    experiment: Experiment,
    workdir: Path,
    sources: Mapping[str, CachedSource],
    journal: Journal,
) -> None:
    """Read every file once, into the memory that training reads from, and write the splits."""
    spec = experiment.spec
    read = {
        split: getattr(spec, split)._replace(read_image=source.image)
        for split, source in sources.items()
    }
    total = sum(len(images.names) for images in read.values())
    journal.say(f"reading {total} images and what is known of them")
    check(spec._replace(**read), progress=journal.countdown("images read"))
    record = splits_record(spec, experiment.initial)
    kept = rundir.read_json(workdir / "splits.json")
    if kept is None:
        rundir.write_json(workdir / "splits.json", record)
    elif kept != record:
        changed = ", ".join(name for name in record if record[name] != kept.get(name))
        raise InputError(
            f"{workdir / 'splits.json'} names other images than the dataset has now ({changed}): "
            "restore the dataset or choose another --workdir"
        )
