"""The ready-made acquisitions, put to networks whose answers are known."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.acquisition.functions import random_regions, uncertainty
from s4al_jax.acquisition.scores import least_confidence
from s4al_jax.acquisition.select import best_of_pool, top_of_each_image
from s4al_jax.regions import RegionGrid
from s4al_jax.types import UNLABELED, VOID, InputError, Method, Prediction, TrainState

GRID = RegionGrid(4, 4, 2, 2)
KEY = jax.random.PRNGKey(3)
KEYS = jax.random.split(KEY, 2)
OPEN = jnp.full((2, 4, 4), UNLABELED, jnp.uint8)
IMAGES = jnp.zeros((2, 4, 4, 3), jnp.uint8)


def a_method(networks: tuple[str, ...] = ("student", "teacher")) -> Method:
    """Its networks are single numbers: the logit of the first of two classes, everywhere."""

    def predict(variables: Any, images: jax.Array) -> Prediction:
        logits = jnp.stack([jnp.full(images.shape[:3], variables), jnp.zeros(images.shape[:3])], -1)
        return Prediction(logits=logits, features=logits)

    def unused(*_: Any) -> Any:
        raise AssertionError("an acquisition does not train")

    return Method(unused, unused, predict, networks, ())


def a_state(student: float, teacher: float) -> TrainState:
    return TrainState(jnp.int32(0), student, teacher, (), KEY, {})


@pytest.mark.parametrize(("network", "expected"), [("teacher", 0.5), ("student", 0.25)])
def test_the_named_network_is_asked(network: str, expected: float) -> None:
    question = uncertainty(least_confidence, GRID, network=network, scope="image")
    scores = question.summarize(a_method(), a_state(np.log(3.0), 0.0), IMAGES, OPEN, KEYS)
    np.testing.assert_allclose(scores, np.full((2, 2, 2), expected), rtol=1e-5)


def test_pixels_already_annotated_lower_the_score_of_their_cell() -> None:
    question = uncertainty(least_confidence, GRID, network="teacher", scope="image")
    known = OPEN.at[0, 0, 0].set(VOID).at[1, 2:, 2:].set(1)
    scores = question.summarize(a_method(), a_state(0.0, 0.0), IMAGES, known, KEYS)
    np.testing.assert_allclose(scores[0], [[0.375, 0.5], [0.5, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(scores[1], [[0.5, 0.5], [0.5, 0.0]], rtol=1e-6)


def test_a_network_that_is_not_trained_cannot_be_asked() -> None:
    question = uncertainty(least_confidence, GRID, network="teacher", scope="image")
    with pytest.raises(InputError, match="no 'teacher' network to ask: use 'student'"):
        question.summarize(a_method(("student",)), a_state(0.0, 0.0), IMAGES, OPEN, KEYS)
    with pytest.raises(InputError, match="'tutor'"):
        uncertainty(least_confidence, GRID, network="tutor", scope="image")


def test_the_scope_names_the_choice() -> None:
    assert random_regions(GRID, scope="image").choose is top_of_each_image
    assert random_regions(GRID, scope="pool").choose is best_of_pool
    with pytest.raises(InputError, match="scope 'world' is unknown: use 'image' or 'pool'"):
        random_regions(GRID, scope="world")


def test_chance_runs_no_network_and_gives_nothing_to_cells_that_are_known() -> None:
    method = a_method()._replace(predict=lambda *_: pytest.fail("a network was run"))
    known = OPEN.at[0, :2, :2].set(VOID).at[1, 0, 0].set(2)
    scores = random_regions(GRID, scope="image").summarize(
        method, a_state(0.0, 0.0), IMAGES, known, KEYS
    )
    assert scores.shape == (2, 2, 2)
    assert scores[0, 0, 0] == 0
    assert (np.asarray(scores).reshape(-1)[1:] > 0).all()
    assert (scores < 1).all()


def test_chance_follows_the_key_alone() -> None:
    summarize = random_regions(GRID, scope="image").summarize
    method, state = a_method(), a_state(0.0, 0.0)
    first = summarize(method, state, IMAGES, OPEN, KEYS)
    np.testing.assert_array_equal(first, summarize(method, state, IMAGES + 1, OPEN, KEYS))
    other = summarize(method, state, IMAGES, OPEN, jax.random.split(jax.random.PRNGKey(4), 2))
    assert not np.array_equal(first, other)
    assert len(np.unique(first)) == first.size
    swapped = summarize(method, state, IMAGES, OPEN, KEYS[::-1])
    np.testing.assert_array_equal(swapped, first[::-1])


def test_small_edge_cells_are_drawn_as_often_as_large_ones() -> None:
    grid = RegionGrid(9, 9, 8, 8)
    known = jnp.full((4000, 9, 9), UNLABELED, jnp.uint8)
    keys = jax.random.split(KEY, 4000)
    scores = random_regions(grid, scope="image").summarize(
        a_method(), a_state(0.0, 0.0), jnp.zeros((1, 9, 9, 3), jnp.uint8), known, keys
    )
    wins = np.bincount(np.asarray(scores).reshape(4000, 4).argmax(1), minlength=4)
    # 4000 draws of one in four: 1000 each, with a standard deviation of 27.
    assert np.abs(wins - 1000).max() < 120
