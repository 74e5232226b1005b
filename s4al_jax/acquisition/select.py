"""From scores to cells: who gets asked about, under a budget that is never overspent."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

import numpy as np

from s4al_jax.acquisition import stream
from s4al_jax.regions import RegionGrid
from s4al_jax.types import Budget, InputError

Choice = Callable[[np.ndarray, np.ndarray, Budget, np.random.Generator], np.ndarray]
"""(scores, eligible, budget, random numbers) -> bool `[images, rows, cols]`"""

_CELLS_AT_A_TIME = 2**20


def top_of_each_image(
    scores: np.ndarray, eligible: np.ndarray, budget: Budget, rng: np.random.Generator
) -> np.ndarray:
    """The best `budget.per_image` eligible cells of every image; all of them where fewer are."""
    chosen = stream.top_of_each_image(_blocks(scores, eligible, budget), budget, rng)
    return _marked(chosen, eligible.shape)


def best_of_pool(
    scores: np.ndarray, eligible: np.ndarray, budget: Budget, rng: np.random.Generator
) -> np.ndarray:
    """The best eligible cells of all images that `budget.pixels` pays for.

    A cell that does not fit into what is left is passed over, and the next ones are tried.
    """
    chosen = stream.best_of_pool(_blocks(scores, eligible, budget), budget, rng)
    return _marked(chosen, eligible.shape)


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


def _blocks(scores: np.ndarray, eligible: np.ndarray, budget: Budget) -> Iterator[stream.Block]:
    stream.check_shapes(scores, eligible, budget)
    size = max(1, _CELLS_AT_A_TIME // budget.costs.size)
    for start in range(0, len(scores), size):
        yield scores[start : start + size], eligible[start : start + size]


def _marked(numbers: Iterable[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    chosen = np.zeros(shape, bool)
    for some in numbers:
        chosen.reshape(-1)[some] = True
    return chosen
