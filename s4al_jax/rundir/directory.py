"""A run directory: what lies where, and files that are whole or not there at all.

These are plain readers and writers. Where several processes do a run, the caller decides which of
them reads and writes, and tells the others what it read: `read_status` says in one value how far
every cycle is.

config.json            every option, their fingerprint, versions, device
run.json               what the run is, for reports: see rundir/run_json.py
regions.npz            where regions lie that are no grid: see rundir/region_maps.py
splits.json            the names of all images by split, and the initially labeled ones
annotations/           the ledger of all annotations and what they cost, and their labels
cycles/NN/             metrics.json, confusion_*.npy, views.npz, scores.npz, chosen.json
cycles/start/          chosen.json: what was queried first, where nothing was labeled
requests/NN/           what a person is to annotate, and the answers: see labels/file_annotator.py
checkpoints/           the last training states
metrics.jsonl, timing.jsonl, tensorboard/
report/index.html      what people look at
lock                   held by the process that works here, and its number and host
status.json            its heartbeat: what it does; after an error, which one
skipped.json           steps and images that broke the numbers: see run/skip_list.py
processes.json         where there are several: how many, and that all of them see this directory
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from s4al_jax.files.atomic import read_json, write_atomically, write_json
from s4al_jax.types import InputError, RegionRef

METRICS = {"cycle", "labeled_share", "regions", "measures"}
"""What is at least in a metrics.json."""

OPEN = "open"
"""The array of a scores.npz that is no summary."""


class CycleStatus(NamedTuple):
    """What is there of a cycle's results; None: the stage is not done yet."""

    metrics: dict[str, Any] | None
    """the measures of its trained networks"""
    has_views: bool
    """whether it was kept what the network makes of some images"""
    has_scores: bool
    chosen: list[RegionRef] | None
    """the regions to annotate after it"""
    given_up: list[RegionRef] | None
    """the regions without an answer that it was trained without"""

    def to_json(self) -> dict[str, Any]:
        """The status as JSON can say it, for processes that do not read the directory."""
        return self._asdict()

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "CycleStatus":
        """The status that `to_json` has made this content of."""
        status = cls(**content)
        return status._replace(chosen=_refs(status.chosen), given_up=_refs(status.given_up))


