"""The best cells of a pool that comes in blocks of images: never sorted, never held as a whole.

Every cell draws a lot when its turn comes, for the case that it ties with another one, so what is
chosen does not depend on where a block ends. A cell is an int64 number here: cells are counted
through all images, row by row.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from s4al_jax.types import Budget, InputError

Block = tuple[np.ndarray, np.ndarray]
"""scores and (bool) which cells are eligible, each `[some images, rows, cols]`"""


class _Drawn(NamedTuple):
    """A block with its lots; arrays are `[images, cells]`."""

    first: int
    """the number of its first cell"""
    scores: np.ndarray
    eligible: np.ndarray
    lots: np.ndarray


class _Cells(NamedTuple):
    """Cells of any images, in the order of their numbers."""

    number: np.ndarray
    score: np.ndarray
    lot: np.ndarray

    def at(self, places: np.ndarray) -> "_Cells":
        """Some of them."""
        return _Cells(*(values[places] for values in self))


def top_of_each_image(
    blocks: Iterable[Block], budget: Budget, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """The numbers of each image's best `budget.per_image` eligible cells, block by block.

    With `budget.pixels`, those of them that it pays for, best first: in one go, after all blocks.
    """
    if budget.per_image is None:
        raise ValueError("top_of_each_image needs budget.per_image")
    most = budget.per_image
    best = (
        block._replace(eligible=_best_of_rows(block, block.eligible, most))
        for block in _drawn(blocks, budget, rng)
    )
    if budget.pixels is not None:
        yield _bought(best, budget._replace(per_image=None), budget.pixels)
        return
    for block in best:
        yield block.first + np.flatnonzero(block.eligible)


def best_of_pool(
    blocks: Iterable[Block], budget: Budget, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """The numbers of the best eligible cells that `budget.pixels` pays for, in one go at the end.

    A cell that does not fit into what is left is passed over, and the next ones are tried.
    """
    if budget.pixels is None:
        raise ValueError("best_of_pool needs budget.pixels")
    yield _bought(_drawn(blocks, budget, rng), budget, budget.pixels)


def check_shapes(scores: np.ndarray, eligible: np.ndarray, budget: Budget) -> None:
    """Refuse arrays that are not about the same cells."""
    if scores.shape != eligible.shape or scores.shape[1:] != budget.costs.shape:
        raise ValueError(
            f"scores {scores.shape}, eligible {eligible.shape} and costs {budget.costs.shape} "
            "do not describe the same cells"
        )


def _drawn(blocks: Iterable[Block], budget: Budget, rng: np.random.Generator) -> Iterator[_Drawn]:
    first, cells = 0, budget.costs.size
    for scores, eligible in blocks:
        check_shapes(scores, eligible, budget)
        _check_finite(scores, eligible, first // cells)
        flat = (len(scores), cells)
        yield _Drawn(first, scores.reshape(flat), eligible.reshape(flat), rng.random(flat))
        first += scores.size


def _check_finite(scores: np.ndarray, eligible: np.ndarray, before: int) -> None:
    wrong = eligible & ~np.isfinite(scores)
    if wrong.any():
        image, row, col = np.argwhere(wrong)[0].tolist()
        raise InputError(
            f"image {before + image} scored {scores[image, row, col]} in cell ({row}, {col}), "
            "which cannot be ranked: the network diverged; go back to an earlier checkpoint or "
            "lower the learning rate"
        )


def _best_of_rows(block: _Drawn, eligible: np.ndarray, count: int) -> np.ndarray:
    """bool `[images, cells]`: the best `count` of the eligible cells in each row, or all."""
    cells = eligible.shape[1]
    if count >= cells:
        return eligible
    if count < 1 or not eligible.size:
        return np.zeros_like(eligible)
    worth = np.where(eligible, block.scores, -np.inf)
    last = np.partition(worth, cells - count, axis=1)[:, cells - count, None]
    better, tied = worth > last, (worth == last) & eligible
    wanted = count - better.sum(axis=1)
    # Where a row's last places are tied for, lots decide.
    for_lots = np.flatnonzero(tied.sum(axis=1) > wanted)
    order = np.argsort(np.where(tied, block.lots, np.inf)[for_lots], axis=1, kind="stable")
    drawn = np.zeros(order.shape, bool)
    np.put_along_axis(drawn, order, np.arange(cells) < wanted[for_lots, None], axis=1)
    tied[for_lots] = drawn
    return better | tied


def _bought(blocks: Iterable[_Drawn], budget: Budget, pixels: int) -> np.ndarray:
    """The numbers of the cells that are bought when each is bought if it can, best first.

    Few candidates are enough. Cells of a grid have at most four different costs, and what is left
    of the budget never grows. So of the cells of one cost, taken by themselves, those that are
    bought are the first ones of their ranking: once one does not fit, no later one does. They are
    at most `pixels // cost`; any other cell would be passed over and can be forgotten.

    With a limit for each image a cell may be passed over for a second reason, that its image has
    had its cells. Of one image and one cost only the best `per_image` cells can be bought, for
    while they fit they are bought before the next one. Of those, each that is passed over
    stands in an image with a bought cell of another cost in its place. So when a cell is bought,
    no more cells of its cost come before it than were bought in all: at most the budget by the
    cheapest cost.
    """
    limit, costs = budget.per_image, budget.costs.reshape(-1)
    prices = np.unique(costs).tolist()
    best = {price: _Best(pixels // (price if limit is None else prices[0])) for price in prices}
    for block in blocks:
        for price, of_price in best.items():
            open_cells = block.eligible & (costs == price)
            if limit is not None:
                open_cells = _best_of_rows(block, open_cells, limit)
            of_price.add(block, open_cells)
    candidates = _joined([of_price.cells() for of_price in best.values()])
    prices_asked = costs[candidates.number % costs.size]
    if limit is None and prices_asked.sum() <= pixels:
        return np.sort(candidates.number)
    order = np.lexsort((candidates.number, candidates.lot, -candidates.score))
    images = candidates.number // costs.size
    taken = _affordable(prices_asked[order], images[order], pixels=pixels, per_image=limit)
    return np.sort(candidates.number[order[taken]])


class _Best:
    """The best `count` cells of those that were added; for a while, up to twice as many wait."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._parts: list[_Cells] = []
        self._waiting = 0
        self._least = -np.inf

    def add(self, block: _Drawn, eligible: np.ndarray) -> None:
        """Cells with numbers above all that were added before."""
        if not self._count:
            return
        places = np.flatnonzero(eligible & (block.scores >= self._least))
        scores, lots = block.scores.reshape(-1), block.lots.reshape(-1)
        self._parts.append(_Cells(block.first + places, scores[places], lots[places]))
        self._waiting += len(places)
        if self._waiting >= 2 * self._count:
            best = self.cells()
            self._parts, self._waiting = [best], self._count
            self._least = best.score.min()

    def cells(self) -> _Cells:
        """The best so far, fewer than `count` where there were not as many."""
        cells = _joined(self._parts)
        return cells.at(_first(self._count, (-cells.score, cells.lot)))


