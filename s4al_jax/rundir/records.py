"""Run directories as records: what each cycle came to, read from the files that a run leaves."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from s4al_jax.config.defaults import FREE_OPTIONS, check_version
from s4al_jax.files.atomic import read_json
from s4al_jax.files.jsonl import read_rows
from s4al_jax.input.schedule import Schedule
from s4al_jax.types import InputError

SETTING = ("data.name", "data.height", "data.width", "data.kwargs.", "model.")
"""Options (or how their names begin) that two runs share whose mIoU may stand in one figure."""
MEASURED = {"cycle", "labeled_share", "regions", "measures"}
"""What every metrics.json tells."""


class Cycle(NamedTuple):
    """A cycle whose networks are trained and measured."""

    number: int
    path: Path
    metrics: Mapping[str, Any]
    """as in its metrics.json"""

    @property
    def labeled_share(self) -> float:
        """The share of the pool's pixels that was paid for before this cycle learned."""
        return float(self.metrics["labeled_share"])

    @property
    def counted(self) -> tuple[str, str] | None:
        """The network and the split whose measures are the result; None: nothing was measured."""
        measures = self.metrics["measures"]
        network = next(reversed(measures), "")
        splits = measures.get(network, {})
        split = "test" if "test" in splits else next(iter(splits), "")
        return (network, split) if split else None

    @property
    def measured(self) -> Mapping[str, Any]:
        """All measures of that network on that split."""
        measures = self.metrics["measures"]
        return measures[self.counted[0]][self.counted[1]] if self.counted else {}

    def miou(self, network: str | None = None, split: str | None = None) -> float | None:
        """mIoU from 0 to 1: of the preferred network, on test where that was measured."""
        best = self.counted or ("", "")
        measures = self.metrics["measures"].get(network or best[0], {})
        return measures.get(split or best[1], {}).get("miou")

    def confusion(self, network: str, split: str) -> np.ndarray | None:
        """int64 `[true class, predicted class]` in pixels, where it was measured."""
        path = self.path / f"confusion_{network}_{split}.npy"
        return np.load(path, allow_pickle=False) if path.is_file() else None

    @property
    def chosen(self) -> list[list[int]] | None:
        """[image, row, col] of each region that was asked for after it; None: nothing yet."""
        return read_json(self.path / "chosen.json")

    @property
    def scores(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Each pool image's cell scores, and which of the cells could be chosen."""
        path = self.path / "scores.npz"
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as file:
            return file["scores"], file["eligible"]


class Record(NamedTuple):
    """A run directory: its configuration and its cycles so far."""

    path: Path
    identity: Mapping[str, Any]
    """config.json: options, fingerprint, versions, device"""
    cycles: tuple[Cycle, ...]

    @property
    def options(self) -> Mapping[str, Any]:
        """Every option by its dotted name."""
        return self.identity["options"]

    @property
    def splits(self) -> Mapping[str, Any] | None:
        """splits.json: the classes, and the names of all images; None before they were checked."""
        return read_json(self.path / "splits.json")

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, which a run writes down before it learns anything."""
        if self.splits is None:
            raise InputError(f"{self.path / 'splits.json'} is missing: restore it from a copy")
        return tuple(self.splits["classes"])

    @property
    def planned(self) -> int:
        """How many cycles there are to be."""
        return int(self.options["schedule.acquisitions"]) + 1

    @property
    def dry(self) -> bool:
        """Whether everything has been bought: there was nothing left to ask for."""
        return bool(self.cycles) and self.cycles[-1].chosen == []

    @property
    def finished(self) -> bool:
        """Whether all cycles are measured, or there was nothing left to ask for."""
        return self.dry or (bool(self.cycles) and self.cycles[-1].number + 1 == self.planned)

    @property
    def fully_supervised(self) -> bool:
        """Whether it learned from every label there is."""
        supervised = self.options["method.name"] == "supervised"
        return bool(supervised and self.options["data.initial_share"] == 1.0)

    @property
    def setting(self) -> tuple[tuple[str, str], ...]:
        """What has to be the same in two runs before their mIoU can be compared."""
        return _chosen(self.options, lambda name: name.startswith(SETTING))

    @property
    def study(self) -> tuple[tuple[str, str], ...]:
        """The whole configuration but for the seed: equal in runs to take the mean of."""
        return _chosen(self.options, lambda name: name not in ("seed", *FREE_OPTIONS))


def _chosen(
    options: Mapping[str, Any], wanted: Callable[[str], bool]
) -> tuple[tuple[str, str], ...]:
    # A file of weights may lie elsewhere on another machine.
    shown = {**options, "model.pretrained": Path(str(options.get("model.pretrained", ""))).name}
    return tuple(sorted((name, repr(value)) for name, value in shown.items() if wanted(name)))


def read(path: Path) -> Record:
    """The record of a run directory; one that has no finished cycle yet has none."""
    identity = read_json(path / "config.json")
    if identity is None:
        raise InputError(
            f"{path / 'config.json'}: No such file or directory; is this the directory of a run?"
        )
    if not isinstance(identity, dict) or not isinstance(identity.get("options"), dict):
        raise InputError(
            f"{path / 'config.json'} is not as a run writes it: restore it from a copy"
        )
    check_version(identity, path / "config.json")
    return Record(path, identity, cycles(path))


def cycles(path: Path) -> tuple[Cycle, ...]:
    """What each trained cycle of a run came to, in order."""
    found = []
    for file in sorted(path.glob("cycles/[0-9]*/metrics.json")):
        metrics = read_json(file)
        if not (isinstance(metrics, dict) and set(metrics) >= MEASURED):
            raise InputError(f"{file} is not as a run writes it: restore it from a copy")
        found.append(Cycle(int(metrics["cycle"]), file.parent, metrics))
    return tuple(found)


def schedule(options: Mapping[str, Any]) -> Schedule:
    """The schedule that a run's options ask for."""
    group = "schedule."
    given = {name.removeprefix(group): options[name] for name in options if name.startswith(group)}
    return Schedule(cycles=given.pop("acquisitions") + 1, **given)


def rows(run: Path, name: str = "metrics.jsonl") -> list[dict[str, Any]]:
    """The rows of a run's journal so far; one that is just being written is left out."""
    return read_rows(run / name)


def by_study(records: Sequence[Record]) -> list[list[Record]]:
    """The runs in groups that differ in nothing but their seed, in the order given."""
    groups: dict[tuple[tuple[str, str], ...], list[Record]] = {}
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
