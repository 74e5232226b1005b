"""Answers in the pixels of an original of another size: kept as given, learned from at ours."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest

from s4al_jax.labels.store import LabelStore
from s4al_jax.types import UNLABELED, Annotation, Box, InputError, Original, RegionRef
from tests.support.small_store import CLASSES, GRID, files, filled, opened


@pytest.fixture
def store(tmp_path: Path) -> LabelStore:
    return filled(tmp_path / "annotations")


def larger() -> Annotation:
    """An answer for a cell of image 1, whose picture has twice the working size."""
    labels = np.arange(4 * 6, dtype=np.uint8).reshape(4, 6) % CLASSES
    original = Original(Box(4, 6, 8, 12), (10, 14), labels)
    # The pixel in the middle of two by two, by the rule for label maps, is the last of the four.
    return Annotation(RegionRef(1, 1, 1), labels[1::2, 1::2], "Ada", 2, "", original)


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
    assert raw == answer.original.labels.tobytes() and len(raw) == 24
    for known in (store, opened(tmp_path / "annotations")):
        assert np.array_equal(known.label_map(1)[2:4, 3:6], answer.labels)
        # rows 1 and 3, columns 1, 3, 5 of 0, 1, 2, ... modulo 4: 3 1 3 and 3 1 3
        assert known.class_pixels_of(2).tolist() == [0, 2, 0, 4]
        known.check_valid()


@pytest.mark.parametrize(
    "change",
    [
        {"box": Box(4, 6, 8, 11)},
        {"size": (10, 15)},
        {"labels": np.zeros((4, 6), np.uint8)},
        {"labels": np.full((4, 6), UNLABELED, np.uint8)},
        {"labels": np.zeros((5, 6), np.uint8)},
    ],
)
def test_labels_that_do_not_come_from_the_original_ones_are_refused(
    store: LabelStore, tmp_path: Path, change: dict
) -> None:
    before, answer = files(tmp_path), larger()
    wrong = answer._replace(original=answer.original._replace(**change))
    with pytest.raises(InputError, match="do not come from those in the original pixels"):
        store.record([wrong], GRID)
    assert files(tmp_path) == before


def test_an_answer_agrees_only_with_the_same_one_in_every_pixel(store: LabelStore) -> None:
    answer = larger()
    store.record([answer], GRID)
    assert store.agrees(answer, GRID)
    # The pixel is none of those that the working size looks at.
    labels = answer.original.labels.copy()
    labels[0, 0] += 1
    other = answer._replace(original=answer.original._replace(labels=labels))
    assert not store.agrees(other, GRID)
    assert not store.agrees(answer._replace(original=None), GRID)
