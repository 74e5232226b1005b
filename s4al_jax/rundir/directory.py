"""A run directory: what lies where, and files that are whole or not there at all.

Where several processes do a run, process 0 reads and writes, and tells the others what it read.

config.json            every option, their fingerprint, versions, device
splits.json            the names of all images by split, and the initially labeled ones
annotations/           the ledger of what was paid for, and the answers
cycles/NN/             metrics.json, confusion_*.npy, views.npz, scores.npz, chosen.json
cycles/start/          chosen.json: what was asked before the first cycle, where nothing was known
requests/NN/           questions to a person and the answers, see labels/file_annotator.py
checkpoints/           the last training states
metrics.jsonl, timing.jsonl, tensorboard/
report/index.html      what people look at
lock                   held by the process that works here, and its number and host
left_out.json          steps and images that broke the numbers, see run/skip_list.py
processes.json         where there are several: how many, and that all of them see this directory
"""

import contextlib
import io
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from s4al_jax.files import atomic
from s4al_jax.rundir.lock import lock
from s4al_jax.runtime import processes
from s4al_jax.types import InputError, RegionRef

MEASURED = {"cycle", "labeled_share", "measures"}
"""What is at least in a metrics.json."""


@contextlib.contextmanager
def locked(workdir: Path) -> Iterator[None]:
    """Keep every other run out of a run's directory; a process that dies lets go of it."""
    with contextlib.ExitStack() as held:
        processes.broadcast_from_primary(lambda: lock(workdir / "lock", held))
        yield


def check_shared(workdir: Path) -> None:
    """Refuse a directory in which another host does not see what process 0 writes."""
    if not processes.is_distributed():
        return
    path = workdir / "processes.json"

    def announced() -> dict:
        meeting = {"processes": jax.process_count(), "meeting": secrets.token_hex(8)}
        write_json(path, meeting)
        return meeting

    meeting = processes.broadcast_from_primary(announced)

    def look() -> None:
        if not processes.wait_until(lambda: atomic.read_json(path) == meeting):
            raise InputError(
                f"this host does not see in {workdir} what process 0 writes there: put --workdir "
                "on a file system that all hosts share"
            )

    processes.on_every_process(look)


class CycleFolder:
    """The results of one cycle; each file appears at once, complete, when its stage is done."""

    def __init__(self, folder: Path) -> None:
        self.path = folder

    def write_metrics(
        self, metrics: Mapping[str, object], confusions: Mapping[str, np.ndarray]
    ) -> None:
        """The last evaluation: confusion matrices by name, and the measures."""
        for name, confusion in confusions.items():
            _write(self.path / f"confusion_{name}.npy", _npy(confusion))
        write_json(self.path / "metrics.json", metrics)

    @property
    def metrics(self) -> dict | None:
        """The measures of this cycle's trained networks, once there are any."""
        found = read_json(self.path / "metrics.json")
        if found is not None and not (isinstance(found, dict) and MEASURED <= set(found)):
            raise _foreign(self.path / "metrics.json")
        return found

    def write_views(self, packed: bytes) -> None:
        """What the network saw in some images, as `rundir.views` packs it."""
        _write(self.path / "views.npz", packed)

    @property
    def viewed(self) -> bool:
        """Whether it was kept what the network saw."""
        return processes.broadcast_from_primary((self.path / "views.npz").exists)

    def write_scores(self, scores: np.ndarray, eligible: np.ndarray) -> None:
        """Each pool image's cell scores (nan where not asked) and which could be chosen."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, scores=scores, eligible=eligible)
        _write(self.path / "scores.npz", buffer.getvalue())

    @property
    def scores(self) -> tuple[np.ndarray, np.ndarray] | None:
        """(scores, eligible) as written; too large to be told, so every process reads them."""
        path = self.path / "scores.npz"
        if not processes.broadcast_from_primary(path.exists):
            return None
        try:
            with np.load(path, allow_pickle=False) as file:
                return file["scores"], file["eligible"]
        # A damaged archive can fail in many ways, and not every file is an archive.
        except Exception as error:
            raise InputError(
                f"{path} is no whole archive of scores: remove it, and it is made again"
            ) from error

    def write_chosen(self, regions: Sequence[RegionRef]) -> None:
        """What is to be asked, in the order of asking."""
        write_json(self.path / "chosen.json", [list(region) for region in regions])

    @property
    def chosen(self) -> list[RegionRef] | None:
        """What was chosen, once it was."""
        return self._regions("chosen.json")

    def write_given_up(self, regions: Sequence[RegionRef]) -> None:
        """Which of the regions that this cycle should learn from stayed without an answer."""
        write_json(self.path / "given_up.json", [list(region) for region in regions])

    @property
    def given_up(self) -> list[RegionRef] | None:
        """The regions without an answer, once it was decided to go on without them."""
        return self._regions("given_up.json")

    def _regions(self, name: str) -> list[RegionRef] | None:
        found = read_json(self.path / name)
        if found is None:
            return None
        if not (isinstance(found, list) and all(map(_is_region, found))):
            raise _foreign(self.path / name)
        return [RegionRef(*region) for region in found]


def _is_region(entry: object) -> bool:
    numbers = entry if isinstance(entry, list) else []
    return len(numbers) == 3 and all(type(number) is int and number >= 0 for number in numbers)


def _foreign(path: Path) -> InputError:
    return InputError(f"{path} is not as a run writes it: restore it from a copy")


def start_folder(workdir: Path) -> CycleFolder:
    """The folder of what was done before the first cycle."""
    return CycleFolder(workdir / "cycles" / "start")


def cycle_folder(workdir: Path, cycle: int) -> CycleFolder:
    """The folder of a cycle, counted from 0."""
    return CycleFolder(workdir / "cycles" / f"{cycle:02d}")


def read_json(path: Path) -> Any:
    """The file's content; None where there is no such file."""
    return processes.broadcast_from_primary(lambda: atomic.read_json(path))


def write_json(path: Path, content: object) -> None:
    """Write a JSON file that is never seen half-written."""
    _write(path, (json.dumps(content, indent=1) + "\n").encode())


def _write(path: Path, content: bytes) -> None:
    processes.broadcast_from_primary(lambda: atomic.write_atomically(path, content))


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
