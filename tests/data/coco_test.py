"""COCO's form: polygons and run lengths drawn by hand, what is left open, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s4al_jax.data.areas import Area, label_map
from s4al_jax.data.coco import coco
from s4al_jax.labels.coco import coco as write_coco
from s4al_jax.survey.validate import survey
from s4al_jax.types import UNLABELED, VOID, DatasetSpec, InputError
from tests.support.bad_inputs import Case, refused
from tests.support.run_lengths import text_of_runs
from tests.support.small_datasets import png
from tests.support.ways_in import coco_folder, pictures, write

HEIGHT, WIDTH = 4, 6
LEFT = {"size": [4, 6], "counts": [0, 8, 16]}
"""The two columns on the left."""

TOP = {"size": [4, 6], "counts": text_of_runs([0, *[1, 3] * 6])}
"""The upper row, as a text."""

INNER = [[1, 1, 4, 1, 4, 3, 1, 3]]
"""Two rows and three columns in the middle, as a polygon."""


def content(*areas: tuple[int, object], **more: object) -> dict[str, Any]:
    """A file with one image and areas of (category, segmentation)."""
    return {
        "categories": [{"id": 40, "name": "leaf"}, {"id": 7, "name": "stem"}],
        "images": [{"id": 3, "file_name": "a.png", "height": HEIGHT, "width": WIDTH}],
        "annotations": [
            {"id": n, "image_id": 3, "category_id": category, "segmentation": segmentation}
            for n, (category, segmentation) in enumerate(areas, start=1)
        ],
        **more,
    }


def put(root: Path, name: str, what: object) -> None:
    write(root / name, json.dumps(what))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One picture, and one area of each class that do not touch."""
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    write(tmp_path / "images/a.png", png(pixels))
    put(tmp_path, "all.json", content((40, INNER), (7, TOP)))
    return tmp_path


def read(root: Path, **how: object) -> DatasetSpec:
    how = {"val_share": 0.0, "test_share": 0.0, "fit": "stretch", **how}
    return coco(str(root), height=HEIGHT, width=WIDTH, **how)  # type: ignore[arg-type]


def drawn(root: Path, **how: object) -> list[str]:
    """The label map of the only image: ids, and - for void."""
    labels = read(root, **how).train.read_truth(0)
    return ["".join("-" if value == VOID else str(value) for value in row) for row in labels]


def test_classes_are_the_categories_by_id_and_all_other_pixels_are_void(root: Path) -> None:
    spec = read(root)
    assert spec.classes == ("stem", "leaf")
    assert drawn(root) == ["000000", "-111--", "-111--", "------"]


def test_outside_can_be_a_class_before_all_others_or_the_one_of_that_name(root: Path) -> None:
    assert read(root, outside="background").classes == ("background", "stem", "leaf")
    assert drawn(root, outside="background") == ["111111", "022200", "022200", "000000"]
    named = content((40, INNER), (7, TOP))
    named["categories"].append({"id": 90, "name": "background"})
    put(root, "all.json", named)
    assert read(root, outside="background").classes == ("stem", "leaf", "background")
    assert drawn(root, outside="background") == ["000000", "211122", "211122", "222222"]


def test_polygons_and_both_kinds_of_run_lengths_say_the_same(root: Path) -> None:
    square = [[1, 1, 3, 1, 3, 3, 1, 3]]
    counts = [5, 2, 2, 2, 13]
    for segmentation in (
        square,
        {"size": [4, 6], "counts": counts},
        {"size": [4, 6], "counts": text_of_runs(counts)},
        [[1, 1, 2, 1, 2, 3, 1, 3], [2, 1, 3, 1, 3, 3, 2, 3]],
    ):
        put(root, "all.json", content((40, segmentation)))
        assert drawn(root) == ["------", "-11---", "-11---", "------"]


@pytest.mark.parametrize(
    ("overlap", "rows"),
    [
        ("void", ["--0000", "11----", "11----", "11----"]),
        # The upper row has 6 pixels, the left columns 8, wherever they stand in the file.
        ("smallest", ["000000", "11----", "11----", "11----"]),
        ("last", ["110000", "11----", "11----", "11----"]),
    ],
)
def test_pixels_of_two_classes_are_what_the_rule_says(
    overlap: str, rows: list[str], root: Path
) -> None:
    put(root, "all.json", content((7, TOP), (40, LEFT)))
    assert drawn(root, overlap=overlap) == rows
    put(root, "all.json", content((40, LEFT), (7, TOP)))
    if overlap != "last":
        assert drawn(root, overlap=overlap) == rows
    # Two areas of one class do not contradict each other.
    put(root, "all.json", content((7, TOP), (7, LEFT)))
    assert drawn(root, overlap=overlap) == ["000000", "00----", "00----", "00----"]


def test_three_areas_on_a_pixel_stay_void_and_the_later_of_two_of_a_size_is_the_smaller() -> None:
    ones = Area(1, lambda: np.array([[True, True]]))
    twos = Area(2, lambda: np.array([[True, True]]))
    maps = {
        how: label_map([ones, twos, ones], 1, 2, outside=0, overlap=how).tolist()
        for how in ("void", "smallest", "last")
    }
    assert maps == {"void": [[VOID, VOID]], "smallest": [[1, 1]], "last": [[1, 1]]}


