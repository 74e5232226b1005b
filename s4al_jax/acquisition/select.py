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
    best = _best_of_each_row(score, ties, pool.open, budget.per_image)
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


def _best_of_each_row(
    score: np.ndarray, ties: np.ndarray, is_open: np.ndarray, count: int
) -> np.ndarray:
    """bool `[images, max_regions]`: the best open regions of each image, at most `count`."""
    if not 0 < count < score.shape[1]:
        return is_open & (count > 0)
    loss = np.where(is_open, -score, np.inf)
    # Sorting is for the few at the top alone: the pool of 10^5 images has 10^7 regions.
    last = np.partition(loss, count - 1, axis=1)[:, count - 1 : count]
    candidates = np.flatnonzero(is_open & (loss <= last))
    images = candidates // score.shape[1]
    order = np.lexsort((ties.ravel()[candidates], loss.ravel()[candidates], images))
    best = np.zeros(score.shape, bool)
    best.ravel()[candidates[order][_earlier_equals(images[order]) < count]] = True
    return best


def _affordable(
    score: np.ndarray, ties: np.ndarray, pool: PoolState, pixels: int, per_image: int | None
) -> np.ndarray:
    """bool `[images, max_regions]`: what is chosen when each region is if it can be, best first.

    What is chosen of the best regions does not depend on the others. So only as many are ranked as
    could be paid for, and more of them where that leaves something over.
    """
    waiting, costs, left = np.flatnonzero(pool.open), pool.costs.reshape(-1), pixels
    chosen = np.zeros(score.shape, bool)
    while len(waiting := waiting[costs[waiting] <= left]):
        scores = score.ravel()[waiting]
        count = left // max(int(costs[waiting].min()), 1) + 1
        if count < len(waiting):
            is_next = scores >= np.partition(scores, -count)[-count]
        else:
            is_next = np.ones(len(waiting), bool)
        ranked, waiting = waiting[is_next], waiting[~is_next]
        order = np.lexsort((ties.ravel()[ranked], -scores[is_next]))
        left = _choose_ranked(ranked[order], costs, left, per_image, chosen)
    return chosen


def _choose_ranked(
    waiting: np.ndarray, costs: np.ndarray, left: int, per_image: int | None, chosen: np.ndarray
) -> int:
    """Choose each of the ranked regions that can be, in place; returns the pixels left over.

    In rounds: the best regions are chosen in one go, up to the first that costs more than is left.
    As what is left never grows, neither it nor any as large can be chosen any more; they leave the
    ranking, and the next round begins.
    """
    while len(waiting := waiting[(costs[waiting] <= left) & ~chosen.ravel()[waiting]]):
        allowed = waiting
        if per_image is not None:
            images = waiting // chosen.shape[1]
            allowed = waiting[_earlier_equals(images) + chosen.sum(axis=1)[images] < per_image]
        sums = np.cumsum(costs[allowed])
        fitting = int(np.searchsorted(sums, left, side="right"))
        chosen.ravel()[allowed[:fitting]] = True
        left -= int(sums[fitting - 1]) if fitting else 0
        if fitting == len(allowed):
            break
    return left


def _earlier_equals(values: np.ndarray) -> np.ndarray:
    """For each value, how many before it are the same."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    counts = np.empty(len(values), np.int64)
    counts[order] = np.arange(len(values)) - np.searchsorted(ordered, ordered)
    return counts


def _references(chosen: np.ndarray) -> list[RegionRef]:
    return [RegionRef(image, region) for image, region in np.argwhere(chosen).tolist()]
