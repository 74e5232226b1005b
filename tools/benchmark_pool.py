"""Selection from large pools, and recording the annotations, each size in a fresh process.

    python tools/benchmark_pool.py --workdir=/tmp/pool --out=results/pool.csv
    python tools/benchmark_pool.py --images=1000000 --images_per_second=400 --devices=8

Scores of 16x16 cells an image are drawn from a seed, a tenth of the cells is labeled already; the
time of drawing does not count. Annotations of what was chosen are recorded, a thousand at a time,
and the store is opened again; `--most_answers` limits how many, and the table says how many it
were. No image is read and no network is run: what scoring such a pool would take is computed from
`--images_per_second`, a rate that was measured on one device, and stands in a column that says so.
"""

import argparse
import csv
import itertools
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from s4al_jax.acquisition.select import budget, by_score
from s4al_jax.labels.store import LabelStore
from s4al_jax.regions.grid import region_grid
from s4al_jax.regions.protocol import region_costs
from s4al_jax.types import Annotation, Budget, PoolState, RegionRef

GRID = region_grid(688, 688, 43, 43)
CLASSES, PER_IMAGE, FIXED, PARCEL = 19, 4, 100_000, 1000
SIZES = (10_000, 100_000)
BUDGETS = ("image", "pool", "fixed")
"""4 cells of each image; as many wherever they are worth most; 100,000 cells in all."""
HEAD = ["scope", "budget", "images", "select_seconds", "select_us_an_image", "chosen"]
HEAD += ["select_peak_mib", "recorded", "record_seconds", "open_seconds", "open_regions_seconds"]
HEAD += ["ledger_bytes", "ledger_peak_mib", "scoring_hours_computed", "machine", "date", "numpy"]
MIB = 2**20


def main() -> None:
    """Measure each size and budget in a process of its own."""
    given = parse_arguments()
    if given.one:
        name, images = given.one
        print(",".join(measure(name, int(images), given.most_answers, given.workdir)))
        return
    write_table(HEAD, rows(given), given.out)


def rows(given: argparse.Namespace) -> Iterator[list[str]]:
    """A row of the table for each size and budget, up to what is said of the machine."""
    for images, name in itertools.product(given.images, BUDGETS):
        command = [sys.executable, __file__, "--one", name, str(images)]
        command += [f"--most_answers={given.most_answers}"]
        command += [f"--workdir={given.workdir}"] if given.workdir else []
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        measured = done.stdout.strip().splitlines()[-1].split(",")
        yield [*measured, scoring_hours(images, given)]


def write_table(head: list[str], rows: Iterable[list[str]], out: Path | None) -> None:
    """Print each row when it comes, with what is to be said of the machine; then write them all."""
    whole = []
    for row in rows:
        whole.append([*row, *about_this_machine()])
        print("  ".join(f"{n}={v}" for n, v in zip(head, whole[-1], strict=True)), flush=True)
    if out:
        with out.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([head, *whole])


def parse_arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=sizes, default=SIZES, help="sizes, with commas between")
    parser.add_argument("--most_answers", type=int, default=1_000_000, help="recorded of a round")
    parser.add_argument("--workdir", type=Path, help="where the ledger is written, and deleted")
    parser.add_argument("--images_per_second", type=float, help="one device's measured scoring")
    parser.add_argument("--devices", type=int, default=1, help="devices that would score")
    parser.add_argument("--out", type=Path, help="the CSV file to write")
    parser.add_argument("--one", nargs=2, metavar=("BUDGET", "COUNT"), help="measure this one")
    return parser.parse_args()


def sizes(text: str) -> tuple[int, ...]:
    """Whole numbers with commas between."""
    return tuple(map(int, text.split(",")))


def scoring_hours(images: int, given: argparse.Namespace) -> str:
    """Computed, not measured: a pass over the pool when the devices do not wait for anything."""
    if not given.images_per_second:
        return ""
    return f"{images / (given.images_per_second * given.devices) / 3600:.4g}"


def about_this_machine() -> list[str]:
    """The last entries of a row."""
    machine = f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} CPU cores"
    return [machine, time.strftime("%Y-%m-%d"), np.__version__]


def measure(name: str, images: int, most: int, workdir: Path | None) -> Iterator[str]:
    """One selection from so many images: a row of the table up to what is computed."""
    score, pool = draw_pool(images)
    allowed, text = budget_of(name, pool)
    started = time.monotonic()
    chosen = by_score({"score": score}, pool, allowed, np.random.default_rng(0))
    seconds = time.monotonic() - started
    yield from ("image" if name == "image" else "pool", text, str(images), f"{seconds:.2f}")
    yield from (f"{1e6 * seconds / images:.2f}", str(len(chosen)), f"{peak() / MIB:.0f}")
    # As much as is chosen under "image"; once is enough.
    yield from [""] * 6 if name == "pool" else measure_ledger(chosen[:most], images, workdir)


def draw_pool(images: int) -> tuple[np.ndarray, PoolState]:
    """Scores of so many images, and the pool, a tenth of which is labeled."""
    costs = region_costs(GRID, images)
    score = np.random.default_rng(1).random(costs.shape, np.float32)
    is_open = score > 0.1
    return score, PoolState(is_open, ~is_open, costs, np.zeros(CLASSES, np.int64))


def budget_of(name: str, pool: PoolState) -> tuple[Budget, str]:
    """What may be spent, and that in words."""
    if name == "fixed":
        return Budget(None, FIXED * int(GRID.costs(0).max())), f"{FIXED} cells"
    open_images = pool.open.any(axis=1)
    allowed = budget(pool.costs, np.asarray(open_images), per_image=PER_IMAGE, scope=name)
    return allowed, f"{PER_IMAGE} cells an image"


def measure_ledger(chosen: Sequence[RegionRef], images: int, workdir: Path | None) -> Iterator[str]:
    """Annotations of these cells into a new ledger, and that ledger opened again."""
    names = tuple(f"{image:08d}" for image in range(images))
    if workdir:
        workdir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=workdir))
    try:
        store, started = open_store(folder, names), time.monotonic()
        for start in range(0, len(chosen), PARCEL):
            store.record(annotations(chosen[start : start + PARCEL], cycle=1), GRID)
        yield from (str(store.annotated_regions), f"{time.monotonic() - started:.2f}")
        del store
        started = time.monotonic()
        store = open_store(folder, names)
        yield f"{time.monotonic() - started:.2f}"
        most = peak()
        started = time.monotonic()
        store.open_regions(GRID)
        yield f"{time.monotonic() - started:.2f}"
        bytes_there = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        yield from (str(bytes_there), f"{most / MIB:.0f}")
    finally:
        shutil.rmtree(folder)


def open_store(folder: Path, names: tuple[str, ...]) -> LabelStore:
    """The store in a folder."""
    return LabelStore.open(
        folder, names=names, height=GRID.height, width=GRID.width, num_classes=CLASSES
    )


def annotations(chosen: Sequence[RegionRef], *, cycle: int) -> list[Annotation]:
    """Annotations of these cells: two classes each, one above the other."""
    return [
        Annotation(region, labels(region.image * GRID.max_regions + region.region), "oracle", cycle)
        for region in chosen
    ]


def labels(number: int) -> np.ndarray:
    """uint8 of a cell's size."""
    drawn = np.full(GRID.cell_size, number % CLASSES, np.uint8)
    border = number % GRID.cell_height + np.arange(GRID.cell_width) // 8
    drawn[np.arange(GRID.cell_height)[:, None] > border] = number // 7 % CLASSES
    return drawn


def peak() -> int:
    """The most memory that this process has had so far, in bytes."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
