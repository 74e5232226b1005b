"""Label Studio's export: its bytes of brush strokes, its polygons, and how images are found."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from s4al_jax.data.brush import stroke_mask
from s4al_jax.data.label_studio import label_studio
from s4al_jax.survey.validate import survey
from s4al_jax.types import VOID, DatasetSpec
from tests.support.bad_inputs import Case, refused
from tests.support.run_lengths import brush_bytes, brush_of
from tests.support.small_datasets import png
from tests.support.ways_in import label_studio_export, pictures, write

HEIGHT, WIDTH = 4, 6


def bits(*parts: tuple[int, int]) -> list[int]:
    """Bytes of (value, bits) one after another."""
    text = "".join(f"{value:0{count}b}" for value, count in parts)
    text += "0" * (-len(text) % 8)
    return [int(text[start : start + 8], 2) for start in range(0, len(text), 8)]


HEAD = [(8, 32), (7, 5), (2, 4), (3, 4), (7, 4), (15, 4)]
"""Eight values, which are two pixels, of eight bits; lengths of 3, 4, 8 and 16 bits."""


def test_strokes_are_read_as_worked_out_by_hand() -> None:
    # A run of 4 times 0, with a length of three bits; then 4 values one by one: 9, 9, 9, 200.
    run = [(1, 1), (0, 2), (3, 3), (0, 8)]
    single = [(0, 1), (1, 2), (3, 4), (9, 8), (9, 8), (9, 8), (200, 8)]
    assert stroke_mask(bits(*HEAD, *run, *single), 1, 2).tolist() == [[False, True]]
    # Only opacity counts, the fourth of every four values, and 1 is enough of it.
    faint = [(0, 1), (1, 2), (7, 4), *[(n, 8) for n in (255, 255, 255, 0, 0, 0, 0, 1)]]
    assert stroke_mask(bits(*HEAD, *faint), 1, 2).tolist() == [[False, True]]
    assert stroke_mask(bits(*HEAD, *faint), 2, 1).tolist() == [[False], [True]]


@given(
    arrays.arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 20))),
    st.booleans(),
)
def test_any_mask_comes_back_from_its_bytes(mask: np.ndarray, one_by_one: bool) -> None:
    found = stroke_mask(brush_of(mask, one_by_one=one_by_one), *mask.shape)
    np.testing.assert_array_equal(found, mask)


def test_a_run_may_be_longer_than_the_longest_length() -> None:
    mask = np.ones((150, 150), bool)
    mask[-1, -1] = False
    np.testing.assert_array_equal(stroke_mask(brush_of(mask), 150, 150), mask)


@pytest.mark.parametrize(
    ("rle", "said"),
    [
        (brush_bytes([0] * 8)[:-2], "it ends too early"),
        (brush_bytes([0] * 12), "12 values for 1 x 2 pixels of four channels"),
        (bits(*HEAD, (1, 1), (2, 2), (8, 8), (0, 8)), "a run goes beyond the picture"),
        ([], "it ends too early"),
        (10**9, "it is no list of bytes"),
        ([0, 256], "bytes must be in range"),
    ],
)
def test_damaged_bytes_are_refused(rle: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        stroke_mask(rle, 1, 2)


def shape(kind: str, label: str, **value: object) -> dict[str, Any]:
    return {
        "id": f"{kind[0]}1",
        "type": kind,
        "value": {**value, kind: [label]},
        "original_height": HEIGHT,
        "original_width": WIDTH,
        "image_rotation": 0,
    }


# Percent of 6 columns and 4 rows: the polygon covers columns 1 to 3 and rows 1 and 2.
POLYGON = shape(
    "polygonlabels", "leaf", points=[[100 / 6, 25], [400 / 6, 25], [400 / 6, 75], [100 / 6, 75]]
)
TOP = np.arange(HEIGHT)[:, None] < np.full(WIDTH, 2)
STROKE = shape("brushlabels", "stem", format="rle", rle=brush_of(TOP))
"""The two upper rows."""


def task(*results: object, image: str = "/data/upload/1/0a1b2c3d-a.png") -> dict[str, Any]:
    annotation = {"id": 5, "was_cancelled": False, "result": list(results)}
    return {"id": 1, "data": {"image": image}, "annotations": [annotation], "predictions": []}


def put(root: Path, *tasks: object) -> None:
    write(root / "labels.json", json.dumps(tasks))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One picture, a stroke and a polygon that share three pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    write(tmp_path / "images/a.png", png(pixels))
    put(tmp_path, task(STROKE, POLYGON))
    return tmp_path


def read(root: Path, **how: object) -> DatasetSpec:
    how = {"val_share": 0.0, "test_share": 0.0, "fit": "stretch", **how}
    return label_studio(str(root), height=HEIGHT, width=WIDTH, **how)  # type: ignore[arg-type]


def drawn(root: Path, **how: object) -> list[str]:
    labels = read(root, **how).train.read_truth(0)
    return ["".join("-" if value == VOID else str(value) for value in row) for row in labels]


def test_strokes_and_polygons_are_drawn_and_classes_are_the_labels(root: Path) -> None:
    assert read(root).classes == ("leaf", "stem")
    assert drawn(root) == ["111111", "1---11", "-000--", "------"]
    assert drawn(root, overlap="last") == ["111111", "100011", "-000--", "------"]
    both = {"overlap": "smallest", "outside": "background"}
    assert drawn(root, **both) == ["222222", "211122", "011100", "000000"]


def test_a_class_list_says_the_order(root: Path) -> None:
    write(root / "classes.txt", "stem\nflower\nleaf\n")
    assert read(root).classes == ("stem", "flower", "leaf")
    assert drawn(root) == ["000000", "0---00", "-222--", "------"]


def test_an_export_comes_back_as_what_was_drawn(tmp_path: Path) -> None:
    label_studio_export(tmp_path, 8)
    spec = read(tmp_path, val_share=0.25, test_share=0.125)
    assert [len(split.names) for split in (spec.train, spec.val, spec.test)] == [5, 2, 1]
    assert spec.classes == ("air", "earth", "water") and not survey(spec).errors
    order = np.array([1, 2, 0])
    for name, _, ids in pictures(8):
        for split in (spec.train, spec.val, spec.test):
            if name in split.names:
                assert split.read_original_truth is not None
                truth = split.read_original_truth(split.names.index(name))
                np.testing.assert_array_equal(truth, order[ids])


@pytest.mark.parametrize(
    "image",
    [
        "/data/upload/1/0a1b2c3d-a.png",
        "/data/upload/1/a.png",
        "/data/local-files/?d=trip/one/a.png",
        "s3://bucket/trip/one/a.png",
        "https://host.example/one/a.png?X-Signature=b/c.png",
        "a.png",
    ],
)
def test_the_image_is_found_by_the_end_of_its_path(image: str, root: Path) -> None:
    put(root, task(STROKE, POLYGON, image=image))
    assert read(root).train.names == ("a",)


def test_of_pictures_of_one_name_the_path_says_which(root: Path) -> None:
    for way in ("one", "two"):
        write(root / f"images/{way}/a b.png", (root / "images/a.png").read_bytes())
    put(root, task(STROKE, POLYGON, image="/data/local-files/?d=trip/two/a%20b.png"))
    assert read(root).train.names == ("two/a b",)
    put(root, task(STROKE, POLYGON, image="https://host.example/one/a%20b.png"))
    assert read(root).train.names == ("one/a b",)


def test_what_nobody_annotated_is_unlabeled_and_what_has_no_area_may_be(root: Path) -> None:
    for name in "bc":
        write(root / f"images/{name}.png", png(np.zeros((2, 2, 3), np.uint8)))
    skipped = task(STROKE, POLYGON, image="c.png")
    skipped["annotations"][0]["was_cancelled"] = True
    put(root, task(STROKE, POLYGON), task(image="b.png"), skipped)
    assert read(root).train.known.tolist() == [True, False, False]
    spec = read(root, outside="background", unannotated="background")
    assert spec.train.known.tolist() == [True, True, False]
    assert not spec.train.read_truth(1).any()


def test_answers_about_the_whole_image_say_nothing_about_pixels(root: Path) -> None:
    put(root, task(STROKE, {"type": "choices", "value": {"choices": ["sunny"]}}))
    assert read(root, outside="background").classes == ("background", "stem")
    assert drawn(root, outside="background")[0] == "111111"


def tasks(*given: object) -> Callable[[Path], object]:
    return lambda root: put(root, *given)


TWICE = task(STROKE)
TWICE["annotations"] *= 2
BAD = (
    Case(
        "that is no JSON",
        lambda root: write(root / "labels.json", "[{]"),
        "HERE/labels.json is not JSON (Expecting property name enclosed in double quotes: line 1 "
        "column 3 (char 2)): export it again",
    ),
    Case(
        "as COCO",
        lambda root: write(root / "labels.json", '{"images": []}'),
        "HERE/labels.json is no list of tasks: export it as JSON, not as JSON-MIN or COCO",
    ),
    Case(
        "as JSON-MIN",
        tasks({"id": 1, "image": "/data/upload/1/a.png", "tag": []}),
        "HERE/labels.json: task 1 lacks data or annotations: export it as JSON, not as JSON-MIN",
    ),
    Case(
        "beside another one",
        lambda root: write(root / "more.json", "[]"),
        "HERE holds 2 JSON files: name the export with config.data.kwargs.export",
    ),
    Case(
        "whose image has another name",
        tasks({"id": 1, "data": {"photo": "a.png"}, "annotations": []}),
        "HERE/labels.json: task 1 has no 'image' in its data, there are photo: set "
        "config.data.kwargs.image",
    ),
    Case(
        "of an image that is not there",
        tasks(task(STROKE, POLYGON, image="/data/upload/1/0a1b2c3d-b.png")),
        "HERE/labels.json: task 1 names '/data/upload/1/b.png', but HERE/images has no such "
        "picture",
    ),
    Case(
        "of two images that are one picture",
        tasks(task(STROKE), {**task(POLYGON), "id": 2}),
        "HERE/labels.json: task 2 and HERE/labels.json: task 1 are both of HERE/images/a.png: "
        "remove one of them, or rename the picture",
    ),
    Case(
        "that two people annotated",
        tasks(TWICE),
        "HERE/labels.json: task 1 has 2 annotations, and which of them is right is not said: "
        "leave one of them",
    ),
    Case(
        "of boxes",
        tasks(task(STROKE, {**POLYGON, "type": "rectanglelabels"})),
        "HERE/labels.json: task 1 has a result of the type 'rectanglelabels': only brushlabels "
        "and polygonlabels say which pixels are meant; remove it",
    ),
    Case(
        "of a stroke without a label",
        tasks(task({**STROKE, "value": {"format": "rle", "rle": []}})),
        "HERE/labels.json: task 1, result b1 has not one label but None: give it one",
    ),
    Case(
        "of an image that was turned",
        tasks(task({**STROKE, "image_rotation": 90})),
        "HERE/labels.json: task 1, result b1 is on an image that was turned by 90 degrees in "
        "Label Studio: turn the picture itself, and annotate it again",
    ),
    Case(
        "of labels that are no class",
        lambda root: write(root / "classes.txt", "stem\nflower\n"),
        "HERE/labels.json: task 1, result p1 has the label 'leaf', which is no class of HERE: add "
        "it to the class list, or rename it",
    ),
    Case(
        "of one class",
        tasks(task(STROKE)),
        "HERE/labels.json has the one class 'stem', and all other pixels are void: set "
        "config.data.kwargs.outside to background, or there is nothing to be told apart",
    ),
    Case(
        "of nothing at all",
        tasks(),
        "HERE/labels.json names 0 classes: give 1 to 253",
    ),
)


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_an_export_that_contradicts_itself_is_refused_by_name(case: Case, root: Path) -> None:
    refused(case, root, read)


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (
            shape("brushlabels", "stem", format="rle", rle=[1, 2, 3]),
            "is damaged (it ends too early): export it again",
        ),
        (
            shape("brushlabels", "stem", format="rle"),
            "is damaged (it is no list of bytes): export it again",
        ),
        (shape("brushlabels", "stem", format="png"), "is damaged (the format 'png', not rle)"),
        (
            shape("polygonlabels", "stem", points=[[1, 2], [3, 4]]),
            "is damaged (a polygon has three",
        ),
        (shape("polygonlabels", "stem", points=[[1, 2], [3]]), "is damaged (setting an array"),
        (
            shape("polygonlabels", "stem", points=[[1, 2], [3, 4], [5, float("inf")]]),
            "is damaged (a corner far outside of the picture)",
        ),
        (
            {**STROKE, "original_width": 7},
            f"has {HEIGHT} x 7 pixels, its image",
        ),
    ],
)
def test_a_damaged_shape_is_named_by_the_check(
    result: dict[str, Any], said: str, root: Path
) -> None:
    put(root, task(POLYGON, {**result, "id": "x"}))
    (error,) = survey(read(root, overlap="last", outside="background")).errors
    assert error.startswith(f"{root}/labels.json: task 1, result x {said}")