def test_a_crowd_is_of_its_class_or_void(root: Path) -> None:
    crowded = content((40, INNER), (7, TOP))
    crowded["annotations"][1]["iscrowd"] = 1
    put(root, "all.json", crowded)
    assert drawn(root)[0] == "000000"
    how = {"crowd": "void", "outside": "background"}
    assert drawn(root, **how) == ["------", "022200", "022200", "000000"]


def test_an_image_without_areas_is_unlabeled_or_background(root: Path) -> None:
    write(root / "images/b.png", png(np.zeros((2, 2, 3), np.uint8)))
    two = content((40, INNER), (7, TOP))
    two["images"].append({"id": 9, "file_name": "b.png", "height": 2, "width": 2})
    put(root, "all.json", two)
    assert read(root).train.known.tolist() == [True, False]
    spec = read(root, outside="background", unannotated="background")
    assert spec.train.known.all() and not spec.train.read_truth(1).any()


def test_two_files_are_two_splits_and_one_is_drawn_from(tmp_path: Path) -> None:
    coco_folder(tmp_path, 8)
    spec = read(tmp_path, val_share=0.25, test_share=0.125)
    assert [len(split.names) for split in (spec.train, spec.val, spec.test)] == [5, 2, 1]
    assert not survey(spec).errors
    for number, (name, image, ids) in enumerate(pictures(8)):
        for split in (spec.train, spec.val, spec.test):
            if name in split.names:
                index = split.names.index(name)
                np.testing.assert_array_equal(split.original(index), image, str(number))
                assert split.read_original_truth is not None
                np.testing.assert_array_equal(split.read_original_truth(index), ids)
    everything = json.loads((tmp_path / "all.json").read_text())
    parts = {"train.json": everything["images"][:6], "val.json": everything["images"][6:]}
    for file, images in parts.items():
        ids = {image["id"] for image in images}
        areas = [one for one in everything["annotations"] if one["image_id"] in ids]
        put(tmp_path, file, {**everything, "images": images, "annotations": areas})
    spec = read(tmp_path)
    assert spec.train.names == tuple(f"trip/{n}" for n in range(6))
    assert spec.val.names == ("trip/6", "trip/7") and not spec.test.names
    (tmp_path / "train.json").rename(tmp_path / "instances_train2017.json")
    assert read(tmp_path, train="instances_train2017.json").train.names == spec.train.names


def test_what_an_export_wrote_comes_back_with_all_that_nobody_looked_at_as_void(root: Path) -> None:
    labels = np.full((HEIGHT, WIDTH), 1, np.uint8)
    labels[0], labels[1], labels[2] = UNLABELED, VOID, 0
    palette = ((1, 2, 3), (4, 5, 6))
    put(root, "all.json", write_coco([("images/a.png", labels)], ("x", "y"), palette))
    assert drawn(root, images=".") == ["------", "------", "000000", "111111"]
    assert read(root, images=".").palette == palette
    # Pixels that somebody looked at and that are in no area can be said to be background.
    rows = drawn(root, images=".", outside="background")
    assert rows == ["------", "000000", "111111", "222222"]


def change(where: str, value: object, *, of: int = 0) -> Callable[[Path], object]:
    """Another value in the file, as in "annotations.segmentation"; ... takes it away."""
    part, _, name = where.partition(".")

    def make(root: Path) -> None:
        found = json.loads((root / "all.json").read_text())
        if not name:
            found[part] = value
        elif value is ...:
            del found[part][of][name]
        else:
            found[part][of][name] = value
        put(root, "all.json", found)

    return make


