"""COCO's run lengths, by hand and against a plain decoder and encoder."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from s4al_jax.files.run_lengths import mask_of_runs, run_lengths, runs_of_text
from tests.support.run_lengths import text_of_runs


def decoded(counts: list[int], height: int, width: int) -> np.ndarray:
    """The mask that run lengths stand for, pixel by pixel down the columns."""
    mask, place = np.zeros((height, width), bool), 0
    for number, count in enumerate(counts):
        for pixel in range(place, place + count):
            mask[pixel % height, pixel // height] = number % 2 == 1
        place += count
    assert place == height * width
    return mask


def test_run_lengths_go_down_the_columns_and_start_with_what_is_out() -> None:
    mask = np.array([[0, 1, 1], [0, 0, 1]], bool)
    assert run_lengths(mask) == [2, 1, 1, 2]
    assert run_lengths(~mask) == [0, 2, 1, 1, 2]
    assert run_lengths(np.zeros((2, 3), bool)) == [6]
    assert run_lengths(np.ones((2, 3), bool)) == [0, 6]


@given(arrays.arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6))))
def test_run_lengths_are_decoded_to_the_same_mask(mask: np.ndarray) -> None:
    counts = run_lengths(mask)
    assert np.array_equal(decoded(counts, *mask.shape), mask)
    assert np.array_equal(mask_of_runs(counts, *mask.shape), mask)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        # 48 + 6, 48 + 1, 48 + 8
        ("618", [6, 1, 8]),
        # 40 = 8 + 1 * 32: 48 + 32 + 8 says that there is more, 48 + 1 is the rest.
        ("X1", [40]),
        # The fourth is the difference to the second: 1 - 5 = -4, five bits 11100, 48 + 28.
        ("352L", [3, 5, 2, 1]),
        # 16 would be negative in five bits: 48 + 32 + 16, and a rest of 0.
        ("`0", [16]),
        ("", []),
    ],
)
def test_a_text_is_read_as_worked_out_by_hand(text: str, counts: list[int]) -> None:
    assert runs_of_text(text) == counts
    assert text_of_runs(counts) == text


@given(st.lists(st.integers(0, 10**7), max_size=12))
def test_a_text_of_any_counts_is_read_to_the_same_counts(counts: list[int]) -> None:
    assert runs_of_text(text_of_runs(counts)) == counts


@pytest.mark.parametrize(
    ("text", "said"), [("6 1", "' ' is no sign"), ("6X", "end within a number"), ("é", "no sign")]
)
def test_a_damaged_text_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        runs_of_text(text)


@pytest.mark.parametrize("counts", [[5], [7], [8, -2], [2.0, 4.0], [True, 5]])
def test_counts_that_are_none_or_of_another_picture_are_refused(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="run lengths"):
        mask_of_runs(counts, 2, 3)
