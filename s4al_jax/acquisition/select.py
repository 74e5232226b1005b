"""From scores to regions: the best ones first, under a budget that is never overspent.

Arrays are `[images, max_regions]` and hold the whole pool. A number is drawn for every region of
it, open or not, and ranks regions with the same score.
"""

from collections.abc import Mapping

import numpy as np

from s4al_jax.types import Budget, InputError, PoolState, RegionRef

SCOPES = ("image", "pool")
"""Where regions compete: with those of their own image, or with all others."""


def by_score(
    summaries: Mapping[str, np.ndarray], pool: PoolState, budget: Budget, rng: np.random.Generator
) -> list[RegionRef]:
    """The open regions with the highest "score".

    Args:
      summaries: `[images, max_regions]` by name; only "score" is looked at.
      pool: which regions can be chosen, and what they cost.
      budget: with `pixels`, regions of all images compete for it; without, only those of the same
        image do, and of each image the best `per_image` are chosen.
      rng: breaks ties.

    Returns:
      The regions by image and, in an image, by id.
    """
    best = best_of_each_image if budget.pixels is None else best_of_pool
    return best(summaries["score"], pool, budget, rng)


def best_of_each_image(
    score: np.ndarray, pool: PoolState, budget: Budget, rng: np.random.Generator
) -> list[RegionRef]:
    """The best `budget.per_image` open regions of every image; all of them where fewer are.

    With `budget.pixels`, those of them that it pays for, best first.
    """
    if budget.per_image is None:
        raise ValueError("best_of_each_image needs budget.per_image")
    ties = _draw_ties(score, pool, rng)
    order = np.lexsort((ties, np.where(pool.open, -score, np.inf)), axis=-1)
    best = np.zeros(score.shape, bool)
    np.put_along_axis(best, order[:, : budget.per_image], True, axis=1)
    best &= pool.open
    if budget.pixels is not None:
        best = _affordable(score, ties, pool._replace(open=best), budget.pixels, None)
    return _references(best)


def best_of_pool(
    score: np.ndarray, pool: PoolState, budget: Budget, rng: np.random.Generator
) -> list[RegionRef]:
    """The best open regions of all images that `budget.pixels` pays for.

    A region that does not fit into what is left is passed over, and so is one whose image has had
    `budget.per_image` already; then the next ones are tried.
    """
    if budget.pixels is None:
        raise ValueError("best_of_pool needs budget.pixels")
    ties = _draw_ties(score, pool, rng)
    return _references(_affordable(score, ties, pool, budget.pixels, budget.per_image))


def budget(costs: np.ndarray, open_images: np.ndarray, *, per_image: int, scope: str) -> Budget:
    """What one acquisition may spend.

    Args:
      costs: int64 `[images, max_regions]`: the pixels of each region of the pool.
      open_images: bool `[images]`: which have a region that can be chosen.
      per_image: how many regions are chosen of each of them.
      scope: "image": so many of each image; "pool": as many pixels, wherever they are worth most.
    """
    if scope not in SCOPES:
        raise InputError(f"scope {scope!r} is unknown: use {' or '.join(map(repr, SCOPES))}")
    if per_image < 1:
        raise InputError(f"{per_image} regions an image buy nothing: ask for at least 1")
    if scope == "image":
        return Budget(per_image=per_image, pixels=None)
    # The largest region, not the mean: so many regions of an image never cost more than that.
    most = np.minimum(per_image * costs.max(axis=1), costs.sum(axis=1))
    return Budget(per_image=None, pixels=int(most[open_images].sum()))


def _draw_ties(score: np.ndarray, pool: PoolState, rng: np.random.Generator) -> np.ndarray:
    """A number for each region, by which it is ranked where scores are the same."""
    if not score.shape == pool.open.shape == pool.costs.shape:
        raise ValueError(
            f"scores {score.shape}, open {pool.open.shape} and costs {pool.costs.shape} do not "
            "describe the same regions"
        )
    wrong = np.argwhere(pool.open & ~np.isfinite(score))
    if len(wrong):
        image, region = wrong[0].tolist()
        raise InputError(
            f"image {image} scored {score[image, region]} in region {region}, which cannot be "
            "ranked: the network diverged; go back to an earlier checkpoint or lower the learning "
            "rate"
        )
    return rng.random(score.shape)


def _affordable(
    score: np.ndarray, ties: np.ndarray, pool: PoolState, pixels: int, per_image: int | None
) -> np.ndarray:
    """bool `[images, max_regions]`: what is chosen when each region is if it can be, best first.

    In rounds: the best regions are chosen in one go, up to the first that costs more than is left.
    As what is left never grows, neither it nor any as large can be chosen any more; they leave the
    ranking, and the next round begins.
    """
    open_regions = np.flatnonzero(pool.open)
    order = np.lexsort((ties.ravel()[open_regions], -score.ravel()[open_regions]))
    waiting, costs, left = open_regions[order], pool.costs.ravel(), pixels
    chosen = np.zeros(score.shape, bool)
    while len(waiting := waiting[(costs[waiting] <= left) & ~chosen.ravel()[waiting]]):
        allowed = waiting
        if per_image is not None:
            images = waiting // score.shape[1]
            allowed = waiting[_earlier_equals(images) + chosen.sum(axis=1)[images] < per_image]
        sums = np.cumsum(costs[allowed])
        fitting = int(np.searchsorted(sums, left, side="right"))
        chosen.ravel()[allowed[:fitting]] = True
        if fitting == len(allowed):
            break
        left -= int(sums[fitting - 1]) if fitting else 0
    return chosen


def _earlier_equals(values: np.ndarray) -> np.ndarray:
    """For each value, how many before it are the same."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    counts = np.empty(len(values), np.int64)
    counts[order] = np.arange(len(values)) - np.searchsorted(ordered, ordered)
    return counts


def _references(chosen: np.ndarray) -> list[RegionRef]:
    return [RegionRef(image, region) for image, region in np.argwhere(chosen).tolist()]
