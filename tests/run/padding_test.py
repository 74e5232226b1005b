"""Pictures of other proportions than the working size: padding is void and never asked for."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from s4al_jax.labels.export import export_labels, read_answers
from s4al_jax.labels.store import LabelStore
from s4al_jax.run import build, loop
from s4al_jax.run.budget import planned_budget
from s4al_jax.types import UNLABELED, VOID, RegionRef
from tests.support import cheap_method
from tests.support.photographs import CLASSES

SIZES = [(48, 64), (24, 64), (48, 32), (30, 64), (96, 40), (48, 64)]
"""height and width of the pool's pictures; the working size is 48 x 64"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six pictures for the pool, one for val and one for test, with masks."""
    place, rng = tmp_path / "photos", np.random.default_rng(0)
    sizes = {f"train/{number}": size for number, size in enumerate(SIZES)}
    for name, size in (sizes | {"val/0": (20, 64), "test/0": (48, 20)}).items():
        for kind, array in (
            ("images", rng.integers(0, 256, (*size, 3), np.uint8)),
            ("masks", rng.integers(0, 2, size, np.uint8)),
        ):
            path = place / kind / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(path)
    (place / "classes.txt").write_text("\n".join(CLASSES))
    return place


@pytest.fixture
def config(root: Path) -> Callable[..., ConfigDict]:
    """Cells of 12 x 16 pixels, all of which are asked for in one acquisition."""

    def made(cells: int = 16, **kwargs: object) -> ConfigDict:
        config = cheap_method.get_config().unlock()
        config.data.name, config.data.root = "folder", str(root)
        config.data.kwargs = ConfigDict({"split": "folders", **kwargs})
        config.data.initial_share = 0.4
        config.budget.regions_per_image = cells
        return config

    return made


def opened(made: build.Experiment, workdir: Path) -> LabelStore:
    return LabelStore.open(
        workdir / "annotations",
        names=made.spec.train.names,
        height=48,
        width=64,
        num_classes=len(CLASSES),
        contents=made.task.contents,
    )


def test_a_run_pays_for_no_padding_and_ends_with_every_pixel_labeled(
    config: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    made = build.build(config())
    assert made.task.contents is not None
    # 30 x 64 is 30 rows of 48; 96 x 40 in 96 x 128 is 20 columns of 64.
    expected = [[48, 64], [24, 64], [48, 32], [30, 64], [48, 20], [48, 64]]
    assert made.task.contents.tolist() == expected
    pixels = sum(rows * cols for rows, cols in expected)
    (planned,) = planned_budget(made)
    initial = sum(
        rows * cols for image, (rows, cols) in enumerate(expected) if image in made.initial
    )
    assert planned.pixels == pixels - initial

    results = list(loop.run_cycles(made, tmp_path / "run"))
    for region in results[0].chosen or []:
        assert made.regions.costs(region.image)[region.region] > 0
    assert results[-1].metrics["labeled_pixels"] == pixels
    assert results[-1].metrics["labeled_share"] == 1.0
    store = opened(made, tmp_path / "run")
    store.check_valid()
    assert store.fully_labeled.all() and not store.open_regions(made.regions).any()
    for image, (rows, cols) in enumerate(expected):
        labels = store.label_map(image)
        np.testing.assert_array_equal(labels, made.spec.train.read_truth(image))
        assert np.all(labels[rows:] == VOID) and np.all(labels[:, cols:] == VOID)
        assert not np.any(labels[:rows, :cols] == UNLABELED)
    described = json.loads((tmp_path / "run/run.json").read_text())
    assert described["budget"]["pool_pixels"] == pixels
    assert described["preprocessing"]["fit"] == "pad"


def test_regions_end_where_the_picture_does(config: Callable[..., ConfigDict]) -> None:
    regions = build.build(config()).regions
    # 30 rows: cells of the third row have 6 of 12, those of the fourth none.
    assert regions.costs(3).reshape(4, 4).tolist() == [[192] * 4, [192] * 4, [96] * 4, [0] * 4]
    assert regions.box(RegionRef(3, 9)) == (24, 16, 30, 32)
    assert regions.box(RegionRef(3, 13)).area == 0
    assert regions.costs(0).tolist() == [192] * 16 and not regions.uniform


def test_exported_labels_have_the_sizes_of_the_pictures(
    root: Path, config: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    made = build.build(config())
    list(loop.run_cycles(made, tmp_path / "run"))
    answers = read_answers(tmp_path / "run/annotations", made.spec)
    export_labels(
        tmp_path / "out", made.spec, answers, original=True, progress=lambda done, total: None
    )
    for number, size in enumerate(SIZES):
        with Image.open(tmp_path / f"out/masks/train/{number}.png") as mask:
            found = np.array(mask)
        assert found.shape == size
        if size[0] <= 48:  # labels of larger pictures were cut to the working size
            with Image.open(root / f"masks/train/{number}.png") as truth:
                np.testing.assert_array_equal(found, np.array(truth))


def test_where_no_picture_needs_padding_regions_stay_as_they_are(
    config: Callable[..., ConfigDict],
) -> None:
    for fit in ("crop", "stretch"):
        made = build.build(config(fit=fit))
        assert made.task.contents is None and made.regions.uniform and made.spec.fit == fit


def test_whole_images_are_asked_for_without_their_padding(
    config: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    given = config()
    given.regions = ConfigDict({"name": "image", "kwargs": {}})
    given.budget.image_share = 0.5
    made = build.build(given)
    first, last = loop.run_cycles(made, tmp_path / "run")
    for region in first.chosen or []:
        assert made.task.contents is not None
        assert made.regions.costs(region.image).tolist() == [
            made.task.contents[region.image].prod()
        ]
    assert last.metrics["labeled_pixels"] == opened(made, tmp_path / "run").spent
