"""Draws that keep groups whole."""

import itertools

import numpy as np
import pytest

from s4al_jax.data.group_draw import draw_groups, nearest_sum
from s4al_jax.data.samples import Draw, Sample, draw_related
from s4al_jax.types import InputError

NAMES = [f"{number:02d}" for number in range(40)]


def samples(labeled: list[str]) -> dict[str, Sample]:
    image = np.zeros((2, 2, 3), np.uint8)
    read = {name: (lambda: image[..., 0]) if name in labeled else None for name in NAMES}
    return {name: Sample(lambda: image, read[name]) for name in NAMES}


@pytest.mark.parametrize("seed", range(5))
def test_the_nearest_sum_is_that_of_trying_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, 9).tolist()
    sums = {sum(some) for n in range(10) for some in itertools.combinations(sizes, n)}
    for wanted in range(sum(sizes) + 3):
        found = sum(sizes[index] for index in nearest_sum(sizes, wanted))
        assert abs(found - wanted) == min(abs(one - wanted) for one in sums)


def test_of_single_ones_the_first_are_taken() -> None:
    assert nearest_sum([1] * 9, 4) == [0, 1, 2, 3]
    assert nearest_sum([3, 1, 1, 1], 3) == [0]
    assert nearest_sum([5, 1, 1, 1], 3) == [1, 2, 3]
    assert nearest_sum([4], 3) == [0] and nearest_sum([7], 3) == [] == nearest_sum([], 2)


def test_without_groups_a_draw_is_the_one_that_it_always_was() -> None:
    drawn = draw_related(samples(NAMES), Draw(0.1, 0.2, 3), [])
    order = [NAMES[index] for index in np.random.default_rng(3).permutation(40)]
    assert drawn["val"] == sorted(order[:4]) and drawn["test"] == sorted(order[4:12])
    assert drawn["train"] == sorted(order[12:])


@pytest.mark.parametrize("seed", range(8))
def test_groups_stay_whole_and_shares_near(seed: int) -> None:
    groups = [NAMES[:7], NAMES[10:13], NAMES[20:22], NAMES[30:38]]
    drawn = draw_related(samples(NAMES), Draw(0.1, 0.2, seed), groups)
    assert drawn == draw_related(samples(NAMES), Draw(0.1, 0.2, seed), groups)
    for group in groups:
        assert sum(bool(set(group) & set(names)) for names in drawn.values()) == 1
    assert (len(drawn["val"]), len(drawn["test"])) == (4, 8)
    assert sorted(itertools.chain(*drawn.values())) == NAMES


def test_a_group_with_an_unlabeled_picture_is_of_the_pool() -> None:
    labeled = NAMES[:20]
    group = [*NAMES[:10], NAMES[30]]
    for seed in range(10):
        drawn = draw_related(samples(labeled), Draw(0.2, 0.2, seed), [group])
        assert set(group) <= set(drawn["train"])
        assert len(drawn["val"]) == len(drawn["test"]) == 4


def test_one_video_alone_cannot_be_split() -> None:
    with pytest.raises(InputError, match=r"val cannot be drawn: .*keep_together=False"):
        draw_groups(NAMES, [NAMES], {"val": 4, "test": 4})
    assert draw_groups(NAMES, [NAMES], {"val": 0, "test": 0}) == {"val": [], "test": []}
