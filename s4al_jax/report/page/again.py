"""The command that does a run again: a file of `configs/`, and the options that it lacks."""

import functools
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from s4al_jax.config import defaults, loader

CONFIGS = Path(__file__).parents[3] / "configs"
PLACES = ("data.root", "model.pretrained")
"""Options that a configuration may read from the environment: always said."""


def command(run: Path, options: Mapping[str, Any]) -> str:
    """The shortest one that sets all of a run's options; empty where no file of `configs/` can."""
    found = []
    for named, base in _bases(options):
        flags = _flags(base, options, named)
        if flags is not None:
            found.append((len(flags), named, flags))
    if not found:
        return ""
    _, named, flags = min(found, key=lambda one: one[0])
    workdir = f"--workdir=runs/{run.resolve().name}_again"
    parts = ["python", "-m", "s4al_jax.main", f"--config={named}", workdir, *flags]
    return " ".join(map(shlex.quote, parts))


def _bases(options: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What may stand after `--config=`, with the options that it has."""
    for path in sorted(CONFIGS.glob("*.py")):
        for study in ("", *defaults.STUDIES):
            argument = _argument(path.stem, study, options)
            named = f"configs/{path.name}" + (f":{argument}" if argument else "")
            yield named, _options_of(path, argument)


def _argument(stem: str, study: str, options: Mapping[str, Any]) -> str:
    if stem == "folder":
        return f"{options['data.root']}:{study}".removesuffix(":")
    if stem == "tfds":
        return f"{options.get('data.kwargs.dataset', '')},{study}".removesuffix(",")
    return study


@functools.cache
def _options_of(path: Path, argument: str) -> Mapping[str, Any]:
    return defaults.flat(loader.load(path, argument))


def _flags(base: Mapping[str, Any], options: Mapping[str, Any], named: str) -> list[str] | None:
    """What makes the run's options of the base's; None where no flag can."""
    missing = [name for name in base if name not in options and ".kwargs." in name]
    if missing or any(name not in base for name in options):
        return None
    said = [name for name in PLACES if options[name] and f":{options[name]}" not in named]
    wanted = [name for name, value in options.items() if base[name] != value or name in said]
    return [f"--config.{name}={_said(options[name])}" for name in sorted(set(wanted))]


def _said(value: Any) -> str:
    return str(tuple(value)) if isinstance(value, list) else str(value)
