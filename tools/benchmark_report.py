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

from s4al_jax.acquisition.select import by_score
from s4al_jax.config.comparison import OptionGroups
from s4al_jax.data.splits import initial_images, splits_record
from s4al_jax.labels.oracle import oracle
from s4al_jax.labels.store import LabelStore
from s4al_jax.regions.grid import RegionGrid, region_grid, whole_image
from s4al_jax.regions.protocol import Regions, region_costs
from s4al_jax.report.page.write import write_page
from s4al_jax.rundir import views
from s4al_jax.rundir.directory import CycleFolder, cycle_folder
from s4al_jax.rundir.run_json import describe_run, write_run_json
from s4al_jax.streets.dataset import streets
from s4al_jax.types import (
    VOID,
    Budget,
    DatasetSpec,
    ImageSet,
    PoolState,
    RegionRef,
    Schedule,
    Stage,
)

HEAD = ["pool_images", "measured_images", "cycles", "height", "width", "page_mib", "write_seconds"]
HEAD += ["write_cpu_seconds", "views_mib_a_cycle", "peak_mib", "machine", "date", "numpy"]
CYCLES, CELLS, SCENES, MIB = 3, 4, 24, 2**20
CELL, INITIAL_SHARE, EPOCHS = 30, 0.1, 100


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
        spec = repeat_scenes(spec)
        make_run(folder / "run", spec)
        started, began = time.monotonic(), time.process_time()
        page = write_page(given.keep or folder / "page", [folder / "run"], spec)
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


def repeat_scenes(spec: DatasetSpec) -> DatasetSpec:
    """The dataset with its first scenes drawn once, and shown again and again.

    Drawing is no part of a report, and takes longer.
    """
    scenes = range(min(SCENES, len(spec.train.names)))
    images = [spec.train.read_image(index) for index in scenes]
    truths = [spec.train.read_truth(index) for index in scenes]

    def repeat(split: ImageSet) -> ImageSet:
        return split._replace(
            read_image=lambda index: images[index % len(scenes)],
            read_truth=lambda index: truths[index % len(scenes)],
        )

    return spec._replace(train=repeat(spec.train), test=repeat(spec.test))


def make_run(run: Path, spec: DatasetSpec) -> None:
    """Make a run directory with all that a report reads."""
    rng = np.random.default_rng(0)
    pool = len(spec.train.names)
    initial = initial_images(pool, INITIAL_SHARE, 0)
    grid, whole = region_grid(spec.height, spec.width, CELL, CELL), whole_image(*size(spec))
    run.mkdir()
    (run / "config.json").write_text(json.dumps({"options": {}, "fingerprint": "-"}))
    describe(run, spec, grid, len(initial))
    (run / "splits.json").write_text(json.dumps(splits_record(spec, initial)))
    labels = LabelStore.open(
        run / "annotations",
        names=spec.train.names,
        height=spec.height,
        width=spec.width,
        num_classes=len(spec.classes),
    )
    annotate(labels, spec, [RegionRef(image, 0) for image in initial], whole, 0)
    for cycle in range(CYCLES):
        folder = cycle_folder(run, cycle)
        confusion = write_views(folder, spec, cycle, rng)
        write_metrics(folder, spec, cycle, labels, confusion)
        if cycle + 1 == CYCLES:
            return
        state = PoolState(
            open=labels.open_regions(grid),
            labeled=labels.labeled_regions(grid),
            costs=region_costs(grid, pool),
            class_pixels=labels.class_pixels,
        )
        scores = np.where(state.open, rng.random(state.open.shape, np.float32), 0)
        folder.write_scores({"score": scores}, state.open)
        chosen = by_score({"score": scores}, state, Budget(CELLS, None), rng)
        folder.write_chosen(chosen)
        annotate(labels, spec, chosen, grid, cycle + 1)


def annotate(
    labels: LabelStore, spec: DatasetSpec, refs: list[RegionRef], regions: Regions, cycle: int
) -> None:
    """Have the oracle annotate regions."""
    for answers in oracle(spec.train).answers(refs, regions, cycle):
        labels.record(answers, regions)


def size(spec: DatasetSpec) -> tuple[int, int]:
    """Height and width of all images."""
    return spec.height, spec.width