def _joined(parts: Sequence[_Cells]) -> _Cells:
    none = _Cells(np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0))
    return _Cells(*map(np.concatenate, zip(none, *parts, strict=True)))


def _first(count: int, keys: Sequence[np.ndarray]) -> np.ndarray:
    """Places, ascending, of the `count` smallest by the first key, where tied by the next ones.

    Where all keys are tied, whoever comes first.
    """
    if not keys:
        return np.arange(count)
    key, *others = keys
    if count >= len(key):
        return np.arange(len(key))
    last = np.partition(key, count - 1)[count - 1]
    smaller, tied = np.flatnonzero(key < last), np.flatnonzero(key == last)
    drawn = tied[_first(count - len(smaller), [other[tied] for other in others])]
    return np.sort(np.concatenate([smaller, drawn]))


def _affordable(
    costs: np.ndarray, images: np.ndarray, *, pixels: int, per_image: int | None
) -> np.ndarray:
    """Places, in the order given, of the cells that are bought when each is bought if it can.

    In rounds: as long as all cells that wait are cheap enough, they are bought in a row. A round
    ends with a cell that is too dear, now and for ever, so there is one for each cost at most.
    """
    waiting, left = np.arange(len(costs)), pixels
    taken = [waiting[:0]]
    while len(waiting := waiting[costs[waiting] <= left]):
        allowed = waiting
        if per_image is not None:
            before = images[np.concatenate(taken)]
            rank = _ranks(np.concatenate([before, images[waiting]]))[len(before) :]
            allowed = waiting[rank < per_image]
        sums = np.cumsum(costs[allowed])
        fitting = int(np.searchsorted(sums, left, side="right"))
        taken.append(allowed[:fitting])
        if fitting == len(allowed):
            break
        left -= int(sums[fitting - 1]) if fitting else 0
        waiting = waiting[np.searchsorted(waiting, allowed[fitting]) :]
    return np.concatenate(taken)


def _ranks(values: np.ndarray) -> np.ndarray:
    """For each value, how many before it are the same."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    ranks = np.empty(len(values), np.int64)
    ranks[order] = np.arange(len(values)) - np.searchsorted(ordered, ordered)
    return ranks
