"""The directory of a run whose regions are slanted stripes, written by hand."""

import json
from pathlib import Path

import numpy as np

from s4al_jax.data.splits import splits_record
from s4al_jax.labels.store import LabelStore
from s4al_jax.regions.grid import whole_image
from s4al_jax.rundir import views
from s4al_jax.rundir.directory import cycle_folder
from s4al_jax.rundir.region_maps import write_region_maps
from s4al_jax.rundir.run_json import write_run_json
from s4al_jax.types import UNLABELED, Annotation, DatasetSpec, RegionRef
from tests.support.descriptions import dataset, description
from tests.support.stripes import Stripes

HEIGHT, WIDTH = 48, 64
STRIPES = Stripes(HEIGHT, WIDTH)
SHOWN = (0, 1, 2)
"""images of the pool that a report shows"""
SCORES = np.array([[0.5, 1.0, 0.25, 9], [0.75, 0.125, 1.5, 2], [0.3, 0.6, 0.9, 1.2], [1, 1, 1, 1]])
OPEN = np.ones((4, 4), bool)
OPEN[0, [1, 3]] = OPEN[3] = False
"""Image 0 has three regions, of which one could not be chosen; image 3 was labeled at first."""
CHOSEN = [RegionRef(0, 0), RegionRef(1, 2), RegionRef(1, 3)]


def write_irregular_run(path: Path) -> DatasetSpec:
    """Two cycles; after the first one three stripes were queried, one of which was annotated."""
    spec = dataset(height=HEIGHT, width=WIDTH)
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({"options": {}, "fingerprint": "f"}))
    write_run_json(path, description(spec, regions=STRIPES))
    write_region_maps(path, STRIPES, SHOWN)
    (path / "splits.json").write_text(json.dumps(splits_record(spec, [3])))
    _annotate(path, spec)
    places = [*(views.Place("pool", image) for image in SHOWN), views.Place("test", 0)]
    maps = np.zeros((len(places), HEIGHT, WIDTH, 3), np.uint8)
    maps[..., 1], maps[..., 2] = 200, 50
    for cycle in range(2):
        folder = cycle_folder(path, cycle)
        measures = {"miou": 0.3 + 0.1 * cycle, **{f"iou/{name}": 0.4 for name in spec.classes}}
        metrics = {"cycle": cycle, "epoch": 1, "labeled_share": 0.25, "labeled_pixels": 3072}
        metrics |= {"regions": cycle, "measures": {"teacher": {"test": measures}}}
        folder.write_metrics({**metrics, "class_groups": {"head": [0], "tail": [1, 2]}}, {})
        folder.write_views(views.pack(places, maps))
    folder = cycle_folder(path, 0)
    folder.write_scores({"score": SCORES.astype(np.float32)}, OPEN)
    folder.write_chosen(CHOSEN)
    return spec


def _annotate(path: Path, spec: DatasetSpec) -> None:
    """Image 3 is labeled from the start; region 2 of image 1 for the second cycle."""
    store = LabelStore.open(
        path / "annotations",
        names=spec.train.names,
        height=HEIGHT,
        width=WIDTH,
        num_classes=len(spec.classes),
    )
    whole = Annotation(RegionRef(3, 0), spec.train.read_truth(3), "given", 0)
    store.record([whole], whole_image(HEIGHT, WIDTH))
    ref = RegionRef(1, 2)
    labels = spec.train.read_truth(1)[STRIPES.box(ref).slices].copy()
    mask = STRIPES.mask(ref)
    assert mask is not None
    labels[~mask] = UNLABELED
    store.record([Annotation(ref, labels, "simulated", 1)], STRIPES)
