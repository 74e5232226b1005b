"""Before anything is trained: is the directory this run's, and is the data whole?"""

import functools
import importlib.metadata
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path

from s4al_jax import __version__
from s4al_jax.config import options
from s4al_jax.console.terminal import Terminal
from s4al_jax.data.splits import splits_record
from s4al_jax.files import atomic
from s4al_jax.labels.ledger import LEDGER
from s4al_jax.run import shared_directory as shared
from s4al_jax.run.build import Experiment
from s4al_jax.run.describe import write_description
from s4al_jax.rundir.run_json import RUN_JSON
from s4al_jax.runtime import processes
from s4al_jax.survey.validate import check, check_unchanged
from s4al_jax.types import DatasetSpec, ImageSet, InputError


def claim_directory(experiment: Experiment, workdir: Path) -> None:
    """Refuse a directory of another configuration; mark an empty one as this run's."""
    processes.broadcast_from_primary(lambda: _claim(experiment, workdir))
    shared.check_shared(workdir)


def _claim(experiment: Experiment, workdir: Path) -> None:
    path = workdir / "config.json"
    if workdir.exists() and not workdir.is_dir():
        raise InputError(f"{workdir} is a file: choose another --workdir")
    kept = shared.read_json(path)
    if kept is None:
        # What was not written to its end is of nobody.
        if workdir.is_dir() and any(path.suffix != ".part" for path in workdir.iterdir()):
            raise InputError(
                f"{workdir} is not empty and has no config.json: choose another --workdir"
            )
        kept = _identity(experiment)
        atomic.write_json(path, kept)
    options.check_version(kept, path)
    if not isinstance(kept, dict) or not isinstance(kept.get("options"), dict):
        raise InputError(f"{path} is not as a run writes it: restore it from a copy")
    found = options.differences(kept["options"], experiment.options)
    if found:
        raise InputError(
            f"{workdir} belongs to another configuration ({'; '.join(found)}): "
            "choose another --workdir or take these options back"
        )
    if not (workdir / RUN_JSON).exists():
        write_description(experiment, workdir, {**_identity(experiment), **kept})


def _identity(experiment: Experiment) -> dict:
    packages = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")
    device = experiment.mesh.devices.flat[0]
    return {
        "fingerprint": options.fingerprint(experiment.options),
        "options": dict(experiment.options),
        "versions": {
            "s4al_jax": __version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in packages},
        },
        "device": {"kind": device.device_kind, "count": experiment.mesh.size},
        "revision": revision(Path(__file__).parents[2]),
    }


def revision(source: Path) -> str:
    """What git calls the source, `-dirty` where it was changed since; empty where git is not."""
    if not (source / ".git").exists():
        return ""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        asked = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""


def check_splits(experiment: Experiment, workdir: Path) -> None:
    """Refuse a dataset of other images or classes than the run began with."""
    path, record = workdir / "splits.json", splits_record(experiment.spec, experiment.initial)
    processes.assert_equal_across_processes(
        "the dataset", record, "give all hosts the same images and labels"
    )
    kept = shared.read_json(path)
    if kept is None and processes.broadcast_from_primary(lambda: _has_answers(workdir)):
        raise InputError(
            f"{path} is missing, but {workdir / 'annotations'} holds answers: restore it from a "
            "copy"
        )
    if kept is not None and not isinstance(kept, dict):
        raise InputError(f"{path} is not as a run writes it: restore it from a copy")
    if kept is not None and kept != record:
        changed = [name for name in record if record[name] != kept.get(name)]
        raise InputError(
            f"{path} names others than the dataset has now ({', '.join(changed)}): restore the "
            "dataset or choose another --workdir"
        )


def _has_answers(workdir: Path) -> bool:
    ledger = workdir / "annotations" / LEDGER
    return ledger.is_file() and ledger.stat().st_size > 0


def validate_data(experiment: Experiment, workdir: Path, terminal: Terminal) -> DatasetSpec:
    """Read every file once, write the splits, and give the dataset with what is worth keeping.

    Every host reads all of it: its copy of the data must be whole, too.
    """
    spec = experiment.spec
    splits = {"train": spec.train, "val": spec.val, "test": spec.test}
    if experiment.cache != "none":
        train, val, test = map(_read_once, splits.values())
        spec = spec._replace(train=train, val=val, test=test)
    total = sum(len(images.names) for images in splits.values())
    terminal.update(doing=f"reading {total} images")
    if experiment.warning:
        terminal.print_line(f"warning: {experiment.warning}")
    terminal.print_line(f"reading {total} images and what is known of them ({experiment.cache})")
    digests = processes.on_every_process(
        lambda: check(spec, progress=terminal.countdown("images read"))
    )
    _check_unchanged(workdir / "checksums.json", digests)
    path = workdir / "splits.json"
    if not processes.broadcast_from_primary(path.exists):
        shared.write_json(path, splits_record(experiment.spec, experiment.initial))
    return spec


def _check_unchanged(path: Path, digests: Mapping[str, str]) -> None:
    """Every host has to see what process 0 saw when the run began."""
    kept = shared.read_json(path)
    if kept is None:
        kept = processes.broadcast_from_primary(lambda: dict(digests))
        shared.write_json(path, kept)
    processes.on_every_process(lambda: check_unchanged(digests, kept, path))


def _read_once(images: ImageSet) -> ImageSet:
    """The images with readers that decode each of them once."""
    return images._replace(
        read_image=functools.cache(images.read_image),
        read_truth=functools.cache(images.read_truth),
    )
