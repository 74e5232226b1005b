"""Run directories with a handful of numbers in them, written by hand. Not a test."""

import json
from pathlib import Path

import numpy as np

from s4al_jax.config.comparison import group_options
from s4al_jax.config.defaults import default
from s4al_jax.config.options import FREE_OPTIONS, flat
from s4al_jax.labels.store import LabelStore
from s4al_jax.regions.grid import region_grid, whole_image
from s4al_jax.rundir.run_json import write_run_json
from s4al_jax.types import Annotation, RegionRef, Schedule
from tests.support.descriptions import dataset, description
from tests.support.tiny import tiny_config

CLASSES = ("road", "tree", "car")
NAMES = ("a", "b", "c", "d")
HEIGHT, WIDTH = 48, 64


def small_run(path: Path, *mious: float | None, **changes: object) -> Path:
    """A run with these mIoU on test, one a cycle; 25 % labeled at first, 10 % more each time."""
    config = tiny_config(**changes)
    supervised = config.method.name == "supervised"
    if supervised:
        with config.unlocked():
            config.method.kwargs = {}
    options = flat(config)
    path.mkdir(parents=True)
    identity = {"fingerprint": "f", "options": options, "versions": {"jax": "1"}}
    identity["device"] = {"kind": "cpu", "count": 1}
    (path / "config.json").write_text(json.dumps(identity))
    groups = group_options(options, defaults=flat(default()), free=FREE_OPTIONS)
    spec = dataset(name=config.data.name, height=config.data.height, width=config.data.width)
    described = description(
        spec,
        method=config.method.name,
        acquisition=config.acquisition.name,
        labels_all=supervised and config.data.initial_share == 1.0,
        networks=("student",),
        schedule=Schedule(
            cycles=config.schedule.acquisitions + 1,
            iterations=config.schedule.iterations,
            epochs=config.schedule.epochs,
            last_epochs=config.schedule.last_epochs,
        ),
    )
    described |= {
        "seed": groups.seed,
        "study": dict(groups.study),
        "setting": dict(groups.setting),
        "changed": dict(groups.changed),
    }
    write_run_json(path, described)
    splits = {"dataset": "synthetic", "classes": CLASSES, "train": NAMES, "val": [], "test": ["t"]}
    (path / "splits.json").write_text(json.dumps({**splits, "initial": ["a"]}))
    for number, miou in enumerate(mious):
        measured = {"miou": miou, **{f"iou/{name}": miou for name in CLASSES}}
        metrics = {
            "cycle": number,
            "epoch": 1,
            "labeled_share": 0.25 + 0.1 * number,
            "labeled_pixels": 100,
            "regions": 0,
            "measures": {"student": {"test": measured}},
        }
        folder = path / f"cycles/{number:02d}"
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps(metrics))
    return path


def annotate(path: Path) -> LabelStore:
    """Image a whole, half of it road and half tree; for cycle 1 two cells of 12 x 16 pixels of b.

    One is all car, the other all void but for a row of road.
    """
    store = LabelStore.open(
        path / "annotations", names=NAMES, height=HEIGHT, width=WIDTH, num_classes=len(CLASSES)
    )
    half = np.zeros((HEIGHT, WIDTH), np.uint8)
    half[HEIGHT // 2 :] = 1
    store.record([Annotation(RegionRef(0, 0), half, "given", 0)], whole_image(HEIGHT, WIDTH))
    car, void = np.full((12, 16), 2, np.uint8), np.full((12, 16), 255, np.uint8)
    void[0] = 0
    cells = [Annotation(RegionRef(1, 0), car, "Ada", 1)]
    cells.append(Annotation(RegionRef(1, 15), void, "Ada", 1))
    store.record(cells, region_grid(HEIGHT, WIDTH, 12, 16))
    return store
