"""An acquisition function on feature vectors sees labeled regions: its centers lie there."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.engine import devices
from s4al_jax.engine.score import images_to_score, over_pool, scorer
from s4al_jax.input.source import StreamedSource
from s4al_jax.regions.grid import RegionGrid
from s4al_jax.regions.protocol import Regions, region_costs
from s4al_jax.types import (
    UNLABELED,
    Budget,
    Method,
    PoolState,
    Prediction,
    RegionRef,
    ScoringState,
    TrainState,
)
from tests.support.k_center import k_center
from tests.support.partition import IRREGULAR

GRAY, RED, GREEN, BLUE = (100, 100, 100), (250, 0, 0), (0, 250, 0), (0, 0, 250)
GRID = RegionGrid(5, 7, 3, 4)
STATES = ScoringState(TrainState(jnp.int32(0), {}, {}, (), jnp.zeros(2, jnp.uint32), {}))
# Image 0 is labeled in all regions, of image 1 nothing is, of image 2 region 1.
COLORS = {
    0: [GRAY, RED, GRAY, GRAY, GRAY],
    1: [RED, RED, RED, RED, RED],
    2: [GREEN, GRAY, BLUE, GRAY, GRAY],
}
LABELED = {(0, region) for region in range(5)} | {(2, 1)}


def unused(*_: Any) -> Any:
    raise AssertionError


def predict(variables: Any, images: jax.Array) -> Prediction:
    """Its features are the colors."""
    colors = images.astype(jnp.float32)
    return Prediction(logits=colors, features=colors)


METHOD = Method(unused, unused, predict, ("student",), {}, unused)


def pool_of(regions: Regions) -> StreamedSource:
    """Three images whose regions have colors, with what is labeled of them."""

    def read_image(index: int) -> np.ndarray:
        return np.array(COLORS[index], np.uint8)[regions.id_map(index)]

    def read_label(index: int) -> np.ndarray:
        known = [UNLABELED if (index, region) not in LABELED else 0 for region in range(5)]
        return np.array(known, np.uint8)[regions.id_map(index)]

    source = StreamedSource(read_image=read_image, read_label=read_label)
    if regions.cell_size is None:
        source.add_maps({"regions": regions.id_map})
    return source


class Scored(NamedTuple):
    """What k-center finds of the pool."""

    regions: Regions
    summaries: Mapping[str, np.ndarray]
    pool: PoolState

    def select(self, budget: Budget, *, seed: int = 0, **changes: Any) -> list[RegionRef]:
        pool = self.pool._replace(**changes)
        rng = np.random.default_rng(seed)
        return k_center(self.regions).select(self.summaries, pool, budget, rng)


@pytest.fixture(scope="module", params=[GRID, IRREGULAR], ids=["grid", "irregular"])
def scored(request: pytest.FixtureRequest) -> Scored:
    regions = request.param
    costs = region_costs(regions, 3)
    known = np.array(
        [[(image, region) in LABELED for region in range(costs.shape[1])] for image in range(3)]
    )
    pool = PoolState((costs > 0) & ~known, (costs > 0) & known, costs, np.zeros(3, np.int64))
    acquisition = k_center(regions)
    score = scorer(METHOD, acquisition, pool_of(regions), devices.mesh(1), batch=2)
    images = images_to_score(acquisition, pool.open)
    summaries = over_pool(score(STATES, images, jax.random.PRNGKey(0)), images, 3)
    return Scored(regions, summaries, pool)


def test_labeled_regions_are_summarized_too(scored: Scored) -> None:
    assert scored.summaries["embedding"].shape == (3, scored.regions.max_regions, 3)
    for image, region in np.argwhere(scored.pool.open | scored.pool.labeled).tolist():
        found = scored.summaries["embedding"][image, region]
        np.testing.assert_allclose(found, COLORS[image][region], rtol=1e-5)
    assert (scored.summaries["score"][scored.pool.open] > 0).all()
    assert not scored.summaries["score"][~scored.pool.open].any()


def test_regions_far_from_all_labeled_ones_are_chosen(scored: Scored) -> None:
    # Red and gray are labeled: green and blue are new, whatever is drawn for ties.
    two = Budget(None, int(scored.pool.costs[2][[0, 2]].sum()))
    nothing = np.zeros_like(scored.pool.labeled)
    assert all(scored.select(two, seed=seed) == [(2, 0), (2, 2)] for seed in range(10))
    # Without the labeled regions red or gray may come first.
    alone = [scored.select(two, seed=seed, labeled=nothing) for seed in range(10)]
    assert any(chosen != [(2, 0), (2, 2)] for chosen in alone)
    assert [region.image for region in scored.select(Budget(1, None))] == [1, 2]
    assert scored.select(Budget(1, None))[1] in [(2, 0), (2, 2)]


def test_a_budget_is_never_overspent_and_spent_while_anything_fits(scored: Scored) -> None:
    for pixels in (0, 3, 20, 40, 1000):
        chosen = scored.select(Budget(None, pixels))
        spent = sum(int(scored.pool.costs[region]) for region in chosen)
        assert spent <= pixels and all(scored.pool.open[region] for region in chosen)
        left_over = scored.pool.open.copy()
        left_over[tuple(np.array(chosen, int).reshape(-1, 2).T)] = False
        assert (scored.pool.costs[left_over] > pixels - spent).all()
