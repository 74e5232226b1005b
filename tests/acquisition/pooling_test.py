"""Sums and means over regions, against a plain loop, and to the bit what a grid always gave."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s4al_jax.acquisition.pooling import region_means, region_sums
from s4al_jax.acquisition.scores import entropy
from s4al_jax.regions.grid import RegionGrid
from s4al_jax.regions.protocol import Regions
from s4al_jax.types import UNLABELED, VOID, Batch, RegionRef
from tests.support.partition import IRREGULAR, Partition

GRIDS = [
    RegionGrid(6, 8, 3, 4),
    RegionGrid(7, 9, 3, 4),
    RegionGrid(5, 5, 5, 5),
    RegionGrid(4, 3, 1, 1),
    RegionGrid(5, 7, 4, 6),
]


def partition(ids: object, images: int = 1) -> Partition:
    """Images that all have these regions."""
    return Partition((np.asarray(ids, np.uint16),) * images)


def a_batch(known: np.ndarray, regions: Regions) -> Batch:
    """Images of which this is known, as a source gives them."""
    count = len(known)
    ids = np.stack([regions.id_map(image) for image in range(count)])
    extra = {} if regions.cell_size else {"regions": jnp.asarray(ids)}
    images = jnp.zeros((*known.shape, 3), jnp.uint8)
    index, valid = jnp.arange(count, dtype=jnp.int32), jnp.ones(count, bool)
    return Batch(images, jnp.asarray(known), index, valid, extra)


def some_known(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.choice(np.array([0, 3, VOID, UNLABELED], np.uint8), shape)


def unknown(*shape: int) -> np.ndarray:
    return np.full(shape, UNLABELED, np.uint8)


def slow_means(pixels: np.ndarray, known: np.ndarray, regions: Regions) -> np.ndarray:
    means = np.zeros((len(pixels), regions.max_regions, *pixels.shape[3:]))
    for image in range(len(pixels)):
        for region in range(regions.count(image)):
            ref, total, count = RegionRef(image, region), np.zeros(pixels.shape[3:]), 0
            box, mask = regions.box(ref), regions.mask(ref)
            for y in range(box.top, box.bottom):
                for x in range(box.left, box.right):
                    if mask is None or mask[y - box.top, x - box.left]:
                        count += 1
                        if known[image, y, x] == UNLABELED:
                            total = total + pixels[image, y, x]
            means[image, region] = total / count
    return means


def padded_block_means(scores: jax.Array, known: jax.Array, grid: RegionGrid) -> jax.Array:
    """The mean over cells as version 0.1 wrote it, `[batch, rows, cols]`."""
    open_scores = jnp.where(known == UNLABELED, scores, 0.0)
    below = grid.rows * grid.cell_height - grid.height
    beside = grid.cols * grid.cell_width - grid.width
    padded = jnp.pad(open_scores, ((0, 0), (0, below), (0, beside)))
    shape = (scores.shape[0], grid.rows, grid.cell_height, grid.cols, grid.cell_width)
    costs = grid.costs(0).reshape(grid.rows, grid.cols)
    return padded.reshape(shape).sum(axis=(2, 4)) / jnp.asarray(costs, jnp.float32)[None]


@pytest.mark.parametrize("grid", [GRIDS[1], GRIDS[2], RegionGrid(90, 120, 17, 30)])
def test_means_over_cells_have_the_bits_of_version_0_1(grid: RegionGrid) -> None:
    rng = np.random.default_rng(0)
    logits = jnp.asarray(rng.normal(size=(3, grid.height, grid.width, 11)) * 4, jnp.float32)
    batch = a_batch(some_known(rng, logits.shape[:3]), grid)
    new = jax.jit(lambda x: region_means(entropy(x), batch, grid))(logits)
    old = jax.jit(lambda x: padded_block_means(entropy(x), batch.label, grid))(logits)
    np.testing.assert_array_equal(new, old.reshape(3, -1))


@pytest.mark.parametrize("grid", GRIDS)
def test_means_over_cells_agree_with_a_plain_loop(grid: RegionGrid) -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((3, grid.height, grid.width), np.float32)
    known = some_known(rng, scores.shape)
    means = region_means(jnp.asarray(scores), a_batch(known, grid), grid)
    assert means.shape == (3, grid.rows * grid.cols)
    np.testing.assert_allclose(means, slow_means(scores, known, grid), rtol=1e-5)


@pytest.mark.parametrize("vector", [(), (1,), (3,)])
def test_regions_of_any_shape_agree_with_a_plain_loop(vector: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    pixels = rng.normal(size=(3, 5, 7, *vector)).astype(np.float32)
    known = some_known(rng, (3, 5, 7))
    means = region_means(jnp.asarray(pixels), a_batch(known, IRREGULAR), IRREGULAR)
    assert means.shape == (3, 5, *vector)
    np.testing.assert_allclose(means, slow_means(pixels, known, IRREGULAR), rtol=1e-5, atol=1e-6)
    assert not np.asarray(means)[1, 1:].any(), "an image with fewer regions has 0 for the others"


@st.composite
def grids(draw: st.DrawFn) -> RegionGrid:
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    return RegionGrid(height, width, draw(st.integers(1, height)), draw(st.integers(1, width)))


@settings(max_examples=8, deadline=None)
@given(grids(), st.integers(0, 1000))
def test_a_partition_that_happens_to_be_a_grid_gives_the_grid_s_sums(
    grid: RegionGrid, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.random((2, grid.height, grid.width, 2), np.float32)
    known = some_known(rng, pixels.shape[:3])

    def pooled(regions: Regions) -> list[jax.Array]:
        batch = a_batch(known, regions)
        # One program, hardly optimized, is compiled sooner than each of its operations.
        options = {"xla_backend_optimization_level": 0}
        return jax.jit(
            lambda x: [pool(x, batch, regions) for pool in (region_sums, region_means)],
            compiler_options=options,
        )(pixels)

    same = partition(grid.id_map(0), images=2)
    for found, expected in zip(pooled(same), pooled(grid), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "regions", [GRIDS[1], partition(np.arange(63).reshape(7, 9) // 5, images=2)]
)
def test_a_vector_is_pooled_as_its_numbers_are(regions: Regions) -> None:
    rng = np.random.default_rng(2)
    pixels = jnp.asarray(rng.normal(size=(2, 7, 9, 3)), jnp.float32)
    batch = a_batch(some_known(rng, (2, 7, 9)), regions)
    together = region_means(pixels, batch, regions)
    one_by_one = [region_means(pixels[..., place], batch, regions) for place in range(3)]
    np.testing.assert_allclose(together, jnp.stack(one_by_one, -1), rtol=1e-6, atol=1e-7)


def test_an_edge_cell_is_averaged_over_the_pixels_it_has() -> None:
    grid = RegionGrid(3, 3, 2, 2)
    known = unknown(1, 3, 3)
    means = region_means(jnp.ones((1, 3, 3)), a_batch(known, grid), grid)
    np.testing.assert_array_equal(means[0], np.ones(4))
    known[0, 0, 2] = VOID
    half = region_means(jnp.ones((1, 3, 3)), a_batch(known, grid), grid)
    np.testing.assert_array_equal(half[0], [1.0, 0.5, 1.0, 1.0])


@pytest.mark.parametrize("regions", [RegionGrid(2, 2, 2, 2), partition(np.zeros((2, 2)))])
def test_an_annotated_pixel_counts_zero_even_where_its_score_is_not_finite(
    regions: Regions,
) -> None:
    scores = jnp.asarray([[[jnp.nan, 2.0], [4.0, 6.0]]])
    known = np.array([[[1, UNLABELED], [UNLABELED, UNLABELED]]], np.uint8)
    assert region_means(scores, a_batch(known, regions), regions).item() == 3.0


@pytest.mark.parametrize("regions", [RegionGrid(2, 3, 2, 2), partition([[0, 0, 1], [0, 0, 1]])])
def test_what_is_annotated_can_be_counted_too(regions: Regions) -> None:
    pixels = jnp.asarray([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])
    batch = a_batch(np.zeros((1, 2, 3), np.uint8), regions)
    means = region_means(pixels, batch, regions, include_annotated=True)
    np.testing.assert_array_equal(means, [[3.0, 4.5]])
    np.testing.assert_array_equal(region_means(pixels, batch, regions), [[0.0, 0.0]])


@pytest.mark.parametrize(
    "regions",
    [RegionGrid(37, 50, 10, 12), partition(np.arange(1850).reshape(37, 50) // 90, images=5)],
)
def test_an_image_scores_the_same_in_any_company(regions: Regions) -> None:
    logits = (np.random.default_rng(0).normal(size=(5, 37, 50, 11)) * 4).astype(np.float32)
    whole = a_batch(unknown(5, 37, 50), regions)

    @jax.jit
    def score(x: jax.Array) -> jax.Array:
        extra = {name: ids[: len(x)] for name, ids in whole.extra.items()}
        batch = whole._replace(label=whole.label[: len(x)], extra=extra)
        return region_means(entropy(x), batch, regions)

    together = np.asarray(score(logits))
    # In batches of one size to the bit; another size is another program, which may round apart.
    order = np.array([4, 0, 3, 3, 1])
    np.testing.assert_array_equal(score(logits[order]), together[order])
    np.testing.assert_allclose(score(logits[2:3])[0], together[2], rtol=2e-6)
