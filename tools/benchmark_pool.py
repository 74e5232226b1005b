"""Choosing from very large pools and remembering the answers, each size in a fresh process.

    python tools/benchmark_pool.py --workdir=/tmp/pool --out=results/pool.csv
    python tools/benchmark_pool.py --images=1000000 --images_per_second=400 --devices=8

Scores of 16x16 cells an image are drawn from a seed, block by block, so that no pool is ever held;
drawing them does not count. Answers for what was chosen are recorded, a thousand at a time, and
the store is opened again; `--most_answers` limits how many, and the table says how many it were.
No image is read and no network is run: what scoring such a pool would take is computed from
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
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from s4al_jax.acquisition import stream
from s4al_jax.acquisition.select import budget
from s4al_jax.labels.store import LabelStore
from s4al_jax.regions import region_grid
from s4al_jax.types import Annotation, Budget, RegionRef

GRID = region_grid(688, 688, 43, 43)
CLASSES, PER_IMAGE, FIXED, BLOCK, PARCEL = 19, 4, 100_000, 4096, 1000
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
QUESTIONS = ("image", "pool", "fixed")
"""4 cells of each image; as many wherever they are worth most; 100,000 cells in all."""
HEAD = ["scope", "budget", "images", "choose_seconds", "choose_us_an_image", "chosen"]
HEAD += ["choose_peak_mib", "recorded", "record_seconds", "open_seconds", "untouched_seconds"]
HEAD += ["ledger_bytes", "ledger_peak_mib", "scoring_hours_computed", "machine", "date", "numpy"]
MIB = 2**20


def main() -> None:
    """Measure each size and budget in a process of its own."""
    given = arguments()
    if given.one:
        question, images = given.one
        print(",".join(measured(question, int(images), given.most_answers, given.workdir)))
        return
    table(HEAD, rounds(given), given.out)


def rounds(given: argparse.Namespace) -> Iterator[list[str]]:
    """A row of the table for each size and budget, up to what is said of the machine."""
    for images, question in itertools.product(given.images, QUESTIONS):
        command = [sys.executable, __file__, "--one", question, str(images)]
        command += [f"--most_answers={given.most_answers}"]
        command += [f"--workdir={given.workdir}"] if given.workdir else []
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found = done.stdout.strip().splitlines()[-1].split(",")
        yield [*found, scoring_hours(images, given)]


def table(head: list[str], rows: Iterable[list[str]], out: Path | None) -> None:
    """Print each row when it comes, with what is to be said of the machine; then write them all."""
    said = []
    for row in rows:
        said.append([*row, *about_this_machine()])
        print("  ".join(f"{n}={v}" for n, v in zip(head, said[-1], strict=True)), flush=True)
    if out:
        with out.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([head, *said])


def arguments() -> argparse.Namespace:
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


def measured(question: str, images: int, most: int, workdir: Path | None) -> Iterator[str]:
    """One round over so many images: a row of the table up to what is computed."""
    choose, allowed, said = question_for(question, images)
    drawing = [0.0]
    started = time.monotonic()
    count, kept = counted(choose(blocks(images, drawing), allowed, np.random.default_rng(0)), most)
    seconds = time.monotonic() - started - drawing[0]
    yield from ("image" if question == "image" else "pool", said, str(images), f"{seconds:.2f}")
    yield from (f"{1e6 * seconds / images:.2f}", str(count), f"{peak() / MIB:.0f}")
    # As much as is chosen under "image"; once is enough.
    yield from [""] * 6 if question == "pool" else remembered(kept, images, workdir)


def question_for(question: str, images: int) -> tuple[Callable[..., Iterator], Budget, str]:
    """How is chosen, what may be spent, and that in words."""
    if question == "fixed":
        allowed = Budget(None, FIXED * int(GRID.costs.max()), GRID.costs)
        return stream.best_of_pool, allowed, f"{FIXED} cells"
    choose = {"image": stream.top_of_each_image, "pool": stream.best_of_pool}[question]
    allowed = budget(GRID, per_image=PER_IMAGE, images=images, scope=question)
    return choose, allowed, f"{PER_IMAGE} cells an image"


def blocks(images: int, seconds: list[float]) -> Iterator[stream.Block]:
    """Scores of so many images, a tenth of the cells known already; adds up the time it takes."""
    rng = np.random.default_rng(1)
    for start in range(0, images, BLOCK):
        began = time.monotonic()
        scores = rng.random((min(BLOCK, images - start), GRID.rows, GRID.cols), np.float32)
        eligible = scores > 0.1
        seconds[0] += time.monotonic() - began
        yield scores, eligible


def counted(chosen: Iterable[np.ndarray], most: int) -> tuple[int, np.ndarray]:
    """How many cells were chosen, and the numbers of the first ones."""
    count, kept = 0, [np.empty(0, np.int64)]
    for numbers in chosen:
        kept.append(numbers[: max(0, most - count)].copy())
        count += len(numbers)
    return count, np.concatenate(kept)


def remembered(numbers: np.ndarray, images: int, workdir: Path | None) -> Iterator[str]:
    """Answers of these cells into a new ledger, and that ledger opened again."""
    names = tuple(f"{image:08d}" for image in range(images))
    if workdir:
        workdir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=workdir))
    try:
        store, started = opened(folder, names), time.monotonic()
        for start in range(0, len(numbers), PARCEL):
            store.record(answers(numbers[start : start + PARCEL]), GRID)
        yield from (str(store.regions_bought), f"{time.monotonic() - started:.2f}")
        del store
        started = time.monotonic()
        store = opened(folder, names)
        yield f"{time.monotonic() - started:.2f}"
        most = peak()
        started = time.monotonic()
        store.untouched(GRID)
        yield f"{time.monotonic() - started:.2f}"
        bytes_there = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        yield from (str(bytes_there), f"{most / MIB:.0f}")
    finally:
        shutil.rmtree(folder)


def opened(folder: Path, names: tuple[str, ...]) -> LabelStore:
    """The store in a folder."""
    return LabelStore.open(
        folder, names=names, height=GRID.height, width=GRID.width, num_classes=CLASSES
    )


def answers(numbers: np.ndarray) -> list[Annotation]:
    """What somebody says of these cells: two classes each, one above the other."""
    places = np.stack(np.unravel_index(numbers, (1 << 40, GRID.rows, GRID.cols)), axis=1)
    return [
        Annotation(RegionRef(*place), labels(number), "simulated", 1)
        for number, place in zip(numbers.tolist(), places.tolist(), strict=True)
    ]


def labels(number: int) -> np.ndarray:
    """uint8 of a cell's size."""
    drawn = np.full((GRID.cell_height, GRID.cell_width), number % CLASSES, np.uint8)
    border = number % GRID.cell_height + np.arange(GRID.cell_width) // 8
    drawn[np.arange(GRID.cell_height)[:, None] > border] = number // 7 % CLASSES
    return drawn


def peak() -> int:
    """The most memory that this process has had so far, in bytes."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
