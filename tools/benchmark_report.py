"""How large a report is, and how long it takes to write, for a run of CamVid's size.

    python tools/benchmark_report.py --out=results/report.csv

Makes a run directory with what a report reads: two dozen drawn street scenes of 360x480, shown
again and again, three cycles, and views in which the truth is moved a little less from cycle to
cycle. No network is run.
"""

import argparse
import csv
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from s4al_jax.acquisition.select import budget, top_of_each_image
from s4al_jax.config import defaults
from s4al_jax.data.splits import initial_images, splits_record
from s4al_jax.labels.oracle import simulated
from s4al_jax.labels.store import LabelStore
from s4al_jax.regions import region_grid, whole_image
from s4al_jax.report.page.write import write
from s4al_jax.rundir import views
from s4al_jax.streets.dataset import streets
from s4al_jax.types import VOID, DatasetSpec, ImageSet, RegionRef

HEAD = ["pool_images", "measured_images", "cycles", "height", "width", "page_mib", "write_seconds"]
HEAD += ["write_cpu_seconds", "views_mib_a_cycle", "peak_mib", "machine", "date", "numpy"]
CYCLES, CELLS, SCENES, MIB = 3, 4, 24, 2**20


def main() -> None:
    """Make the run, write its page, and say what that took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pool", type=int, default=330, help="pool images in the pictures")
    parser.add_argument("--measured", type=int, default=64, help="test images in the pictures")
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--width", type=int, default=480)
    parser.add_argument("--workdir", type=Path, help="where the run is made, and deleted")
    parser.add_argument("--keep", type=Path, help="a folder for the page, to look at it")
    parser.add_argument("--out", type=Path, help="the CSV file to write")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=given.workdir))
    try:
        spec = streets(
            height=given.height,
            width=given.width,
            train=given.pool,
            val=0,
            test=given.measured,
            seed=0,
        )
        spec = remembered(spec)
        made_run(folder / "run", spec)
        started, began = time.monotonic(), time.process_time()
        page = write(given.keep or folder / "page", [folder / "run"], spec)
        seconds, cpu = time.monotonic() - started, time.process_time() - began
        kept = (folder / "run/cycles/00/views.npz").stat().st_size / MIB
        row = [given.pool, given.measured, CYCLES, given.height, given.width]
        row += [f"{page.stat().st_size / MIB:.1f}", f"{seconds:.1f}", f"{cpu:.1f}"]
        row.append(f"{kept:.1f}")
    finally:
        shutil.rmtree(folder)
    row += [f"{peak() / MIB:.0f}", *about_this_machine()]
    print("  ".join(f"{name}={value}" for name, value in zip(HEAD, row, strict=True)))
    if given.out:
        with given.out.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([HEAD, row])


def remembered(spec: DatasetSpec) -> DatasetSpec:
    """The dataset with its first scenes drawn once, and shown again and again.

    Drawing is no part of a report, and takes longer.
    """
    scenes = range(min(SCENES, len(spec.train.names)))
    images = [spec.train.read_image(index) for index in scenes]
    truths = [spec.train.read_truth(index) for index in scenes]

    def shown(split: ImageSet) -> ImageSet:
        return split._replace(
            read_image=lambda index: images[index % len(scenes)],
            read_truth=lambda index: truths[index % len(scenes)],
        )

    return spec._replace(train=shown(spec.train), test=shown(spec.test))


def made_run(run: Path, spec: DatasetSpec) -> None:
    """A run directory with all that a report reads."""
    rng = np.random.default_rng(0)
    options = defaults.default()
    options.data.height, options.data.width = spec.height, spec.width
    options.data.kwargs.update(train=len(spec.train.names), val=0, test=len(spec.test.names))
    initial = initial_images(len(spec.train.names), options.data.initial_share, options.seed)
    run.mkdir()
    identity = {"options": defaults.flat(options), "fingerprint": "-", "versions": {}}
    identity |= {"device": {"kind": "none", "count": 0}}
    (run / "config.json").write_text(json.dumps(identity))
    (run / "splits.json").write_text(json.dumps(splits_record(spec, initial)))
    cell = options.acquisition.cell_height, options.acquisition.cell_width
    grid, whole = region_grid(spec.height, spec.width, *cell), whole_image(spec.height, spec.width)
    labels = LabelStore.open(
        run / "annotations",
        names=spec.train.names,
        height=spec.height,
        width=spec.width,
        num_classes=len(spec.classes),
    )
    oracle = simulated(spec.train)
    for answers in oracle.answers([RegionRef(i, 0, 0) for i in initial], whole, 0):
        labels.record(answers, whole)
    for cycle in range(CYCLES):
        folder = run / f"cycles/{cycle:02d}"
        folder.mkdir(parents=True)
        confusion = made_views(folder, spec, cycle, rng)
        made_measures(folder, spec, cycle, labels, confusion)
        if cycle + 1 == CYCLES:
            return
        eligible = labels.untouched(grid)
        scores = np.where(eligible, rng.random(eligible.shape, np.float32), 0)
        np.savez_compressed(folder / "scores.npz", scores=scores, eligible=eligible)
        allowed = budget(grid, per_image=CELLS, images=len(eligible), scope="image")
        taken = np.argwhere(top_of_each_image(scores, eligible, allowed, rng)).tolist()
        chosen = [RegionRef(*place) for place in taken]
        (folder / "chosen.json").write_text(json.dumps(chosen))
        for answers in oracle.answers(chosen, grid, cycle + 1):
            labels.record(answers, grid)


def made_views(folder: Path, spec: DatasetSpec, cycle: int, rng: np.random.Generator) -> np.ndarray:
    """Views of all images, and the confusion matrix of those of the test."""
    classes = len(spec.classes)
    confusion = np.zeros((classes, classes), np.int64)
    places = [views.Place("pool", image) for image in range(len(spec.train.names))]
    places += [views.Place("test", image) for image in range(len(spec.test.names))]
    maps = np.zeros((len(places), spec.height, spec.width, 3), np.uint8)
    for row, place in enumerate(places):
        split = spec.train if place.split == "pool" else spec.test
        image, truth = split.read_image(place.image), split.read_truth(place.image)
        maps[row] = seen(image, truth, 4 * (CYCLES - cycle), classes, rng)
        if place.split == "test":
            known = truth < classes
            pairs = truth[known].astype(np.int64) * classes + maps[row, ..., 0][known]
            confusion += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    (folder / "views.npz").write_bytes(views.packed(places, maps))
    np.save(folder / "confusion_teacher_test.npy", confusion)
    return confusion


def seen(
    image: np.ndarray, truth: np.ndarray, reach: int, classes: int, rng: np.random.Generator
) -> np.ndarray:
    """Labels that are off by up to so many pixels at their borders, unsure where they change.

    Half of what is unsure follows the picture's light, as fine as that of a network.
    """
    height, width = truth.shape
    waves = reach * np.sin(np.arange(height)[:, None] / 9 + rng.random() * 6)
    waves = waves * np.sin(np.arange(width)[None] / 11 + rng.random() * 6)
    across = np.clip(np.arange(width)[None] + waves.astype(int), 0, width - 1)
    moved = np.take_along_axis(truth, across, axis=1)
    predicted = np.where(moved == VOID, classes - 1, moved)
    edge = (predicted != np.roll(predicted, reach, 1)) | (predicted != np.roll(predicted, reach, 0))
    unsure = 60 * edge + image.mean(axis=-1) / 4 + 8 * rng.random((height, width))
    return np.stack([predicted, 255 - unsure / 2, unsure], axis=-1).astype(np.uint8)


def made_measures(
    folder: Path, spec: DatasetSpec, cycle: int, labels: LabelStore, confusion: np.ndarray
) -> None:
    """The cycle's metrics.json."""
    hits = np.diag(confusion)
    ious = hits / np.maximum(confusion.sum(0) + confusion.sum(1) - hits, 1)
    measured = {"miou": float(ious.mean())}
    measured |= {f"iou/{n}": float(iou) for n, iou in zip(spec.classes, ious, strict=True)}
    metrics = {
        "cycle": cycle,
        "epoch": 1,
        "labeled_share": labels.share,
        "labeled_pixels": int(labels.spent),
        "regions": labels.regions_bought,
        "measures": {"teacher": {"test": measured}},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))


def peak() -> int:
    """The most memory that this process has had so far, in bytes, the drawn scenes with it."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes * (1 if sys.platform == "darwin" else 1024)


def about_this_machine() -> list[str]:
    """The last entries of a row."""
    machine = f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} CPU cores"
    return [machine, time.strftime("%Y-%m-%d"), np.__version__]


if __name__ == "__main__":
    main()
