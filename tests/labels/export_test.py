"""Labels handed over: what was answered, in the pixels it was answered in, and nothing else."""

import json
from pathlib import Path

import numpy as np
import pytest

from s4al_jax.data.folder import folder
from s4al_jax.files.resize import resize_image
from s4al_jax.labels.answer import PoolShape, given_box, pack_answer
from s4al_jax.labels.export import export_labels, known_labels, read_answers
from s4al_jax.labels.store import LabelStore
from s4al_jax.regions.grid import region_grid, whole_image
from s4al_jax.types import (
    UNLABELED,
    VOID,
    Annotation,
    Box,
    DatasetSpec,
    ImageSet,
    InputError,
    RegionRef,
)
from tests.support.small_datasets import pixels

GRID = region_grid(4, 6, 2, 3)
ORIGINAL = np.random.default_rng(0).integers(0, 3, (8, 12), np.uint8)
"""The whole truth of image 1, in its own pixels: twice the working size."""
PICTURES = [np.random.default_rng(i).integers(0, 256, (8, 12, 3), np.uint8) for i in range(3)]


def unread(index: int) -> np.ndarray:
    raise AssertionError("the truth of the pool was read")


@pytest.fixture
def spec() -> DatasetSpec:
    names = ("a", "street/b", "c")
    train = ImageSet(
        names,
        lambda index: resize_image(PICTURES[index], 4, 6),
        unread,
        lambda index: PICTURES[index],
    )
    none = ImageSet((), unread, unread)
    palette = ((10, 0, 0), (0, 20, 0), (0, 0, 30))
    return DatasetSpec("three", ("earth", "tree", "sky"), palette, 4, 6, train, none, none)


@pytest.fixture
def annotations(spec: DatasetSpec, tmp_path: Path) -> Path:
    """Image 0 came with a label at the working size; one cell of image 1 was answered."""
    path = tmp_path / "run/annotations"
    store = LabelStore.open(path, names=spec.train.names, height=4, width=6, num_classes=3)
    given = np.arange(24, dtype=np.uint8).reshape(4, 6) % 3
    given[0, 0] = VOID
    whole = whole_image(4, 6)
    store.record([Annotation(RegionRef(0, 0), given, "given", 0)], whole)
    labels = ORIGINAL[4:8, 6:12]
    store.record([Annotation(RegionRef(1, 3), labels, "Ada", 1, size=(8, 12))], GRID)
    return path


def test_the_folder_is_a_dataset_in_original_pixels(
    spec: DatasetSpec, annotations: Path, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in annotations.rglob("*") if path.is_file()}
    seen: list[tuple[int, int]] = []
    out = tmp_path / "labels"
    answers = read_answers(annotations, spec)
    export_labels(out, spec, answers, original=True, progress=lambda *done: seen.append(done))
    assert seen == [(1, 2), (2, 2)]
    assert np.array_equal(pixels(out / "images/street/b.png"), PICTURES[1])
    expected = np.full((8, 12), VOID)
    expected[4:8, 6:12] = ORIGINAL[4:8, 6:12]
    assert np.array_equal(pixels(out / "masks/street/b.png"), expected)
    # Known at the working size only: each of its pixels is four of the original.
    given = np.arange(24).reshape(4, 6) % 3
    given[0, 0] = VOID
    assert np.array_equal(pixels(out / "masks/a.png"), given.repeat(2, axis=0).repeat(2, axis=1))
    assert sorted(p.name for p in (out / "images").rglob("*.png")) == ["a.png", "b.png"]
    assert {path: path.read_bytes() for path in before} == before

    again = folder(str(out), height=4, width=6)
    assert again.train.names == ("a", "street/b") and again.classes == spec.classes
    assert again.palette == spec.palette
    assert np.array_equal(again.train.read_truth(0), given)

    content = json.loads((out / "coco.json").read_text())
    assert [image["file_name"] for image in content["images"]] == [
        "images/a.png",
        "images/street/b.png",
    ]
    assert sum(entry["area"] for entry in content["annotations"]) == 4 * 23 + 24


def test_at_the_working_size_it_is_what_the_network_learned_from(
    spec: DatasetSpec, annotations: Path, tmp_path: Path
) -> None:
    store = LabelStore.open(annotations, names=spec.train.names, height=4, width=6, num_classes=3)
    answers = read_answers(annotations, spec)
    for of_image in answers:
        found = known_labels(of_image, (4, 6), (4, 6))
        assert np.array_equal(found, store.label_map(of_image[0].region.image))
    out = tmp_path / "labels"
    export_labels(out, spec, answers, original=False, progress=lambda *done: None)
    assert pixels(out / "images/a.png").shape == (4, 6, 3)
    mask = store.label_map(1)
    mask[mask == UNLABELED] = VOID
    assert np.array_equal(pixels(out / "masks/street/b.png"), mask)


def test_where_cells_share_pixels_each_pixel_is_that_of_its_own_cell() -> None:
    # Three columns over four pixels: they touch the pixels 0-1, 1-2, 2-3, and own 0, 1-2, 3.
    answers = []
    for col in range(3):
        labels = np.full((1, 2), col, np.uint8)
        annotation = Annotation(RegionRef(0, col), labels, "Ada", 0, size=(1, 4))
        box, shape = Box(0, col, 1, col + 1), PoolShape(("a",), 1, 3, 3)
        answers.append(pack_answer(annotation, box, None, shape))
    assert [given_box(a.box, a.size, (1, 3))[1::2] for a in answers] == [(0, 2), (1, 3), (2, 4)]
    for some, expected in (
        (answers, [0, 1, 1, 2]),
        (answers[::-1], [0, 1, 1, 2]),
        (answers[:1], [0, 0, UNLABELED, UNLABELED]),
    ):
        assert known_labels(some, (1, 3), (1, 4)).tolist() == [expected]


def test_an_interrupted_export_leaves_no_folder_of_that_name(
    spec: DatasetSpec, annotations: Path, tmp_path: Path
) -> None:
    def stopped(done: int, total: int) -> None:
        raise KeyboardInterrupt

    answers = read_answers(annotations, spec)
    with pytest.raises(KeyboardInterrupt):
        export_labels(tmp_path / "out", spec, answers, original=True, progress=stopped)
    assert not (tmp_path / "out").exists() and (tmp_path / "out.part").is_dir()
    export_labels(tmp_path / "out", spec, answers, original=True, progress=lambda *done: None)
    assert (tmp_path / "out/coco.json").is_file() and not (tmp_path / "out.part").exists()


def test_a_picture_that_was_turned_since_is_refused(
    spec: DatasetSpec, annotations: Path, tmp_path: Path
) -> None:
    turned = spec.train._replace(read_original=lambda index: PICTURES[index].swapaxes(0, 1))
    spec = spec._replace(train=turned)
    answers = read_answers(annotations, spec)
    with pytest.raises(InputError, match="image street/b has 12 x 8 pixels, and had 8 x 12 when"):
        export_labels(tmp_path / "out", spec, answers, original=True, progress=lambda *done: None)


def test_a_folder_with_something_in_it_and_a_directory_of_no_run_are_refused(
    spec: DatasetSpec, annotations: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "file"):
        with pytest.raises(InputError, match="is there already: name a new folder"):
            export_labels(place, spec, [], original=True, progress=lambda *done: None)
    with pytest.raises(InputError, match="is this the directory of a run"):
        read_answers(tmp_path / "nowhere", spec)
    assert not (tmp_path / "nowhere").exists()
