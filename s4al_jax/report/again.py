"""The command that does a run again: a file of `configs/`, and the knobs that it lacks."""

import functools
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from s4al_jax import config, config_file

CONFIGS = Path(__file__).parents[2] / "configs"
PLACES = ("data.root", "model.pretrained")
"""Knobs that a configuration may read from the environment: always said."""


def command(run: Path, knobs: Mapping[str, Any]) -> str:
    """The shortest one that sets all of a run's knobs; empty where no file of `configs/` can."""
    found = []
    for named, base in _bases(knobs):
        flags = _flags(base, knobs, named)
        if flags is not None:
            found.append((len(flags), named, flags))
    if not found:
        return ""
    _, named, flags = min(found, key=lambda one: one[0])
    workdir = f"--workdir=runs/{run.resolve().name}_again"
    parts = ["python", "-m", "s4al_jax.main", f"--config={named}", workdir, *flags]
    return " ".join(map(shlex.quote, parts))


def _bases(knobs: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What may stand after `--config=`, with the knobs that it has."""
    for path in sorted(CONFIGS.glob("*.py")):
        for study in ("", *config.STUDIES):
            argument = _argument(path.stem, study, knobs)
            named = f"configs/{path.name}" + (f":{argument}" if argument else "")
            yield named, _knobs_of(path, argument)


def _argument(stem: str, study: str, knobs: Mapping[str, Any]) -> str:
    if stem == "folder":
        return f"{knobs['data.root']}:{study}".removesuffix(":")
    if stem == "tfds":
        return f"{knobs.get('data.kwargs.dataset', '')},{study}".removesuffix(",")
    return study


@functools.cache
def _knobs_of(path: Path, argument: str) -> Mapping[str, Any]:
    return config.flat(config_file.loaded(path, argument))


def _flags(base: Mapping[str, Any], knobs: Mapping[str, Any], named: str) -> list[str] | None:
    """What makes the run's knobs of the base's; None where no flag can."""
    missing = [name for name in base if name not in knobs and ".kwargs." in name]
    if missing or any(name not in base for name in knobs):
        return None
    said = [name for name in PLACES if knobs[name] and f":{knobs[name]}" not in named]
    wanted = [name for name, value in knobs.items() if base[name] != value or name in said]
    return [f"--config.{name}={_said(knobs[name])}" for name in sorted(set(wanted))]


def _said(value: Any) -> str:
    return str(tuple(value)) if isinstance(value, list) else str(value)
