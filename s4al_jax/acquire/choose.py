"""From scores to cells: who gets asked about, under a budget that is never overspent."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from s4al_jax.pool.regions import RegionGrid
from s4al_jax.types import Budget, InputError

Choice = Callable[[np.ndarray, np.ndarray, Budget, np.random.Generator], np.ndarray]
"""(scores, eligible, budget, random numbers) -> bool `[images, rows, cols]`"""


def top_of_each_image(
    scores: np.ndarray, eligible: np.ndarray, budget: Budget, rng: np.random.Generator
) -> np.ndarray:
    """The best `budget.per_image` eligible cells of every image; all of them where fewer are."""
    if budget.per_image is None:
        raise ValueError("top_of_each_image needs budget.per_image")
    _check(scores, eligible, budget)
    order = _best_first(scores, eligible, rng, shape=(len(scores), budget.costs.size))
    chosen = np.zeros(order.shape, bool)
    np.put_along_axis(chosen, order[:, : budget.per_image], True, axis=1)
    chosen = chosen.reshape(eligible.shape) & eligible
    if budget.pixels is None:
        return chosen
    return best_of_pool(scores, chosen, budget, rng)


def best_of_pool(
    scores: np.ndarray, eligible: np.ndarray, budget: Budget, rng: np.random.Generator
) -> np.ndarray:
    """The best eligible cells of all images that `budget.pixels` pays for.

    A cell that does not fit into what is left is passed over, and the next ones are tried.
    """
    if budget.pixels is None:
        raise ValueError("best_of_pool needs budget.pixels")
    _check(scores, eligible, budget)
    order = _best_first(scores, eligible, rng, shape=(scores.size,))[: int(eligible.sum())]
    cells = budget.costs.size
    costs = np.broadcast_to(budget.costs, eligible.shape).reshape(-1)[order]
    most = cells if budget.per_image is None else budget.per_image
    taken = _affordable(costs, order // cells, pixels=budget.pixels, per_image=most)
    chosen = np.zeros(eligible.size, bool)
    chosen[order[taken]] = True
    return chosen.reshape(eligible.shape)


CHOICES: Mapping[str, Choice] = MappingProxyType({"image": top_of_each_image, "pool": best_of_pool})
"""The scopes that a configuration can name."""


def choice(scope: str) -> Choice:
    """The choice that `scope` names."""
    if scope not in CHOICES:
        raise InputError(f"scope {scope!r} is unknown: use {' or '.join(map(repr, CHOICES))}")
    return CHOICES[scope]


def budget(grid: RegionGrid, *, per_image: int, images: int, scope: str) -> Budget:
    """What one acquisition may spend: `per_image` cells of each of `images` eligible images.

    With scope "pool" the same number of pixels may be spent wherever it is worth most.
    """
    choice(scope)
    if per_image < 1:
        raise InputError(f"{per_image} cells an image buy nothing: ask for at least 1")
    if images < 0:
        raise ValueError(f"{images} images")
    costs = np.asarray(grid.costs)
    if scope == "image":
        return Budget(per_image=per_image, pixels=None, costs=costs)
    # The largest cell, not the nominal one: a cell may be larger than the picture.
    pixels = images * min(per_image * int(costs.max()), int(costs.sum()))
    return Budget(per_image=None, pixels=pixels, costs=costs)


def _best_first(
    scores: np.ndarray, eligible: np.ndarray, rng: np.random.Generator, *, shape: tuple[int, ...]
) -> np.ndarray:
    """Positions along the last axis of `shape` by descending score, the ineligible ones last."""
    lots = rng.permutation(scores.size).reshape(shape)
    worth = np.where(eligible, scores, -np.inf).reshape(shape)
    return np.lexsort((lots, -worth), axis=-1)


def _affordable(
    costs: np.ndarray, images: np.ndarray, *, pixels: int, per_image: int
) -> np.ndarray:
    """Positions, in the order given, of the cells that are bought when each is bought if it can."""
    taken: list[int] = []
    left, cheapest = pixels, int(costs.min(initial=pixels + 1))
    bought: dict[int, int] = {}
    for position, (cost, image) in enumerate(zip(costs.tolist(), images.tolist(), strict=True)):
        if left < cheapest:
            break
        if cost <= left and bought.get(image, 0) < per_image:
            taken.append(position)
            left -= cost
            bought[image] = bought.get(image, 0) + 1
    return np.asarray(taken, np.int64)


def _check(scores: np.ndarray, eligible: np.ndarray, budget: Budget) -> None:
    if scores.shape != eligible.shape or scores.shape[1:] != budget.costs.shape:
        raise ValueError(
            f"scores {scores.shape}, eligible {eligible.shape} and costs {budget.costs.shape} "
            "do not describe the same cells"
        )
    wrong = np.argwhere(eligible & ~np.isfinite(scores))
    if len(wrong):
        image, row, col = wrong[0].tolist()
        raise InputError(
            f"image {image} scored {scores[image, row, col]} in cell ({row}, {col}), which cannot "
            "be ranked: the network diverged; go back to an earlier checkpoint or lower the "
            "learning rate"
        )
