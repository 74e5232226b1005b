"""Pictures that are nearly the same are found; others, and flat ones, are not."""

import numpy as np
import pytest

from s4al_jax.data.near_duplicates import FLATTEST, PLACES, Groups, hashes, near_duplicates
from s4al_jax.data.thumbs import THUMB


def pictures(count: int, seed: int = 0) -> np.ndarray:
    cells = np.random.default_rng(seed).integers(20, 236, (count, 8, 9), np.uint8)
    return cells.repeat(2, 1).repeat(2, 2)


def test_a_hash_says_where_the_gray_values_grow() -> None:
    row = np.array([0, 9, 9, 3, 4, 4, 4, 5, 1], np.uint8).repeat(2)
    rows = np.zeros(THUMB, np.uint8)
    rows[:2] = row
    # Of eight neighbors to the right the first, the fourth and the seventh are brighter.
    assert hashes(rows[None]).tolist() == [0b10010010 << 56]


def test_near_duplicates_are_found_and_exactly_these() -> None:
    all_of_them = pictures(3000)
    noise = np.random.default_rng(1).integers(-4, 5, all_of_them.shape)
    again = [(1, 2000), (1, 2500), (7, 2999)]
    for old, new in again:
        all_of_them[new] = (all_of_them[old] + noise[new]).astype(np.uint8)
    assert near_duplicates(all_of_them) == [[1, 2000, 2500], [7, 2999]]


def test_as_many_places_as_there_may_be_always_leave_a_band() -> None:
    base = np.arange(9, dtype=np.uint8) * 20 + 40
    picture = np.tile(base.repeat(2), (THUMB[0], 1))
    for seed in range(20):
        other = picture.copy()
        rng = np.random.default_rng(seed)
        for place in rng.choice(8, PLACES, replace=False):
            row = 2 * int(place)
            column = 2 * int(rng.integers(1, 8))
            other[row : row + 2, column : column + 2] = other[row, column - 1]
        changed = int(np.bitwise_count(hashes(picture[None]) ^ hashes(other[None]))[0])
        assert 1 <= changed <= PLACES
        assert near_duplicates(np.stack([picture, other])) == [[0, 1]], seed


def test_brightness_does_not_count_and_content_does() -> None:
    one = pictures(1)[0]
    assert near_duplicates(np.stack([one, one + 15])) == [[0, 1]]
    faint = (one // 16 + 100).astype(np.uint8)
    assert faint.std() > FLATTEST
    # The same hash, but half the contrast: another picture.
    assert near_duplicates(np.stack([one, one // 2])) == []
    assert near_duplicates(np.stack([faint, faint])) == [[0, 1]]


def test_flat_pictures_are_no_duplicates() -> None:
    flat = np.full((5, *THUMB), 30, np.uint8)
    flat[1:, 0, 0] += np.arange(4, dtype=np.uint8)
    assert near_duplicates(flat) == []
    assert near_duplicates(flat[:0]) == []


def test_many_equal_pictures_are_one_group() -> None:
    assert near_duplicates(np.repeat(pictures(1), 5000, axis=0)) == [list(range(5000))]


@pytest.mark.parametrize("pairs", [[(0, 1), (2, 3), (1, 3)], [(3, 2), (2, 1), (1, 0)]])
def test_groups_are_joined_by_way_of_others(pairs: list[tuple[int, int]]) -> None:
    groups = Groups(5)
    for pair in pairs:
        groups.join(*pair)
    assert [groups.find(number) for number in range(5)] == [0, 0, 0, 0, 4]
