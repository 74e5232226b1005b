"""What a pixel and a cell are worth, against numbers worked by hand and plain loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.acquisition.scores import (
    PIXEL_SCORES,
    cell_means,
    entropy,
    least_confidence,
    margin,
)
from s4al_jax.regions import RegionGrid
from s4al_jax.types import UNLABELED, VOID

# Pixels with probabilities (1/2, 1/4, 1/4), (1/3, 1/3, 1/3) and (8/10, 1/10, 1/10).
PROBABILITIES = np.array([[[2, 1, 1], [1, 1, 1], [8, 1, 1]]]) / np.array([4, 3, 10])[:, None]
LOGITS = jnp.log(jnp.asarray(PROBABILITIES[None], jnp.float32))
ONE_HOT = jnp.asarray([[[[1e4, 0.0, 0.0], [0.0, -1e4, 1e4]]]], jnp.float32)
GRIDS = [
    RegionGrid(6, 8, 3, 4),
    RegionGrid(7, 9, 3, 4),
    RegionGrid(5, 5, 5, 5),
    RegionGrid(4, 3, 1, 1),
    RegionGrid(5, 7, 4, 6),
]


def slow_cell_means(scores: np.ndarray, known: np.ndarray, grid: RegionGrid) -> np.ndarray:
    means = np.zeros((len(scores), grid.rows, grid.cols))
    for image, row, col in np.ndindex(*means.shape):
        box, total = grid.box(row, col), 0.0
        for y in range(box.top, box.bottom):
            for x in range(box.left, box.right):
                total += scores[image, y, x] if known[image, y, x] == UNLABELED else 0.0
        means[image, row, col] = total / box.area
    return means


def test_least_confidence_is_what_the_likeliest_class_lacks() -> None:
    np.testing.assert_allclose(least_confidence(LOGITS)[0, 0], [1 / 2, 2 / 3, 0.2], rtol=1e-5)


def test_entropy_is_in_nats_and_largest_where_all_classes_are_equal() -> None:
    third = -(0.8 * np.log(0.8) + 0.2 * np.log(0.1))
    expected = [1.5 * np.log(2), np.log(3), third]
    np.testing.assert_allclose(entropy(LOGITS)[0, 0], expected, rtol=1e-5)


def test_margin_is_largest_where_two_classes_tie_for_the_first_place() -> None:
    np.testing.assert_allclose(margin(LOGITS)[0, 0], [0.75, 1.0, 0.3], rtol=1e-5)
    tie = jnp.asarray([[[[3.0, 3.0, -9.0]]]])
    np.testing.assert_allclose(margin(tie), 1.0, rtol=1e-6)


@pytest.mark.parametrize("name", sorted(PIXEL_SCORES))
def test_a_certain_network_scores_zero_not_nan(name: str) -> None:
    scores = PIXEL_SCORES[name](ONE_HOT)
    assert scores.shape == (1, 1, 2)
    assert scores.dtype == jnp.float32
    np.testing.assert_array_equal(scores, 0.0)


@pytest.mark.parametrize("name", sorted(PIXEL_SCORES))
def test_scores_are_float32_and_no_logit_offset_matters(name: str) -> None:
    score = PIXEL_SCORES[name]
    assert score(LOGITS.astype(jnp.bfloat16)).dtype == jnp.float32
    np.testing.assert_allclose(score(LOGITS + 7.0), score(LOGITS), atol=1e-5)
    assert (score(LOGITS) >= 0).all()


@pytest.mark.parametrize("grid", GRIDS)
def test_cell_means_agree_with_a_plain_loop(grid: RegionGrid) -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((3, grid.height, grid.width), np.float32)
    known = rng.choice(np.array([0, 3, VOID, UNLABELED], np.uint8), scores.shape)
    means = cell_means(jnp.asarray(scores), jnp.asarray(known), grid)
    assert means.shape == (3, grid.rows, grid.cols)
    np.testing.assert_allclose(means, slow_cell_means(scores, known, grid), rtol=1e-5)


def test_an_edge_cell_is_averaged_over_the_pixels_it_has() -> None:
    grid = RegionGrid(3, 3, 2, 2)
    known = jnp.full((1, 3, 3), UNLABELED, jnp.uint8)
    means = cell_means(jnp.ones((1, 3, 3)), known, grid)
    np.testing.assert_array_equal(means[0], np.ones((2, 2)))
    half = cell_means(jnp.ones((1, 3, 3)), known.at[0, 0, 2].set(VOID), grid)
    np.testing.assert_array_equal(half[0], [[1.0, 0.5], [1.0, 1.0]])


def test_an_annotated_pixel_counts_zero_even_where_its_score_is_not_finite() -> None:
    scores = jnp.asarray([[[jnp.nan, 2.0], [4.0, 6.0]]])
    known = jnp.asarray([[[1, UNLABELED], [UNLABELED, UNLABELED]]], jnp.uint8)
    assert cell_means(scores, known, RegionGrid(2, 2, 2, 2)).item() == 3.0


def test_an_image_scores_the_same_in_any_company() -> None:
    grid = RegionGrid(37, 50, 10, 12)
    logits = jax.random.normal(jax.random.PRNGKey(0), (5, 37, 50, 11)) * 4
    known = jnp.full((5, 37, 50), UNLABELED, jnp.uint8)
    score = jax.jit(lambda x: cell_means(entropy(x), known[: len(x)], grid))
    together = np.asarray(score(logits))
    # In batches of one size to the bit; another size is another program, which may round apart.
    order = np.array([4, 0, 3, 3, 1])
    np.testing.assert_array_equal(score(logits[order]), together[order])
    np.testing.assert_allclose(score(logits[2:3])[0], together[2], rtol=2e-6)
