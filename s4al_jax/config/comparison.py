"""A run's options sorted by what they mean for a comparison of runs.

A run keeps the groups in its `run.json`, so that reports need not know any option by name.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

SETTING = ("data.name", "data.height", "data.width", "data.kwargs.", "model.")
"""Options (or how their names begin) that two runs share whose mIoU may stand in one figure."""

WEIGHTS = "model.pretrained"


class OptionGroups(NamedTuple):
    """Some of a run's options, by dotted name."""

    seed: int
    study: Mapping[str, Any]
    """all that count but the seed: equal in runs to take the mean of"""
    setting: Mapping[str, Any]
    """those that must be equal before the mIoU of two runs can be compared"""
    changed: Mapping[str, Any]
    """those that differ from the default configuration"""


def group_options(
    options: Mapping[str, Any], *, defaults: Mapping[str, Any], free: Collection[str]
) -> OptionGroups:
    """Sort a run's options.

    Args:
      options: of the run, by dotted name.
      defaults: of the default configuration.
      free: names of options that do not change what is computed.
    """
    # A file of weights may lie elsewhere on another machine.
    named = {**options, WEIGHTS: Path(str(options.get(WEIGHTS, ""))).name}
    absent = object()
    return OptionGroups(
        seed=int(options["seed"]),
        study={name: named[name] for name in sorted(named) if name not in {"seed", *free}},
        setting={name: named[name] for name in sorted(named) if name.startswith(SETTING)},
        changed={
            name: value for name, value in options.items() if value != defaults.get(name, absent)
        },
    )
