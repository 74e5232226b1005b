"""Fifty cycles over ten thousand images with random scores: what a cycle and a resume cost.

    python -m tools.benchmark_load --out=results/load.csv

No image is read and no network is run: what grows with a run is its ledger. A cycle looks up which
regions are open, chooses one cell of 16x16 of every image, and records the annotations; every tenth
time the ledger is opened again as a resume does, by a store that then goes on. One row a cycle.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from s4al_jax.acquisition.select import by_score
from s4al_jax.labels.store import LabelStore
from s4al_jax.regions.protocol import region_costs
from s4al_jax.types import Budget, PoolState, RegionRef
from tools.benchmark_pool import GRID, MIB, PARCEL, annotations, open_store, peak, write_table

Value = TypeVar("Value")

HEAD = ["images", "cycle", "answers", "open_regions_seconds", "select_seconds", "record_seconds"]
HEAD += ["resume_seconds", "ledger_bytes", "peak_mib", "machine", "date", "numpy"]


def main() -> None:
    """Measure all cycles and write the table."""
    given = parse_arguments()
    with tempfile.TemporaryDirectory(dir=given.workdir) as folder:
        rows = measure(given.images, given.cycles, given.resume_every, Path(folder))
        write_table(HEAD, rows, given.out)


def parse_arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=10_000, help="of the pool")
    parser.add_argument("--cycles", type=int, default=50, help="each with a cell of every image")
    parser.add_argument("--resume_every", type=int, default=10, help="cycles between two resumes")
    parser.add_argument("--workdir", type=Path, help="where the ledger is written, and deleted")
    parser.add_argument("--out", type=Path, help="the CSV file to write")
    return parser.parse_args()


def measure(images: int, cycles: int, resume_every: int, folder: Path) -> Iterator[list[str]]:
    """A row of the table for each cycle, up to what is said of the machine."""
    names = tuple(f"{image:08d}" for image in range(images))
    store, allowed = open_store(folder, names), Budget(1, None)
    costs = region_costs(GRID, images)
    for cycle in range(cycles):
        rng = np.random.default_rng([0, cycle])
        is_open, looking = timed(store.open_regions, GRID)
        summaries = {"score": rng.random(is_open.shape, np.float32)}
        # What is labeled and of which class is nothing that scores alone depend on.
        pool = PoolState(is_open, ~is_open, costs, store.class_pixels)
        chosen, selecting = timed(by_score, summaries, pool, allowed, rng)
        _, recording = timed(record, store, chosen, cycle)
        seconds = [looking, selecting, recording]
        if (cycle + 1) % resume_every == 0:
            store, opening = timed(open_store, folder, names)
            seconds.append(opening)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        texts = [f"{number:.3f}" for number in seconds] + [""] * (4 - len(seconds))
        counts = [str(images), str(cycle), str(store.annotated_regions)]
        yield [*counts, *texts, str(size), f"{peak() / MIB:.0f}"]


def timed(work: Callable[..., Value], *given: Any) -> tuple[Value, float]:
    """What some work gives, and the seconds that it takes."""
    started = time.monotonic()
    return work(*given), time.monotonic() - started


def record(store: LabelStore, chosen: Sequence[RegionRef], cycle: int) -> None:
    """Record annotations of these cells, a thousand at a time."""
    for start in range(0, len(chosen), PARCEL):
        store.record(annotations(chosen[start : start + PARCEL], cycle=cycle), GRID)


if __name__ == "__main__":
    main()