BAD = (
    Case(
        "that is no JSON",
        lambda root: write(root / "all.json", "{"),
        "HERE/all.json is not JSON (Expecting property name enclosed in double quotes: line 1 "
        "column 2 (char 1)): export it again",
    ),
    Case(
        "of results alone",
        lambda root: put(root, "all.json", [{"image_id": 3}]),
        "HERE/all.json is not in COCO's form: it needs the lists categories, images, annotations",
    ),
    Case(
        "beside another one",
        lambda root: put(root, "more.json", {}),
        "HERE has no train.json and 2 JSON files: name those that are meant with "
        "config.data.kwargs.train and config.data.kwargs.val",
    ),
    Case(
        "with two categories of one id",
        change("categories.id", 7),
        "HERE/all.json has two categories of the id 7: give each its own",
    ),
    Case(
        "with two categories of one name",
        change("categories.name", "stem"),
        "HERE/all.json names 'stem' 2 times: give each its own name",
    ),
    Case(
        "with an area of no category",
        change("annotations.category_id", 1),
        "HERE/all.json: annotation 1 is of the category 1, which is not there: add it",
    ),
    Case(
        "with an area of no image",
        change("annotations.image_id", 4),
        "HERE/all.json: annotation 1 is of the image 4, which is not there: remove it",
    ),
    Case(
        "with an id that is a text",
        change("annotations.image_id", "3"),
        'HERE/all.json has an annotation whose image_id is "3": give a whole number',
    ),
    Case(
        "of boxes",
        change("annotations.segmentation", ...),
        "HERE/all.json: annotation 1 has no segmentation: boxes and points do not say which "
        "pixels are meant; add polygons or run lengths, or remove it",
    ),
    Case(
        "of an image that is not there",
        change("images.file_name", "trip/a.png"),
        "HERE/all.json names 'trip/a.png', but HERE/images has no such picture",
    ),
    Case(
        "of an image that may be two",
        lambda root: (
            [write(root / f"images/{way}/c.png", b"") for way in "de"]
            and change("images.file_name", "c.png")(root)
        ),
        "HERE/all.json names 'c.png', which may be HERE/images/d/c.png and HERE/images/e/c.png: "
        "rename one of them",
    ),
    Case(
        "that names an image twice",
        change(
            "images", [{"id": n, "file_name": "a.png", "height": 4, "width": 6} for n in (3, 4)]
        ),
        "HERE/all.json names 'a.png', which is a in HERE/all.json already: remove one of them",
    ),
    Case(
        "whose val has another meaning",
        lambda root: [
            (root / "all.json").rename(root / "train.json"),
            put(root, "val.json", content(categories=[{"id": 40, "name": "root"}])),
        ],
        "category 7 is 'stem' in HERE/train.json and None in HERE/val.json: export both with the "
        "same categories",
    ),
    Case(
        "that measures on an image without areas",
        lambda root: [
            (root / "all.json").rename(root / "train.json"),
            write(root / "images/b.png", png(np.zeros((4, 6, 3), np.uint8))),
            put(root, "val.json", content()),
            change_name(root / "val.json", "b.png"),
        ],
        "b in HERE/val.json has no annotation: if it shows nothing but background, set "
        "config.data.kwargs.outside and config.data.kwargs.unannotated to background; else take "
        "it out",
    ),
)


def change_name(path: Path, name: str) -> None:
    found = json.loads(path.read_text())
    found["images"][0]["file_name"] = name
    path.write_text(json.dumps(found))


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_a_file_that_contradicts_itself_is_refused_by_name(case: Case, root: Path) -> None:
    refused(case, root, read)


@pytest.mark.parametrize(
    ("segmentation", "said"),
    [
        ([[1, 1, 4, 1]], "has a polygon that is no list of x, y, x, y, ... with three corners"),
        ([[1, 1, 4, 1, 4, 3, 1]], "has a polygon that is no list of x, y, x, y, ... with three"),
        ([[1, 1, 4, 1, 4, "3"]], "has a polygon that is no list of x, y, x, y, ..."),
        ([[1, 1, 4, 1, 4, 1e300]], "has a corner far outside of its image: correct or remove it"),
        ([[1, 1, 4, 1, 4, float("nan")]], "has a corner far outside of its image"),
        ({"size": [6, 4], "counts": [24]}, "has run lengths of the size [6, 4], its image has [4,"),
        ({"size": [4, 6], "counts": [23]}, "is damaged (run lengths of 23 pixels, not 4 x 6)"),
        ({"size": [4, 6], "counts": "a b"}, "is damaged (' ' is no sign of run lengths)"),
    ],
)
def test_a_damaged_area_is_named_by_the_check(segmentation: Any, said: str, root: Path) -> None:
    put(root, "all.json", content((40, INNER), (7, segmentation)))
    (error,) = survey(read(root)).errors
    assert error.startswith(f"{root}/all.json: annotation 2 {said}")


def test_an_image_of_another_size_than_the_file_says_is_named_by_the_check(root: Path) -> None:
    change("images.height", 5)(root)
    (error,) = survey(read(root)).errors
    assert error == (
        f"{root}/all.json: a.png has 5 x 6 pixels, its image {root}/images/a.png has 4 x 6: "
        "give both the same size"
    )


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"outside": "unlabeled"}, "outside is 'unlabeled': void or background"),
        ({"overlap": "first"}, "overlap is 'first': void or smallest or last"),
        ({"crowd": "ignore"}, "crowd is 'ignore': class or void"),
        ({"unannotated": "background"}, 'set both to "background", or neither'),
        ({"val": "minival.json"}, "minival.json is missing: correct config.data.kwargs.val"),
        ({"images": "jpg"}, "jpg is not a folder: put the pictures there"),
    ],
)
def test_an_option_that_does_not_fit_is_named(how: dict[str, str], said: str, root: Path) -> None:
    with pytest.raises(InputError) as error:
        read(root, **how)
    assert said in str(error.value)


def test_a_single_class_with_void_beside_it_is_refused(root: Path) -> None:
    put(root, "all.json", content((7, TOP), categories=[{"id": 7, "name": "stem"}]))
    with pytest.raises(InputError, match="has the one class 'stem', and all other pixels are void"):
        read(root)
    assert read(root, outside="background").classes == ("background", "stem")
