"""Cells are bought best first, never twice, and never beyond the budget."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s4al_jax.acquisition.select import CHOICES, best_of_pool, budget, choice, top_of_each_image
from s4al_jax.regions import RegionGrid
from s4al_jax.types import Budget, InputError

ONES = np.ones((2, 2), np.int64)


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def slow_pool(scores: np.ndarray, eligible: np.ndarray, costs: np.ndarray, pixels: int) -> set:
    """The twin for distinct scores: walk down the ranking, buy whatever still fits."""
    cells = sorted(zip(*np.nonzero(eligible), strict=True), key=lambda cell: -scores[cell])
    bought = set()
    for image, row, col in cells:
        if costs[row, col] <= pixels:
            pixels -= costs[row, col]
            bought.add((image, row, col))
    return bought


def slow_image(scores: np.ndarray, eligible: np.ndarray, per_image: int) -> set:
    bought = set()
    for image in range(len(scores)):
        cells = [cell for cell in np.ndindex(*scores.shape[1:]) if eligible[(image, *cell)]]
        cells.sort(key=lambda cell: -scores[(image, *cell)])
        bought |= {(image, *cell) for cell in cells[:per_image]}
    return bought


@st.composite
def pools(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, RegionGrid]:
    """Distinct scores and eligible cells of a few images under a grid that need not tile."""
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    grid = RegionGrid(height, width, draw(st.integers(1, height)), draw(st.integers(1, width)))
    rng = chance(draw(st.integers(0, 10_000)))
    shape = (draw(st.integers(0, 5)), grid.rows, grid.cols)
    scores = rng.permutation(int(np.prod(shape))).reshape(shape).astype(np.float32)
    return scores, rng.random(shape) < draw(st.sampled_from([0.0, 0.4, 1.0])), grid


def cells_of(chosen: np.ndarray) -> set:
    return set(zip(*np.nonzero(chosen), strict=True))


@settings(max_examples=150, deadline=None)
@given(pools(), st.integers(1, 12))
def test_each_image_gets_its_best_cells_or_all_that_are_left(pool: tuple, per_image: int) -> None:
    scores, eligible, grid = pool
    chosen = top_of_each_image(scores, eligible, Budget(per_image, None, grid.costs), chance())
    assert chosen.dtype == bool
    assert cells_of(chosen) == slow_image(scores, eligible, per_image)
    counts = np.minimum(per_image, eligible.sum(axis=(1, 2)))
    np.testing.assert_array_equal(chosen.sum(axis=(1, 2)), counts)


@settings(max_examples=150, deadline=None)
@given(pools(), st.integers(0, 200))
def test_the_pool_is_bought_down_its_ranking_within_the_budget(pool: tuple, pixels: int) -> None:
    scores, eligible, grid = pool
    chosen = best_of_pool(scores, eligible, Budget(None, pixels, grid.costs), chance())
    assert cells_of(chosen) == slow_pool(scores, eligible, grid.costs, pixels)
    assert not (chosen & ~eligible).any()
    costs = np.broadcast_to(grid.costs, chosen.shape)
    left = pixels - costs[chosen].sum()
    assert left >= 0
    # Whatever was not bought could not have been paid for any more.
    assert (costs[eligible & ~chosen] > left).all()


@settings(max_examples=80, deadline=None)
@given(pools(), st.integers(1, 4), st.integers(0, 60), st.sampled_from(sorted(CHOICES)))
def test_both_limits_of_a_budget_hold_under_either_scope(
    pool: tuple, per_image: int, pixels: int, scope: str
) -> None:
    scores, eligible, grid = pool
    chosen = choice(scope)(scores, eligible, Budget(per_image, pixels, grid.costs), chance())
    assert not (chosen & ~eligible).any()
    assert (chosen.sum(axis=(1, 2)) <= per_image).all()
    assert np.broadcast_to(grid.costs, chosen.shape)[chosen].sum() <= pixels


@settings(max_examples=80, deadline=None)
@given(pools(), st.integers(1, 12))
def test_cells_of_one_size_spend_the_pool_budget_to_the_pixel(pool: tuple, per_image: int) -> None:
    scores, eligible, grid = pool
    grid = RegionGrid(grid.rows * 3, grid.cols * 2, 3, 2)
    whole = np.ones_like(eligible)
    limit = budget(grid, per_image=per_image, images=len(scores), scope="pool")
    chosen = best_of_pool(scores, whole, limit, chance())
    assert chosen.sum() * 6 == limit.pixels
    assert chosen.sum() == min(per_image, grid.rows * grid.cols) * len(scores)


def test_a_cell_that_does_not_fit_is_passed_over_and_a_smaller_one_bought() -> None:
    grid = RegionGrid(3, 3, 2, 2)  # cells of 4, 2, 2 and 1 pixels
    scores = np.array([[[9.0, 1.0], [8.0, 7.0]], [[6.0, 5.0], [4.0, 3.0]]])
    chosen = best_of_pool(scores, np.ones((2, 2, 2), bool), Budget(None, 8, grid.costs), chance())
    # 4 + 2 + 1 = 7 pixels; one is left: too little for all but the smallest cell of image 1.
    np.testing.assert_array_equal(chosen[0], [[True, False], [True, True]])
    np.testing.assert_array_equal(chosen[1], [[False, False], [False, True]])


def test_an_ineligible_cell_is_never_chosen_whatever_it_scores() -> None:
    scores = np.array([[[np.inf, 1.0], [np.nan, -5.0]]])
    eligible = np.array([[[False, True], [False, True]]])
    for choose in CHOICES.values():
        np.testing.assert_array_equal(
            choose(scores, eligible, Budget(4, 4, ONES), chance()), eligible
        )


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("scope", sorted(CHOICES))
def test_a_score_that_is_not_a_number_is_an_error_that_names_the_image(
    scope: str, wrong: float
) -> None:
    scores = np.zeros((3, 2, 2), np.float32)
    scores[2, 1, 0] = wrong
    with pytest.raises(InputError, match=r"image 2 scored .* in cell \(1, 0\)"):
        choice(scope)(scores, np.ones_like(scores, bool), Budget(1, 4, ONES), chance())


@pytest.mark.parametrize("scope", sorted(CHOICES))
def test_ties_are_broken_by_lot_and_the_lot_by_the_seed(scope: str) -> None:
    scores, eligible = np.zeros((1, 2, 2)), np.ones((1, 2, 2), bool)
    limit = Budget(1, 1, ONES)
    wins = np.zeros(4, int)
    for seed in range(800):
        chosen = choice(scope)(scores, eligible, limit, chance(seed))
        again = choice(scope)(scores, eligible, limit, chance(seed))
        np.testing.assert_array_equal(chosen, again)
        wins += chosen.reshape(-1)
    # 800 draws of one in four: 200 each, with a standard deviation of 12.
    assert wins.sum() == 800
    assert np.abs(wins - 200).max() < 60


def test_the_budgets_of_the_paper() -> None:
    camvid = RegionGrid(360, 480, 30, 30)
    per_image = budget(camvid, per_image=4, images=331, scope="image")
    pool = budget(camvid, per_image=4, images=331, scope="pool")
    assert (per_image.per_image, per_image.pixels) == (4, None)
    assert pool.per_image is None
    assert pool.pixels is not None
    assert pool.pixels == 331 * 4 * 900
    # 4 cells are 2.08 % of an image; two acquisitions on the other 90 % make 13.8 % in all.
    share = pool.pixels / (331 * 360 * 480)
    assert share == pytest.approx(0.0208, abs=1e-4)
    assert 0.1 + 2 * 0.9 * share == pytest.approx(0.138, abs=1e-3)


def test_a_pool_budget_never_exceeds_what_there_is() -> None:
    grid = RegionGrid(5, 5, 3, 3)
    assert budget(grid, per_image=2, images=3, scope="pool").pixels == 3 * 2 * 9
    assert budget(grid, per_image=4, images=3, scope="pool").pixels == 3 * 25
    assert budget(grid, per_image=1, images=0, scope="pool").pixels == 0
    whole = RegionGrid(5, 5, 5, 5)
    assert budget(whole, per_image=1, images=2, scope="pool").pixels == 2 * 25


def test_a_budget_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(InputError, match="0 cells an image"):
        budget(RegionGrid(4, 4, 2, 2), per_image=0, images=3, scope="image")
    with pytest.raises(InputError, match="scope 'pol' is unknown"):
        budget(RegionGrid(4, 4, 2, 2), per_image=1, images=3, scope="pol")
    with pytest.raises(ValueError, match="do not describe the same cells"):
        top_of_each_image(
            np.zeros((1, 2, 3)), np.ones((1, 2, 3), bool), Budget(1, None, ONES), chance()
        )


def test_cityscapes_is_chosen_from_in_seconds() -> None:
    grid = RegionGrid(688, 688, 43, 43)
    scores = chance().random((2675, 16, 16), np.float32)
    eligible = np.ones_like(scores, bool)
    began = time.perf_counter()
    for scope, choose in CHOICES.items():
        limit = budget(grid, per_image=4, images=2675, scope=scope)
        assert choose(scores, eligible, limit, chance()).sum() == 4 * 2675
    assert time.perf_counter() - began < 10
