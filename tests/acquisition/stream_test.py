"""What is chosen block by block is what sorting everything would choose, to the cell."""

import itertools
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s4al_jax.acquisition import select, stream
from s4al_jax.regions import RegionGrid
from s4al_jax.types import Budget, InputError

STREAMS = {"image": stream.top_of_each_image, "pool": stream.best_of_pool}


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def sorted_choice(
    scope: str, scores: np.ndarray, eligible: np.ndarray, budget: Budget, lots: np.ndarray
) -> np.ndarray:
    """The twin: sort all cells, by lot where they tie, and walk down the ranking."""
    worth = np.where(eligible, scores, -np.inf)
    if scope == "image":
        rows = worth.reshape(len(scores), budget.costs.size)
        order = np.lexsort((lots.reshape(rows.shape), -rows), axis=-1)
        chosen = np.zeros(rows.shape, bool)
        np.put_along_axis(chosen, order[:, : budget.per_image], True, axis=1)
        eligible = chosen.reshape(eligible.shape) & eligible
        if budget.pixels is None:
            return eligible
        worth = np.where(eligible, scores, -np.inf)
    order = np.lexsort((lots.reshape(-1), -worth.reshape(-1)))[: int(eligible.sum())]
    left = budget.pixels or 0
    most = budget.costs.size if budget.per_image is None else budget.per_image
    bought: dict[int, int] = {}
    chosen = np.zeros(eligible.size, bool)
    for number in order.tolist():
        image, cell = divmod(number, budget.costs.size)
        cost = int(budget.costs.reshape(-1)[cell])
        if cost <= left and bought.get(image, 0) < most:
            chosen[number] = True
            left -= cost
            bought[image] = bought.get(image, 0) + 1
    return chosen.reshape(eligible.shape)


def in_blocks(
    scores: np.ndarray, eligible: np.ndarray, sizes: Iterator[int]
) -> Iterator[stream.Block]:
    start = 0
    while start < len(scores):
        end = start + next(sizes)
        yield scores[start:end], eligible[start:end]
        start = end


def numbers(scope: str, blocks: Iterator[stream.Block], budget: Budget, seed: int) -> list[int]:
    return np.concatenate([[], *STREAMS[scope](blocks, budget, chance(seed))]).tolist()


@st.composite
def pools(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, RegionGrid]:
    """Scores with many ties, or none; a grid that need not tile; up to 30 images."""
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    grid = RegionGrid(height, width, draw(st.integers(1, height)), draw(st.integers(1, width)))
    rng = chance(draw(st.integers(0, 10_000)))
    shape = (draw(st.integers(0, 30)), grid.rows, grid.cols)
    kinds = draw(st.sampled_from([1, 2, 5, 10_000]))
    scores = rng.integers(0, kinds, shape).astype(draw(st.sampled_from(["f4", "f8"]))) - 1
    # Images get better or worse from one to the next: what was kept early is beaten, or stays.
    scores += draw(st.sampled_from([-3, 0, 0, 3])) * np.arange(shape[0])[:, None, None]
    return scores, rng.random(shape) < draw(st.sampled_from([0.0, 0.3, 0.9, 1.0])), grid


LIMITS = st.one_of(st.none(), st.integers(0, 7))


@settings(max_examples=600, deadline=None)
@given(
    pools(),
    st.sampled_from(sorted(STREAMS)),
    LIMITS,
    st.one_of(st.none(), st.integers(0, 40), st.integers(0, 900)),
    st.integers(0, 100),
    st.lists(st.integers(1, 8), min_size=1, max_size=4),
)
def test_any_blocks_choose_what_sorting_everything_does(
    pool: tuple, scope: str, per_image: int | None, pixels: int | None, seed: int, sizes: list[int]
) -> None:
    scores, eligible, grid = pool
    if scope == "image" and per_image is None:
        per_image = 3
    if scope == "pool" and pixels is None:
        pixels = 17
    budget = Budget(per_image, pixels, grid.costs)
    lots = chance(seed).random(scores.size)
    expected = sorted_choice(scope, scores, eligible, budget, lots)
    assert np.array_equal(select.choice(scope)(scores, eligible, budget, chance(seed)), expected)
    found = numbers(scope, in_blocks(scores, eligible, itertools.cycle(sizes)), budget, seed)
    assert found == np.flatnonzero(expected).tolist()


