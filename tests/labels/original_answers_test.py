"""Answers in the pixels of an original of another size: kept as given, learned from at ours."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest

from s4al_jax.labels.store import LabelStore
from s4al_jax.types import UNLABELED, Annotation, InputError
from tests.support.small_store import CLASSES, GRID, cell, files, filled, opened


@pytest.fixture
def store(tmp_path: Path) -> LabelStore:
    return filled(tmp_path / "annotations")


def larger() -> Annotation:
    """An answer for a cell of image 1, whose picture has twice the working size."""
    labels = np.arange(4 * 6, dtype=np.uint8).reshape(4, 6) % CLASSES
    return Annotation(cell(1, 1, 1), labels, "Ada", 2, size=(10, 14))


def test_an_answer_in_original_pixels_is_kept_as_given_and_learned_at_the_working_size(
    store: LabelStore, tmp_path: Path
) -> None:
    answer = larger()
    store.record([answer], GRID)
    line = (tmp_path / "annotations/ledger.jsonl").read_text("ascii").splitlines()[-1]
    entry = json.loads(line)
    assert entry["box"] == [2, 3, 4, 6] and entry["cost"] == 6
    assert entry["original"] == {"box": [4, 6, 8, 12], "size": [10, 14]}
    raw = zlib.decompress((tmp_path / "annotations/patches/02.bin").read_bytes())
    assert raw == answer.labels.tobytes() and len(raw) == 24
    for known in (store, opened(tmp_path / "annotations")):
        # By the rule for label maps, the pixel in the middle of two by two is the last of them.
        assert np.array_equal(known.label_map(1)[2:4, 3:6], answer.labels[1::2, 1::2])
        # rows 1 and 3, columns 1, 3, 5 of 0, 1, 2, ... modulo 4: 3 1 3 and 3 1 3
        assert known.class_pixels_of(2).tolist() == [0, 2, 0, 4]
        known.check_valid()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"labels": np.zeros((4, 5), np.uint8)}, r"shape \(4, 5\); give .* shape \(4, 6\)"),
        ({"labels": np.zeros((5, 6), np.uint8)}, r"shape \(5, 6\); give .* shape \(4, 6\)"),
        ({"size": (10, 15)}, r"shape \(4, 6\); give .* shape \(4, 7\)"),
        ({"size": None}, r"shape \(4, 6\); give .* shape \(2, 3\)"),
        ({"labels": np.full((4, 6), UNLABELED, np.uint8)}, "254 is no id"),
        ({"labels": np.full((4, 6), CLASSES, np.uint8)}, "4 is no id"),
    ],
)
def test_labels_that_do_not_fit_the_original_picture_are_refused(
    store: LabelStore, tmp_path: Path, change: dict, message: str
) -> None:
    before, answer = files(tmp_path), larger()
    with pytest.raises(InputError, match=f"answer for b, cell .1, 1.: .*{message}"):
        store.record([answer._replace(**change)], GRID)
    assert files(tmp_path) == before


def test_a_picture_of_the_working_size_is_no_other_one(store: LabelStore, tmp_path: Path) -> None:
    answer = Annotation(cell(1, 1, 1), np.ones((2, 3), np.uint8), "Ada", 2, size=(5, 7))
    store.record([answer], GRID)
    last = (tmp_path / "annotations/ledger.jsonl").read_text("ascii").splitlines()[-1]
    assert json.loads(last)["original"] is None
    assert store.agrees(answer, GRID) and store.agrees(answer._replace(size=None), GRID)


def test_an_answer_agrees_only_with_the_same_one_in_every_pixel(store: LabelStore) -> None:
    answer = larger()
    store.record([answer], GRID)
    assert store.agrees(answer, GRID)
    # The working size looks at other pixels than this one.
    labels = answer.labels.copy()
    labels[0, 0] += 1
    assert not store.agrees(answer._replace(labels=labels), GRID)
    learned = answer._replace(labels=answer.labels[1::2, 1::2], size=None)
    assert not store.agrees(learned, GRID)
