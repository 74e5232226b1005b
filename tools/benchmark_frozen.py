"""How long a person waits with a frozen backbone: first pass, a cycle, the scores of the pool.

    python tools/benchmark_frozen.py --weights=mobilenet_v2.safetensors --out=results/frozen.csv

Images are noise, whose time is that of any others. A second start tells what is left of the first
pass when features are kept.
"""

import argparse
import csv
import os
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from s4al_jax.config.defaults import default
from s4al_jax.run import annotate, build, preflight, selection, training
from s4al_jax.run.build import Experiment
from s4al_jax.run.open import open_run
from s4al_jax.types import DatasetSpec, ImageSet

COLUMNS = ("what", "seconds", "images", "steps", "aspp_channels", "threads", "jax")


def images(name: str, count: int, height: int, width: int) -> ImageSet:
    """Noise, with stripes for labels."""

    def picture(index: int) -> np.ndarray:
        rng = np.random.default_rng([len(name), index])
        return rng.integers(0, 256, (height, width, 3), np.uint8)

    truth = np.tile((np.arange(width) * 11 // width).astype(np.uint8), (height, 1))
    return ImageSet(tuple(f"{name}{i}" for i in range(count)), picture, lambda index: truth)


def configuration(given: argparse.Namespace) -> ConfigDict:
    """Supervised learning of the head alone, twice."""
    config = default()
    config.data.update(height=240, width=320)
    config.model.update(pretrained=given.weights, frozen="backbone")
    config.model.head.kwargs.update(
        aspp_channels=given.aspp_channels, low_level_channels=given.aspp_channels // 4
    )
    config.augment.update(scale_range=(1.0, 1.0), jitter_probability=0.0)
    with config.unlocked():
        config.method = ConfigDict({"name": "supervised", "kwargs": {}})
    config.schedule.update(acquisitions=2, iterations=given.steps, epochs=1, last_epochs=1)
    config.report.update(pool_images=0, measured_images=0)
    config.evaluate.splits = ("val",)
    return config


def measure(experiment: Experiment, workdir: Path) -> dict[str, float]:
    """Seconds of each part; programs are compiled in the first cycle, measured in the second."""
    found = {}
    preflight.claim_directory(experiment, workdir)
    begun = time.monotonic()
    with open_run(experiment, workdir) as run:
        found["first pass"] = time.monotonic() - begun
        annotate.record_initial_labels(run)
        for cycle, suffix in ((0, " with compilation"), (1, "")):
            begun = time.monotonic()
            training.train_cycle(run, cycle)
            found[f"cycle{suffix}"] = time.monotonic() - begun
            begun = time.monotonic()
            chosen = selection.select_regions(run, cycle)
            found[f"scores{suffix}"] = time.monotonic() - begun
            annotate.annotate_regions(run, chosen, cycle=cycle + 1)
    begun = time.monotonic()
    with open_run(experiment, workdir):
        found["second start"] = time.monotonic() - begun
    return found


def main() -> None:
    """Measure and append rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--aspp_channels", type=int, default=64)
    given = parser.parse_args()
    size = (240, 320)
    classes = tuple(f"class{i}" for i in range(11))
    palette = tuple((i, i, i) for i in range(11))
    splits = (images("train", given.images, *size), images("val", 8, *size), images("t", 8, *size))
    experiment = build.build(
        configuration(given), DatasetSpec("noise", classes, palette, *size, *splits)
    )
    threads = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        found = measure(experiment, Path(folder) / "run")
    rows = [
        (what, f"{seconds:.2f}", given.images, given.steps, given.aspp_channels, threads)
        for what, seconds in found.items()
    ]
    for row in rows:
        print(*row)
    if given.out:
        is_new = not given.out.exists()
        with given.out.open("a", newline="") as file:
            writer = csv.writer(file)
            writer.writerows([COLUMNS] if is_new else [])
            writer.writerows((*row, jax.__version__) for row in rows)


if __name__ == "__main__":
    main()