def describe(run: Path, spec: DatasetSpec, grid: RegionGrid, initial: int) -> None:
    """Write the run.json of a run of so many initial images."""
    queried = CELLS * (len(spec.train.names) - initial)
    stages = [Stage("warmup", EPOCHS, ("labeled",))]
    described = describe_run(
        argv=["s4al", "train", "demo"],
        options=OptionGroups(seed=0, study={}, setting={}, changed={}),
        spec=spec,
        regions=grid,
        region_kind="grid",
        method={
            "name": "s4al",
            "networks": ["teacher"],
            "labels_all": False,
            "confidence_threshold": 0.97,
        },
        schedule=Schedule(cycles=CYCLES, iterations=1, epochs=EPOCHS, last_epochs=EPOCHS),
        stages=[stages] * CYCLES,
        initial=range(initial),
        budgets=[(queried, queried * CELL**2)] * (CYCLES - 1),
        acquisition="random",
        annotator="oracle",
        preprocessing={"mean": [0.0] * 3, "std": [1.0] * 3, "padding": "symmetric"},
        evaluated=["test"],
        checkpoint={},
        versions={},
        device={"kind": "none", "count": 0},
    )
    write_run_json(run, described)


def write_views(
    folder: CycleFolder, spec: DatasetSpec, cycle: int, rng: np.random.Generator
) -> np.ndarray:
    """Write views of all images, and give the confusion matrix of the test images."""
    classes = len(spec.classes)
    confusion = np.zeros((classes, classes), np.int64)
    places = [views.Place("pool", image) for image in range(len(spec.train.names))]
    places += [views.Place("test", image) for image in range(len(spec.test.names))]
    maps = np.zeros((len(places), spec.height, spec.width, 3), np.uint8)
    for row, place in enumerate(places):
        split = spec.train if place.split == "pool" else spec.test
        image, truth = split.read_image(place.image), split.read_truth(place.image)
        maps[row] = simulate_view(image, truth, 4 * (CYCLES - cycle), classes, rng)
        if place.split == "test":
            known = truth < classes
            pairs = truth[known].astype(np.int64) * classes + maps[row, ..., 0][known]
            confusion += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    folder.write_views(views.pack(places, maps))
    return confusion


def simulate_view(
    image: np.ndarray, truth: np.ndarray, reach: int, classes: int, rng: np.random.Generator
) -> np.ndarray:
    """Labels that are off by up to `reach` pixels at their borders, uncertain where they change.

    Half of the uncertainty follows the brightness of the picture: it is as fine as a network's.
    """
    height, width = truth.shape
    waves = reach * np.sin(np.arange(height)[:, None] / 9 + rng.random() * 6)
    waves = waves * np.sin(np.arange(width)[None] / 11 + rng.random() * 6)
    across = np.clip(np.arange(width)[None] + waves.astype(int), 0, width - 1)
    moved = np.take_along_axis(truth, across, axis=1)
    predicted = np.where(moved == VOID, classes - 1, moved)
    edge = (predicted != np.roll(predicted, reach, 1)) | (predicted != np.roll(predicted, reach, 0))
    uncertainty = 60 * edge + image.mean(axis=-1) / 4 + 8 * rng.random((height, width))
    return np.stack([predicted, 255 - uncertainty / 2, uncertainty], axis=-1).astype(np.uint8)


def write_metrics(
    folder: CycleFolder, spec: DatasetSpec, cycle: int, labels: LabelStore, confusion: np.ndarray
) -> None:
    """Write the cycle's metrics.json and confusion matrix."""
    hits = np.diag(confusion)
    ious = hits / np.maximum(confusion.sum(0) + confusion.sum(1) - hits, 1)
    measured = {"miou": float(ious.mean())}
    measured |= {f"iou/{n}": float(iou) for n, iou in zip(spec.classes, ious, strict=True)}
    metrics = {
        "cycle": cycle,
        "epoch": 1,
        "labeled_share": labels.share,
        "labeled_pixels": int(labels.spent),
        "regions": labels.annotated_regions,
        "measures": {"teacher": {"test": measured}},
    }
    folder.write_metrics(metrics, {"teacher_test": confusion})


def peak() -> int:
    """The most memory that this process has had so far, in bytes, the drawn scenes included."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes * (1 if sys.platform == "darwin" else 1024)


def about_this_machine() -> list[str]:
    """The last entries of a row."""
    machine = f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} CPU cores"
    return [machine, time.strftime("%Y-%m-%d"), np.__version__]


if __name__ == "__main__":
    main()
