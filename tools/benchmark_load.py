"""Fifty cycles over ten thousand images with random scores: what a cycle and a resume cost.

    python -m scripts.benchmark_load --out=results/load.csv

No image is read and no network is run: what grows with a run is its ledger. A cycle looks up what
is left, chooses one cell of 16x16 of every image, and records the answers; every tenth time the
ledger is opened again as a resume does, by a store that then goes on. One row a cycle.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from s4al_jax.acquisition.functions import random_regions
from s4al_jax.acquisition.select import budget
from s4al_jax.labels.store import LabelStore
from tools.benchmark_pool import GRID, MIB, PARCEL, answers, opened, peak, table

Value = TypeVar("Value")

HEAD = ["images", "cycle", "answers", "untouched_seconds", "choose_seconds", "record_seconds"]
HEAD += ["resume_seconds", "ledger_bytes", "peak_mib", "machine", "date", "numpy"]


def main() -> None:
    given = arguments()
    with tempfile.TemporaryDirectory(dir=given.workdir) as folder:
        rows = measured(given.images, given.cycles, given.resume_every, Path(folder))
        table(HEAD, rows, given.out)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=10_000, help="of the pool")
    parser.add_argument("--cycles", type=int, default=50, help="each with a cell of every image")
    parser.add_argument("--resume_every", type=int, default=10, help="cycles between two resumes")
    parser.add_argument("--workdir", type=Path, help="where the ledger is written, and deleted")
    parser.add_argument("--out", type=Path, help="the CSV file to write")
    return parser.parse_args()


def measured(images: int, cycles: int, resume_every: int, folder: Path) -> Iterator[list[str]]:
    """A row of the table for each cycle, up to what is said of the machine."""
    names = tuple(f"{image:08d}" for image in range(images))
    store, acquisition = opened(folder, names), random_regions(GRID, scope="image")
    allowed = budget(GRID, per_image=1, images=images, scope="image")
    for cycle in range(cycles):
        lots = np.random.default_rng([0, cycle])
        eligible, looking = timed(store.untouched, GRID)
        scores = lots.random(eligible.shape, np.float32)
        chosen, choosing = timed(acquisition.choose, scores, eligible, allowed, lots)
        _, recording = timed(recorded, store, np.flatnonzero(chosen), cycle)
        seconds = [looking, choosing, recording]
        if (cycle + 1) % resume_every == 0:
            store, opening = timed(opened, folder, names)
            seconds.append(opening)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        said = [f"{number:.3f}" for number in seconds] + [""] * (4 - len(seconds))
        counts = [str(images), str(cycle), str(store.regions_bought)]
        yield [*counts, *said, str(size), f"{peak() / MIB:.0f}"]


def timed(work: Callable[..., Value], *given: Any) -> tuple[Value, float]:
    """What some work gives, and the seconds that it takes."""
    started = time.monotonic()
    return work(*given), time.monotonic() - started


def recorded(store: LabelStore, numbers: np.ndarray, cycle: int) -> None:
    """Remember answers for these cells, a parcel at a time."""
    for start in range(0, len(numbers), PARCEL):
        parcel = answers(numbers[start : start + PARCEL])
        store.record([answer._replace(cycle=cycle) for answer in parcel], GRID)


if __name__ == "__main__":
    main()
