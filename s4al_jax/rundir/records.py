"""Run directories as records: what each run is and what its cycles came to, read from its files."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from s4al_jax.config.options import check_version
from s4al_jax.files.atomic import read_json
from s4al_jax.files.jsonl import read_rows
from s4al_jax.rundir.directory import CycleFolder
from s4al_jax.rundir.run_json import RunDescription, read_run_json
from s4al_jax.types import InputError


class Cycle(NamedTuple):
    """A cycle whose networks are trained and measured."""

    number: int
    folder: CycleFolder
    metrics: Mapping[str, Any]
    """as in its metrics.json"""

    @property
    def labeled_share(self) -> float:
        """The share of the pool's pixels that were labeled when the cycle was trained."""
        return float(self.metrics["labeled_share"])

    @property
    def preferred_measure(self) -> tuple[str, str] | None:
        """The network and the split whose measures are the result; None: nothing was measured."""
        measures = self.metrics["measures"]
        network = next(reversed(measures), "")
        splits = measures.get(network, {})
        split = "test" if "test" in splits else next(iter(splits), "")
        return (network, split) if split else None

    @property
    def measures(self) -> Mapping[str, Any]:
        """All measures of that network on that split."""
        measures = self.metrics["measures"]
        return (
            measures[self.preferred_measure[0]][self.preferred_measure[1]]
            if self.preferred_measure
            else {}
        )

    def miou(self, network: str | None = None, split: str | None = None) -> float | None:
        """mIoU from 0 to 1: of the preferred network, on test where that was measured."""
        best = self.preferred_measure or ("", "")
        measures = self.metrics["measures"].get(network or best[0], {})
        return measures.get(split or best[1], {}).get("miou")

    def class_group(self, name: str) -> tuple[int, ...] | None:
        """The classes that the method counts as "head" or "tail"; None: it tells none apart."""
        groups = self.metrics.get("class_groups") or {}
        return tuple(groups[name]) if name in groups else None

    def confusion(self, network: str, split: str) -> np.ndarray | None:
        """int64 `[true class, predicted class]` in pixels, where it was measured."""
        return self.folder.read_confusion(network, split)


class Record(NamedTuple):
    """A run directory: what the run is, and its cycles so far."""

    path: Path
    description: RunDescription
    identity: Mapping[str, Any]
    """config.json: options and their fingerprint"""
    cycles: tuple[Cycle, ...]

    @property
    def options(self) -> Mapping[str, Any]:
        """Every option by its dotted name, as the run was started with them."""
        return self.identity["options"]

    @property
    def name(self) -> str:
        """What one may call it: the name of its directory."""
        return self.path.resolve().name

    @property
    def splits(self) -> Mapping[str, Any] | None:
        """splits.json: the names of all images; None before they were checked."""
        return read_json(self.path / "splits.json")

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return tuple(one["name"] for one in self.description["dataset"]["classes"])

    @property
    def planned_cycles(self) -> int:
        """How many cycles there are to be."""
        return self.description["schedule"]["cycles"]

    @property
    def planned_steps(self) -> int:
        """How many steps all cycles have together."""
        schedule = self.description["schedule"]
        return schedule["iterations"] * sum(schedule["epochs"])

    @property
    def pool_is_labeled(self) -> bool:
        """Whether nothing was left to annotate after the last cycle, which ends a run early."""
        return bool(self.cycles) and self.cycles[-1].folder.status().chosen == []

    @property
    def is_finished(self) -> bool:
        """Whether all cycles are measured, or nothing was left to annotate."""
        done = bool(self.cycles) and self.cycles[-1].number + 1 == self.planned_cycles
        return done or self.pool_is_labeled

    @property
    def study(self) -> str:
        """The whole configuration but the seed as a text: equal in runs to take the mean of."""
        return json.dumps(self.description["study"], sort_keys=True)


def read(path: Path) -> Record:
    """The record of a run directory."""
    identity = read_json(path / "config.json")
    if identity is None:
        raise InputError(
            f"{path / 'config.json'}: No such file or directory; is this the directory of a run?"
        )
    check_version(identity, path / "config.json")
    if not isinstance(identity, dict) or not isinstance(identity.get("options"), dict):
        raise InputError(
            f"{path / 'config.json'} is not as a run writes it: restore it from a copy"
        )
    return Record(path, read_run_json(path), identity, cycles(path))


def cycles(path: Path) -> tuple[Cycle, ...]:
    """What each trained cycle of a run came to, in order."""
    found = []
    for file in sorted(path.glob("cycles/[0-9]*/metrics.json")):
        folder = CycleFolder(file.parent)
        metrics = folder.read_metrics() or {}
        found.append(Cycle(int(metrics["cycle"]), folder, metrics))
    return tuple(found)


def rows(run: Path, name: str = "metrics.jsonl") -> list[dict[str, Any]]:
    """The rows of a run's journal so far; one that is just being written is left out."""
    return read_rows(run / name)


def by_study(records: Sequence[Record]) -> list[list[Record]]:
    """The runs in groups that differ in nothing but their seed, in the order given."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.study, []).append(record)
    return list(groups.values())


class Spread(NamedTuple):
    """Mean and sample standard deviation; None where one value alone says nothing of it."""

    mean: float
    std: float | None
    runs: int


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    std = statistics.stdev(values) if len(values) > 1 else None
    return Spread(statistics.fmean(values), std, len(values))