class RunStatus(NamedTuple):
    """How far a run is: what is there before its first cycle, and of each cycle."""

    start: CycleStatus
    cycles: tuple[CycleStatus, ...]

    def to_json(self) -> dict[str, Any]:
        """The status as JSON can say it."""
        return {
            "start": self.start.to_json(),
            "cycles": [cycle.to_json() for cycle in self.cycles],
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "RunStatus":
        """The status that `to_json` has made this content of."""
        cycles = tuple(map(CycleStatus.from_json, content["cycles"]))
        return cls(CycleStatus.from_json(content["start"]), cycles)


class CycleFolder(NamedTuple):
    """The results of one cycle; each file appears at once, complete, when its stage is done."""

    path: Path

    def status(self) -> CycleStatus:
        """What is there now."""
        return CycleStatus(
            metrics=self.read_metrics(),
            has_views=self.views_path.exists(),
            has_scores=self._scores_path.exists(),
            chosen=_read_regions(self.path / "chosen.json"),
            given_up=_read_regions(self.path / "given_up.json"),
        )

    def write_metrics(
        self, metrics: Mapping[str, object], confusions: Mapping[str, np.ndarray]
    ) -> None:
        """Write the last evaluation: confusion matrices by name, then the measures."""
        for name, confusion in confusions.items():
            buffer = io.BytesIO()
            np.save(buffer, confusion, allow_pickle=False)
            write_atomically(self.path / f"confusion_{name}.npy", buffer.getvalue())
        write_json(self.path / "metrics.json", metrics)

    def read_metrics(self) -> dict[str, Any] | None:
        """The measures of this cycle's trained networks, once there are any."""
        path = self.path / "metrics.json"
        found = read_json(path)
        if found is not None and not (isinstance(found, dict) and METRICS <= set(found)):
            raise _foreign(path)
        return found

    def read_confusion(self, network: str, split: str) -> np.ndarray | None:
        """int64 `[true class, predicted class]` in pixels, where it was measured."""
        path = self.path / f"confusion_{network}_{split}.npy"
        return np.load(path, allow_pickle=False) if path.is_file() else None

    @property
    def views_path(self) -> Path:
        """Where `rundir.views` keeps what the network makes of some images."""
        return self.path / "views.npz"

    def write_views(self, content: bytes) -> None:
        """Write what `views.pack` has made."""
        write_atomically(self.views_path, content)

    def write_scores(self, summaries: Mapping[str, np.ndarray], is_open: np.ndarray) -> None:
        """Write what an acquisition function made of the pool.

        Args:
          summaries: name -> `[images, max_regions, ...]`; reports show "score".
          is_open: bool `[images, max_regions]`: which regions could be chosen.
        """
        if OPEN in summaries:
            raise ValueError(f"a summary cannot be called {OPEN!r}: scores.npz has its own")
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {**summaries, OPEN: is_open}
        np.savez_compressed(buffer, **arrays)
        write_atomically(self._scores_path, buffer.getvalue())

    def read_scores(self) -> dict[str, np.ndarray]:
        """The summaries of the pool by name."""
        arrays = self._read_scores()
        return {name: arrays[name] for name in arrays if name != OPEN}

    def read_open(self) -> np.ndarray:
        """bool `[images, max_regions]`: which regions could be chosen."""
        return self._read_scores()[OPEN]

    def write_chosen(self, regions: Sequence[RegionRef]) -> None:
        """Write which regions are to be annotated."""
        write_json(self.path / "chosen.json", [list(region) for region in regions])

    def write_given_up(self, regions: Sequence[RegionRef]) -> None:
        """Write which of the regions that this cycle should learn from have no answer."""
        write_json(self.path / "given_up.json", [list(region) for region in regions])

    @property
    def _scores_path(self) -> Path:
        return self.path / "scores.npz"

    def _read_scores(self) -> dict[str, np.ndarray]:
        try:
            with np.load(self._scores_path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            if not {"score", OPEN} <= set(arrays):
                raise ValueError(f"it holds {', '.join(arrays)}")
            return arrays
        # A damaged archive can fail in many ways, and not every file is an archive.
        except Exception as error:
            raise InputError(
                f"{self._scores_path} is no whole archive of scores: remove it, and it is made "
                "again"
            ) from error


def start_folder(workdir: Path) -> CycleFolder:
    """The folder of what was done before the first cycle."""
    return CycleFolder(workdir / "cycles" / "start")


def cycle_folder(workdir: Path, cycle: int) -> CycleFolder:
    """The folder of a cycle, counted from 0."""
    return CycleFolder(workdir / "cycles" / f"{cycle:02d}")


def read_status(workdir: Path, cycles: int) -> RunStatus:
    """How far a run of so many cycles is, by the files that are there now."""
    return RunStatus(
        start_folder(workdir).status(),
        tuple(cycle_folder(workdir, cycle).status() for cycle in range(cycles)),
    )


def _refs(regions: Sequence[Sequence[int]] | None) -> list[RegionRef] | None:
    return None if regions is None else [RegionRef(*region) for region in regions]


def _read_regions(path: Path) -> list[RegionRef] | None:
    found = read_json(path)
    if found is None:
        return None
    if not (isinstance(found, list) and all(map(_is_region, found))):
        raise _foreign(path)
    return _refs(found)


def _is_region(entry: object) -> bool:
    numbers = entry if isinstance(entry, list) else []
    return len(numbers) == 2 and all(type(number) is int and number >= 0 for number in numbers)


def _foreign(path: Path) -> InputError:
    return InputError(f"{path} is not as a run writes it: restore it from a copy")
