"""Regions are chosen best first, never twice, and never beyond the budget."""

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s4al_jax.acquisition.select import best_of_each_image, best_of_pool, budget, by_score
from s4al_jax.regions.grid import RegionGrid
from s4al_jax.regions.protocol import region_costs
from s4al_jax.types import Budget, InputError, PoolState, RegionRef

SELECTIONS = {"image": best_of_each_image, "pool": best_of_pool}
SCOPES = sorted(SELECTIONS)


def random_numbers(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def a_pool(is_open: np.ndarray, costs: np.ndarray | None = None) -> PoolState:
    """A pool of which nothing is labeled; where no costs are given, a region is one pixel."""
    costs = np.ones(is_open.shape, np.int64) if costs is None else costs
    return PoolState(is_open, np.zeros_like(is_open), costs, np.zeros(3, np.int64))


def choose(scope: str, score: np.ndarray, pool: PoolState, limit: Budget, seed: int = 0) -> list:
    return SELECTIONS[scope](score, pool, limit, random_numbers(seed))


def slow_choice(
    scope: str, score: np.ndarray, pool: PoolState, limit: Budget, ties: np.ndarray
) -> list[RegionRef]:
    """The twin: rank all open regions, by a draw where they tie, and walk down the ranking."""
    ranking = sorted(
        [RegionRef(*map(int, place)) for place in np.argwhere(pool.open)],
        key=lambda region: (-score[region], ties[region]),
    )
    if scope == "image":
        ranking = [
            region
            for place, region in enumerate(ranking)
            if [one.image for one in ranking[:place]].count(region.image) < limit.per_image
        ]
        if limit.pixels is None:
            return sorted(ranking)
    chosen: list[RegionRef] = []
    left = limit.pixels
    for region in ranking:
        is_full = [one.image for one in chosen].count(region.image) == limit.per_image
        if pool.costs[region] <= left and not is_full:
            chosen.append(region)
            left -= pool.costs[region]
    return sorted(chosen)


@st.composite
def pools(draw: st.DrawFn) -> tuple[np.ndarray, PoolState]:
    """Scores with many ties, or none; costs of a grid that need not tile, or any."""
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    grid = RegionGrid(height, width, draw(st.integers(1, height)), draw(st.integers(1, width)))
    rng = random_numbers(draw(st.integers(0, 10_000)))
    costs = region_costs(grid, draw(st.integers(0, 9)))
    kinds = draw(st.sampled_from([1, 2, 5, 10_000]))
    score = rng.integers(0, kinds, costs.shape).astype(draw(st.sampled_from(["f4", "f8"]))) - 1
    score += draw(st.sampled_from([-3, 0, 0, 3])) * np.arange(len(costs))[:, None]
    is_open = rng.random(costs.shape) < draw(st.sampled_from([0.0, 0.3, 0.9, 1.0]))
    if draw(st.booleans()):
        costs = rng.integers(1, draw(st.sampled_from([3, 30])), costs.shape)
        # Regions that an image does not have.
        costs[rng.random(costs.shape) < 0.2] = 0
        is_open &= costs > 0
    return score, a_pool(is_open, costs)


@settings(max_examples=400, deadline=None)
@given(
    pools(),
    st.sampled_from(SCOPES),
    st.one_of(st.none(), st.integers(0, 7)),
    st.one_of(st.none(), st.integers(0, 40), st.integers(0, 900)),
    st.integers(0, 100),
)
def test_what_is_chosen_is_what_walking_down_the_ranking_chooses(
    case: tuple, scope: str, per_image: int | None, pixels: int | None, seed: int
) -> None:
    score, pool = case
    per_image = 3 if scope == "image" and per_image is None else per_image
    pixels = 17 if scope == "pool" and pixels is None else pixels
    limit = Budget(per_image, pixels)
    chosen = choose(scope, score, pool, limit, seed)
    ties = random_numbers(seed).random(score.shape)
    assert chosen == slow_choice(scope, score, pool, limit, ties)
    assert chosen == sorted(set(chosen)) and all(pool.open[region] for region in chosen)
    of_image = np.bincount([region.image for region in chosen], minlength=len(score))
    spent = sum(int(pool.costs[region]) for region in chosen)
    assert per_image is None or (of_image <= per_image).all()
    assert pixels is None or spent <= pixels
    if pixels is None:
        np.testing.assert_array_equal(of_image, np.minimum(per_image, pool.open.sum(axis=1)))
    elif per_image is None:
        left_over = pool.open.copy()
        left_over[tuple(np.array(chosen, int).reshape(-1, 2).T)] = False
        # Whatever was not chosen could not have been paid for any more.
        assert (pool.costs[left_over] > pixels - spent).all()


@settings(max_examples=80, deadline=None)
@given(pools(), st.integers(1, 12))
def test_regions_of_one_size_spend_the_pool_budget_to_the_pixel(
    case: tuple, per_image: int
) -> None:
    score, _ = case
    pool = a_pool(np.ones(score.shape, bool), np.full(score.shape, 6))
    limit = budget(pool.costs, pool.open.any(axis=1), per_image=per_image, scope="pool")
    chosen = best_of_pool(score, pool, limit, random_numbers())
    assert len(chosen) * 6 == limit.pixels
    assert len(chosen) == min(per_image, score.shape[1]) * len(score)


def test_ten_thousand_regions_are_chosen_as_by_walking_down_under_every_budget() -> None:
    grid = RegionGrid(35, 45, 6, 6)  # cells of 36, 30 (below), 18 (beside) and 15 pixels
    rng = random_numbers(1)
    any_costs = rng.integers(1, 200, (250, grid.max_regions))
    for kinds, costs in itertools.product((3, 100_000), (region_costs(grid, 250), any_costs)):
        score = rng.integers(0, kinds, costs.shape).astype(np.float32)
        pool = a_pool(rng.random(costs.shape) < 0.7, costs)
        ties = random_numbers(5).random(score.shape)
        order = np.lexsort((ties.ravel(), np.where(pool.open, -score, np.inf).ravel()))
        ranking = [divmod(int(number), score.shape[1]) for number in order[: pool.open.sum()]]
        for most, pixels in itertools.product((None, 2, 5), (90, 5_000, 60_000)):
            left, counts, expected = pixels, [0] * 250, []
            for image, region in ranking:
                if costs[image, region] <= left and (most is None or counts[image] < most):
                    left -= int(costs[image, region])
                    counts[image] += 1
                    expected.append((image, region))
            assert choose("pool", score, pool, Budget(most, pixels), 5) == sorted(expected)


# By version 0.1, seed by seed: scope, regions as [image, row * 3 + column] of a grid of 3 x 3.
RECORDED = {
    0: {
        "image": [[0, 0], [0, 6], [1, 3], [1, 4], [2, 3], [2, 4], [4, 3], [4, 5]],
        "pool": [[0, 0], [0, 4], [0, 6], [0, 7], [1, 3], [1, 4], [2, 4], [4, 3]],
        "both": [[0, 4], [0, 6], [1, 4], [2, 4], [4, 8]],
    },
    1: {
        "image": [[0, 1], [0, 4], [1, 5], [1, 6], [2, 0], [2, 4], [4, 0], [4, 2]],
        "pool": [[0, 1], [0, 4], [1, 3], [1, 5], [1, 6], [1, 8], [2, 0], [4, 0]],
        "both": [[0, 1], [1, 5], [1, 6], [2, 4], [2, 5]],
    },
    7: {
        "image": [[0, 3], [0, 6], [1, 5], [1, 6], [2, 1], [2, 5], [4, 2], [4, 5]],
        "pool": [[0, 3], [0, 4], [0, 6], [0, 8], [1, 5], [1, 6], [1, 7], [1, 8], [4, 2]],
        "both": [[0, 3], [0, 6], [1, 5], [1, 8], [4, 2]],
    },
}


@pytest.mark.parametrize("seed", RECORDED)
def test_the_same_regions_are_chosen_as_by_version_0_1(seed: int) -> None:
    grid = RegionGrid(35, 45, 12, 16)  # cells of 192, 156, 176 and 143 pixels
    drawn = np.random.default_rng([seed, 100])
    score = (drawn.integers(0, 4, (5, grid.max_regions)) / 4).astype(np.float32)
    is_open = drawn.random(score.shape) < 0.8
    is_open[3] = False
    pool = a_pool(is_open, region_costs(grid, 5))
    for scope in SCOPES:
        limit = budget(pool.costs, is_open.any(axis=1), per_image=2, scope=scope)
        chosen = by_score({"score": score}, pool, limit, np.random.default_rng([seed, 0]))
        assert [list(region) for region in chosen] == RECORDED[seed][scope]
    both = by_score({"score": score}, pool, Budget(2, 900), np.random.default_rng([seed, 5]))
    assert [list(region) for region in both] == RECORDED[seed]["both"]


def test_a_region_that_does_not_fit_is_passed_over_and_a_smaller_one_chosen() -> None:
    costs = region_costs(RegionGrid(3, 3, 2, 2), 2)  # 4, 2, 2 and 1 pixels
    score = np.array([[9.0, 1.0, 8.0, 7.0], [6.0, 5.0, 4.0, 3.0]])
    chosen = choose("pool", score, a_pool(np.ones((2, 4), bool), costs), Budget(None, 8))
    # 4 + 2 + 1 = 7 pixels; one is left: too little for all but the smallest cell of image 1.
    assert chosen == [(0, 0), (0, 2), (0, 3), (1, 3)]


def test_regions_of_two_prices_worked_by_hand() -> None:
    score = np.array([[9.0, 1.0], [8.0, 7.0], [6.0, 5.0]])
    pool = a_pool(np.ones((3, 2), bool), np.array([[4, 2]] * 3))

    def found(per_image: int | None, pixels: int) -> list[int]:
        chosen = choose("pool", score, pool, Budget(per_image, pixels))
        return [2 * image + region for image, region in chosen]

    # By score: numbers 0, 2, 3, 4, 5, 1 with 4, 4, 2, 4, 2, 2 pixels.
    assert found(None, 8) == [0, 2]
    assert found(None, 11) == [0, 2, 3]
    assert found(None, 12) == [0, 2, 3, 5]
    assert found(None, 7) == [0, 3]
    assert found(None, 1) == []
    # One of each image: 3 is passed over for 2, 5 for 4, and 1 for 0.
    assert found(1, 100) == [0, 2, 4]
    # 4 does not fit any more, so its image is free for 5.
    assert found(1, 10) == [0, 2, 5]


def test_regions_whose_costs_differ_from_image_to_image_worked_by_hand() -> None:
    score = np.array([[5.0, 4.0, 0.0], [3.0, 2.0, 1.0]])
    is_open = np.array([[True, True, False], [True, True, True]])
    pool = a_pool(is_open, np.array([[7, 5, 0], [3, 6, 1]]))
    # 7 of 12, 5 of 5; 7 of 11, not 5 of 4, 3 of 4, not 6 of 1, 1 of 1; not 7, 5 of 6, 1 of 1.
    assert choose("pool", score, pool, Budget(None, 12)) == [(0, 0), (0, 1)]
    assert choose("pool", score, pool, Budget(None, 11)) == [(0, 0), (1, 0), (1, 2)]
    assert choose("pool", score, pool, Budget(None, 6)) == [(0, 1), (1, 2)]
    assert choose("pool", score, pool, Budget(None, 22)) == sorted(
        RegionRef(*map(int, place)) for place in np.argwhere(is_open)
    )


def test_a_region_that_is_not_open_is_never_chosen_whatever_it_scores() -> None:
    score = np.array([[np.inf, 1.0, np.nan, -5.0]])
    pool = a_pool(np.array([[False, True, False, True]]))
    for scope in SCOPES:
        assert choose(scope, score, pool, Budget(4, 4)) == [(0, 1), (0, 3)]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("scope", SCOPES)
def test_a_score_that_is_not_a_number_is_an_error_that_names_the_image(
    scope: str, wrong: float
) -> None:
    score = np.zeros((9, 4), np.float32)
    score[7, 2] = wrong
    with pytest.raises(InputError, match=r"image 7 scored -?(nan|inf) in region 2, which cannot"):
        choose(scope, score, a_pool(np.ones(score.shape, bool)), Budget(1, 4))


@pytest.mark.parametrize("scope", SCOPES)
def test_ties_are_broken_by_a_draw_and_the_draw_by_the_seed(scope: str) -> None:
    score, pool = np.zeros((1, 4)), a_pool(np.ones((1, 4), bool))
    wins = np.zeros(4, int)
    for seed in range(800):
        ((_, region),) = choose(scope, score, pool, Budget(1, 1), seed)
        assert choose(scope, score, pool, Budget(1, 1), seed) == [(0, region)]
        wins[region] += 1
    # 800 draws of one in four: 200 each, with a standard deviation of 12.
    assert np.abs(wins - 200).max() < 60


def test_a_draw_does_not_depend_on_which_regions_are_open_before_it() -> None:
    score, is_open = np.zeros((40, 6)), np.ones((40, 6), bool)
    whole = choose("image", score, a_pool(is_open), Budget(1, None))
    is_open[:20] = False
    assert choose("image", score, a_pool(is_open), Budget(1, None)) == whole[20:]


def test_the_budget_says_where_regions_compete() -> None:
    score = np.array([[3.0, 2.0], [1.0, 0.0]])
    pool = a_pool(np.ones((2, 2), bool))
    summaries = {"score": score, "embedding": np.zeros((2, 2, 5))}
    assert by_score(summaries, pool, Budget(1, None), random_numbers()) == [(0, 0), (1, 0)]
    assert by_score(summaries, pool, Budget(None, 2), random_numbers()) == [(0, 0), (0, 1)]
    assert by_score(summaries, pool, Budget(1, 2), random_numbers()) == [(0, 0), (1, 0)]


def test_a_pool_in_which_nothing_is_open_gives_nothing() -> None:
    for shape in ((0, 4), (3, 4)):
        pool = a_pool(np.zeros(shape, bool))
        for limit in (Budget(2, None), Budget(None, 100)):
            assert by_score({"score": np.zeros(shape)}, pool, limit, random_numbers()) == []


def test_the_budgets_of_the_paper() -> None:
    costs, everyone = region_costs(RegionGrid(360, 480, 30, 30), 331), np.ones(331, bool)
    assert budget(costs, everyone, per_image=4, scope="image") == Budget(4, None)
    pool = budget(costs, everyone, per_image=4, scope="pool")
    assert pool == Budget(None, 331 * 4 * 900)
    # 4 cells are 2.08 % of an image; two acquisitions on the other 90 % make 13.8 % in all.
    share = 331 * 4 * 900 / (331 * 360 * 480)
    assert share == pytest.approx(0.0208, abs=1e-4)
    assert 0.1 + 2 * 0.9 * share == pytest.approx(0.138, abs=1e-3)


def test_a_pool_budget_never_exceeds_what_there_is() -> None:
    def pixels(grid: RegionGrid, per_image: int, images: int) -> int | None:
        costs, is_open = region_costs(grid, 3), np.arange(3) < images
        return budget(costs, is_open, per_image=per_image, scope="pool").pixels

    grid = RegionGrid(5, 5, 3, 3)
    assert pixels(grid, 2, 3) == 3 * 2 * 9
    assert pixels(grid, 4, 3) == 3 * 25
    assert pixels(grid, 1, 0) == 0
    assert pixels(RegionGrid(5, 5, 5, 5), 1, 2) == 2 * 25
    # Regions of any size: an image's largest one, as often as regions may be chosen.
    costs = np.array([[7, 5, 0], [3, 6, 1]])
    assert budget(costs, np.ones(2, bool), per_image=1, scope="pool").pixels == 7 + 6
    assert budget(costs, np.ones(2, bool), per_image=2, scope="pool").pixels == 12 + 10


def test_a_budget_that_makes_no_sense_is_refused() -> None:
    costs, is_open = np.ones((3, 4), np.int64), np.ones(3, bool)
    with pytest.raises(InputError, match="0 regions an image"):
        budget(costs, is_open, per_image=0, scope="image")
    with pytest.raises(InputError, match="scope 'pol' is unknown: use 'image' or 'pool'"):
        budget(costs, is_open, per_image=1, scope="pol")
    for scope, limit in (("image", Budget(None, 3)), ("pool", Budget(3, None))):
        with pytest.raises(ValueError, match="needs budget"):
            choose(scope, np.zeros((3, 4)), a_pool(np.ones((3, 4), bool)), limit)
    for scope in SCOPES:
        with pytest.raises(ValueError, match="do not describe the same regions"):
            choose(scope, np.zeros((3, 5)), a_pool(np.ones((3, 4), bool)), Budget(1, 3))


def test_cityscapes_is_chosen_from_in_seconds() -> None:
    costs = region_costs(RegionGrid(688, 688, 43, 43), 2675)
    score = random_numbers().random(costs.shape, np.float32)
    pool = a_pool(np.ones(costs.shape, bool), costs)
    any_costs = random_numbers(1).integers(1, 4000, costs.shape)
    began = time.perf_counter()
    for scope in SCOPES:
        limit = budget(costs, np.ones(2675, bool), per_image=4, scope=scope)
        assert len(choose(scope, score, pool, limit)) == 4 * 2675
    irregular = choose("pool", score, pool._replace(costs=any_costs), limit)
    assert limit.pixels - any_costs[tuple(np.transpose(irregular))].sum() == 0
    assert time.perf_counter() - began < 10
