"""A table in CSV: what its rows mean, and which of them are refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from s4al_jax.data.table import table
from s4al_jax.survey.validate import survey
from s4al_jax.types import DatasetSpec
from tests.support.bad_inputs import Case, refused
from tests.support.small_datasets import png
from tests.support.ways_in import csv_table, pictures, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Eight images with masks: four of train, two of val, two of test."""
    csv_table(tmp_path, 8)
    return tmp_path


def read(root: Path, **how: object) -> DatasetSpec:
    how = {"fit": "stretch", **how}
    return table(str(root), height=8, width=16, **how)  # type: ignore[arg-type]


def rows(*lines: str) -> Callable[[Path], object]:
    return lambda root: write(root / "table.csv", "\n".join(lines) + "\n")


def test_a_row_says_where_image_and_mask_are_and_the_split(root: Path) -> None:
    spec = read(root)
    assert spec.train.names == tuple(f"photos/trip/{n}" for n in (0, 1, 4, 5))
    assert spec.val.names == ("photos/trip/2", "photos/trip/6")
    assert not survey(spec).errors
    _, image, ids = list(pictures(8))[4]
    assert spec.train.read_original is not None and spec.train.read_original_truth is not None
    np.testing.assert_array_equal(spec.train.read_original(2), image)
    np.testing.assert_array_equal(spec.train.read_original_truth(2), ids)
    again = read(root / "table.csv")
    assert again.train.names == spec.train.names


def test_an_empty_mask_is_an_unlabeled_image_and_the_order_of_rows_says_nothing(root: Path) -> None:
    rows(
        " split , image,mask",
        "train,photos/trip/1.png,",
        "",
        'train,"photos/trip/0.png",labels/trip/0_ids.png',
    )(root)
    spec = read(root)
    assert spec.train.names == ("photos/trip/0", "photos/trip/1")
    assert spec.train.known.tolist() == [True, False]


def test_without_the_column_val_and_test_are_drawn(root: Path) -> None:
    named = [f"photos/trip/{n}.png,labels/trip/{n}_ids.png" for n in range(6)]
    rows("image,mask", *named, "photos/trip/6.png,", "photos/trip/7.png,")(root)
    spec = read(root, val_share=1 / 3, test_share=1 / 6)
    assert [len(split.names) for split in (spec.train, spec.val, spec.test)] == [5, 2, 1]
    assert int(spec.train.known.sum()) == 3


GOOD = "photos/trip/0.png,labels/trip/0_ids.png,train"
BAD = (
    Case(
        "that is empty",
        rows(""),
        "HERE/table.csv needs a column 'image', once: its first line has to be image,mask or "
        "image,mask,split, with commas",
    ),
    Case(
        "with semicolons",
        rows("image;mask;split", GOOD.replace(",", ";")),
        "HERE/table.csv needs a column 'image', once: its first line has to be image,mask or "
        "image,mask,split, with commas",
    ),
    Case(
        "with a column of something else",
        rows("image,mask,fold", GOOD),
        "HERE/table.csv has a column 'fold': there are image, mask and split",
    ),
    Case(
        "with a short row",
        rows("image,mask,split", GOOD, "photos/trip/1.png,train"),
        "HERE/table.csv, line 3 has 2 cells, the first line 3",
    ),
    Case(
        "with a split of another name",
        rows("image,mask,split", GOOD.replace("train", "validation")),
        "HERE/table.csv, line 2 has the split 'validation': train, val or test",
    ),
    Case(
        "with a file that is not there",
        rows("image,mask,split", GOOD.replace("0_ids", "9_ids")),
        "HERE/table.csv, line 2 names 'labels/trip/9_ids.png', but there is no file "
        "HERE/labels/trip/9_ids.png",
    ),
    Case(
        "with an array in the place of a mask",
        rows("image,mask,split", GOOD.replace("0_ids.png", "0.npy")),
        "HERE/table.csv, line 2 names 'labels/trip/0.npy', which is no picture: see "
        "docs/how_to/own_data.md for other formats",
    ),
    Case(
        "with an image twice",
        rows("image,mask,split", GOOD, GOOD),
        "HERE/table.csv, line 3 names 'photos/trip/0', as HERE/table.csv, line 2 does: remove "
        "one of them, or rename the image",
    ),
    Case(
        "with a row without an image",
        rows("image,mask,split", ",labels/trip/0_ids.png,train"),
        "HERE/table.csv, line 2 names no image: remove the line, or name one",
    ),
    Case(
        "that leads out of its folder",
        rows("image,mask,split", "../a.png,,train"),
        "'HERE/table.csv, line 2: ../a.png' has a name that leads out of its folder: rename it",
    ),
    Case(
        "with an open quotation",
        rows("image,mask,split", '"photos/trip/0.png,,train'),
        "HERE/table.csv is no table in CSV (unexpected end of data): save it again",
    ),
    Case(
        "that measures on an image without a mask",
        rows("image,mask,split", GOOD, "photos/trip/1.png,,val"),
        "photos/trip/1 of HERE/table.csv is in val and has no mask: add one, or move the image to "
        "train",
    ),
    Case(
        "beside another one",
        lambda root: write(root / "other.csv", "image,mask\n"),
        "HERE holds 2 tables (.csv): name the one that is meant with config.data.root",
    ),
    Case(
        "that is a picture",
        lambda root: write(root / "table.csv", png(np.zeros((2, 2), np.uint8))),
        "HERE/table.csv is not text in UTF-8: save it as such",
    ),
)


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_a_table_that_contradicts_itself_is_refused_by_name(case: Case, root: Path) -> None:
    refused(case, root, read)