def test_ten_thousand_cells_are_chosen_as_by_sorting_under_every_kind_of_budget() -> None:
    grid = RegionGrid(35, 45, 6, 6)  # cells of 36, 30 (below), 18 (beside) and 15 pixels
    rng = chance(1)
    for kinds, most, pixels in itertools.product((3, 100_000), (1, 2, 5), (90, 5_000, 60_000)):
        scores = rng.integers(0, kinds, (250, grid.rows, grid.cols)).astype(np.float32)
        eligible = rng.random(scores.shape) < 0.7
        lots = chance(5).random(scores.size)
        for scope, limit in (("image", most), ("pool", most), ("pool", None)):
            budget = Budget(limit, pixels, grid.costs)
            expected = np.flatnonzero(sorted_choice(scope, scores, eligible, budget, lots))
            for size in (1, 7, 250):
                blocks = in_blocks(scores, eligible, itertools.repeat(size))
                assert numbers(scope, blocks, budget, 5) == expected.tolist()


def test_cells_of_two_prices_worked_by_hand() -> None:
    grid = RegionGrid(2, 3, 2, 2)  # a cell of 4 pixels and one of 2
    scores = np.array([[[9.0, 1.0]], [[8.0, 7.0]], [[6.0, 5.0]]])
    eligible = np.ones(scores.shape, bool)

    def found(per_image: int | None, pixels: int) -> list[int]:
        blocks = in_blocks(scores, eligible, itertools.repeat(1))
        return numbers("pool", blocks, Budget(per_image, pixels, grid.costs), 0)

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


def test_a_lot_does_not_depend_on_which_cells_are_eligible_before_it() -> None:
    scores, eligible = np.zeros((40, 2, 3)), np.ones((40, 2, 3), bool)
    budget = Budget(1, None, np.ones((2, 3), np.int64))
    whole = select.top_of_each_image(scores, eligible, budget, chance())
    eligible[:20] = False
    half = select.top_of_each_image(scores, eligible, budget, chance())
    assert np.array_equal(half[20:], whole[20:]) and not half[:20].any()


@pytest.mark.parametrize("scope", sorted(STREAMS))
def test_an_error_counts_images_through_all_blocks(scope: str) -> None:
    scores = np.zeros((9, 2, 2), np.float32)
    scores[7, 1, 0] = np.nan
    budget = Budget(1, 4, np.ones((2, 2), np.int64))
    blocks = in_blocks(scores, np.ones(scores.shape, bool), itertools.repeat(3))
    with pytest.raises(InputError, match=r"image 7 scored nan in cell \(1, 0\)"):
        numbers(scope, blocks, budget, 0)
    with pytest.raises(ValueError, match="do not describe the same cells"):
        numbers(scope, iter([(scores, np.ones((9, 2, 3), bool))]), budget, 0)
    with pytest.raises(ValueError, match="do not describe the same cells"):
        select.choice(scope)(scores, np.ones((12, 2, 2), bool), budget, chance())


def test_a_stream_that_lacks_its_limit_says_so() -> None:
    for scope, budget in (
        ("image", Budget(None, 3, np.ones((1, 1), np.int64))),
        ("pool", Budget(3, None, np.ones((1, 1), np.int64))),
    ):
        with pytest.raises(ValueError, match="needs budget"):
            numbers(scope, iter(()), budget, 0)


@pytest.mark.parametrize("falling", [True, False])
def test_memory_is_that_of_the_budget_and_a_block_not_of_the_pool(falling: bool) -> None:
    """Also where each block is better than all before it, so that everything is a candidate."""
    grid = RegionGrid(64, 64, 4, 4)

    def peak(count: int) -> int:
        rng = chance(2)

        def blocks() -> Iterator[stream.Block]:
            for number in range(count):
                scores = rng.random((100, 16, 16), np.float32) - number * (1 if falling else -1)
                yield scores, np.ones(scores.shape, bool)

        tracemalloc.start()
        taken = numbers("pool", blocks(), Budget(None, 16_000, grid.costs), 0)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(taken) == 1000
        return most

    few, many = peak(4), peak(40)
    assert many < 1.2 * few
