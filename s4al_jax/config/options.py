"""The options of a run as plain values: by dotted name, as JSON, compared with another run's."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from s4al_jax import __version__
from s4al_jax.config.defaults import default
from s4al_jax.types import InputError

FREE_OPTIONS = (
    "data.root",
    "data.cache",
    "data.max_pixels",
    "checkpoint.every_epochs",
    "checkpoint.keep",
    "devices",
    "annotator.person",
    "report.pool_images",
    "report.measured_images",
)
"""Options that change where a run reads and how it is kept and shown, not what it computes."""

KWARGS = (
    "data.kwargs",
    "regions.kwargs",
    "model.backbone.kwargs",
    "model.head.kwargs",
    "optimizer.kwargs",
    "method.kwargs",
    "acquisition.kwargs",
    "annotator.kwargs",
)
"""The blocks that belong to what is named beside them."""


def flat(config: ConfigDict, prefix: str = "") -> dict[str, Any]:
    """Options by dotted name, as JSON would keep them."""
    leaves: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, ConfigDict):
            leaves |= flat(value, f"{prefix}{name}.")
        else:
            leaves[prefix + name] = list(value) if isinstance(value, tuple) else value
    return leaves


def with_options(config: ConfigDict, values: Mapping[str, Any]) -> ConfigDict:
    """The configuration with some options, by dotted name, at other values."""
    known = flat(config)
    for name in values:
        if name not in known:
            raise InputError(
                f"there is no option config.{name}: s4al_jax/config/defaults.py lists all"
            )
    # ConfigDict(config) would share its blocks.
    other = config.copy_and_resolve_references()
    try:
        other.update_from_flattened_dict(dict(values))
    except (TypeError, ValueError) as error:
        raise InputError(f"options of the wrong kind: {' '.join(str(error).split())}") from error
    other.lock()
    return other


def from_options(options: Mapping[str, Any]) -> ConfigDict:
    """The configuration that has these options, by dotted name, as a run's directory keeps them."""
    # A block that is empty leaves no name behind.
    tree: dict[str, Any] = {}
    usual = flat(default())
    # A run of an earlier version does not say what has become an option since.
    options = {**{name: usual[name] for name in FREE_OPTIONS}, **options}
    for name in (*KWARGS, *options):
        *path, last = name.split(".")
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[last] = {} if name in KWARGS else _frozen(options[name])
    config = ConfigDict(tree)
    config.lock()
    return config


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def of_run(workdir: Path) -> ConfigDict:
    """The configuration that a run's directory was made with."""
    path = workdir / "config.json"
    try:
        identity = json.loads(path.read_text())
        check_version(identity, path)
        return from_options(identity["options"])
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; is this the directory of a run?") from error
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} is not as a run writes it: restore it from a copy") from error


def check_version(identity: Any, path: Path) -> None:
    """Refuse what a version wrote that this one does not promise to read, before all else.

    `identity` is whatever the JSON file at `path` holds. Versions that promise to read each other
    share the first number, and before 1.0 the second.
    """
    versions = identity.get("versions") if isinstance(identity, Mapping) else None
    kept = versions.get("s4al_jax") if isinstance(versions, Mapping) else None
    if kept is not None and _promise(str(kept)) != _promise(__version__):
        raise InputError(
            f"{path} was written by s4al_jax {kept}, this is {__version__}: go on with a version "
            f"{'.'.join(_promise(str(kept)))}, or choose another directory"
        )


def _promise(version: str) -> list[str]:
    numbers = version.split(".")
    return numbers[:2] if numbers[0] == "0" else numbers[:1]


def fingerprint(options: Mapping[str, Any]) -> str:
    """A short hash of all options that change what is computed."""
    fixed = {name: value for name, value in options.items() if name not in FREE_OPTIONS}
    return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()[:16]


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """`option: before -> now` for all options that may not differ between two starts of a run."""
    names = sorted((set(before) | set(now)) - set(FREE_OPTIONS))
    absent = "(absent)"
    return [
        f"{name}: {before.get(name, absent)} -> {now.get(name, absent)}"
        for name in names
        if before.get(name, absent) != now.get(name, absent)
    ]
