"""The registered acquisition functions, with networks whose answers are known."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.acquisition.functions import entropy, least_confidence, margin, random
from s4al_jax.acquisition.registry import ACQUISITIONS
from s4al_jax.acquisition.select import by_score
from s4al_jax.regions.grid import RegionGrid
from s4al_jax.regions.protocol import Regions
from s4al_jax.types import (
    UNLABELED,
    VOID,
    Batch,
    InputError,
    Method,
    Prediction,
    ScoringState,
    TrainState,
)
from tests.support.partition import IRREGULAR, Partition

GRID = RegionGrid(4, 4, 2, 2)
KEY = jax.random.PRNGKey(3)
KEYS = jax.random.split(KEY, 2)
OPEN = np.full((2, 4, 4), UNLABELED, np.uint8)
# As `GRID`, but for a pixel that has changed sides.
NEARLY = Partition((np.array([[0, 0, 1, 1], [0, 0, 0, 1], [2, 2, 3, 3], [2, 2, 3, 3]]),) * 2)
BY_SCORE = ("entropy", "least_confidence", "margin", "random")


def a_method(networks: tuple[str, ...] = ("student", "teacher")) -> Method:
    """Its networks are single numbers: the logit of the first of two classes, everywhere."""

    def predict(variables: Any, images: jax.Array, *, extras: tuple[str, ...] = ()) -> Prediction:
        logits = jnp.stack([jnp.full(images.shape[:3], variables), jnp.zeros(images.shape[:3])], -1)
        return Prediction(logits, logits, {name: logits[..., 0] for name in extras})

    def unused(*_: Any) -> Any:
        raise AssertionError("an acquisition function does not train")

    return Method(unused, unused, predict, networks, {}, unused)


def states(student: float, teacher: float) -> ScoringState:
    return ScoringState(TrainState(jnp.int32(0), student, teacher, (), KEY, {}))


def a_batch(known: np.ndarray, regions: Regions = GRID) -> Batch:
    count = len(known)
    ids = np.stack([regions.id_map(image) for image in range(count)])
    extra = {} if regions.cell_size else {"regions": jnp.asarray(ids)}
    images = jnp.zeros((*known.shape, 3), jnp.uint8)
    return Batch(images, jnp.asarray(known), jnp.arange(count), jnp.ones(count, bool), extra)


@pytest.mark.parametrize(("network", "expected"), [("teacher", 0.5), ("student", 0.25), ("", 0.5)])
def test_the_named_network_is_scored_and_else_the_one_that_the_method_prefers(
    network: str, expected: float
) -> None:
    acquisition = least_confidence(GRID, network=network)
    found = acquisition.summarize(a_method(), states(np.log(3.0), 0.0), a_batch(OPEN), KEYS)
    assert set(found) == {"score"}
    np.testing.assert_allclose(found["score"], np.full((2, 4), expected), rtol=1e-5)
    alone = least_confidence(GRID)
    found = alone.summarize(a_method(("student",)), states(np.log(3.0), 0.0), a_batch(OPEN), KEYS)
    np.testing.assert_allclose(found["score"], np.full((2, 4), 0.25), rtol=1e-5)


@pytest.mark.parametrize(
    ("factory", "expected"),
    # With probabilities of 3/4 and 1/4, in nats.
    [(entropy, 2 * np.log(2) - 0.75 * np.log(3)), (least_confidence, 0.25), (margin, 0.5)],
)
def test_each_function_scores_by_its_own_measure(factory: Any, expected: float) -> None:
    found = factory(GRID).summarize(a_method(), states(0.0, np.log(3.0)), a_batch(OPEN), KEYS)
    np.testing.assert_allclose(found["score"], np.full((2, 4), expected), rtol=1e-5)


def test_pixels_already_annotated_lower_the_score_of_their_region() -> None:
    known = OPEN.copy()
    known[0, 0, 0], known[1, 2:, 2:] = VOID, 1
    for regions, fewer in ((GRID, 0.375), (NEARLY, 0.4)):
        found = least_confidence(regions).summarize(
            a_method(), states(0.0, 0.0), a_batch(known, regions), KEYS
        )
        np.testing.assert_allclose(found["score"][0], [fewer, 0.5, 0.5, 0.5], rtol=1e-6)
        np.testing.assert_allclose(found["score"][1], [0.5, 0.5, 0.5, 0.0], rtol=1e-6)


def test_a_network_that_is_not_trained_cannot_be_scored() -> None:
    acquisition = least_confidence(GRID, network="teacher")
    with pytest.raises(InputError, match="no 'teacher' network to score with: use 'student'"):
        acquisition.summarize(a_method(("student",)), states(0.0, 0.0), a_batch(OPEN), KEYS)


@pytest.mark.parametrize("name", BY_SCORE)
def test_these_functions_have_the_same_option_and_select_by_score(name: str) -> None:
    assert ACQUISITIONS[name](GRID, network="student").select is by_score
    with pytest.raises(InputError, match="no network 'tutor' to score with"):
        ACQUISITIONS[name](GRID, network="tutor")


@pytest.mark.parametrize("name", ACQUISITIONS)
@pytest.mark.parametrize("regions", [GRID, NEARLY])
def test_scores_are_finite_and_0_where_everything_is_annotated(name: str, regions: Regions) -> None:
    known = OPEN.copy()
    known[0] = np.array([[VOID, 0, 1, 2]] * 4)
    known[1, :2, :2] = VOID
    acquisition = ACQUISITIONS[name](regions)
    for certain in (0.0, 1e4):
        found = acquisition.summarize(
            a_method(), states(certain, certain), a_batch(known, regions), KEYS
        )
        score = np.asarray(found["score"])
        assert score.shape == (2, 4) and np.isfinite(score).all() and (score >= 0).all()
        assert not score[0].any()
        if certain == 0.0:
            assert (score[1] > 0).tolist() == [regions is NEARLY, True, True, True]


def test_random_runs_no_network_and_gives_nothing_to_regions_that_are_known() -> None:
    method = a_method()._replace(predict=lambda *_: pytest.fail("a network was run"))
    known = OPEN.copy()
    known[0, :2, :2], known[1, 0, 0] = VOID, 2
    found = random(GRID).summarize(method, states(0.0, 0.0), a_batch(known), KEYS)["score"]
    assert found.shape == (2, 4) and found[0, 0] == 0
    assert (np.asarray(found).reshape(-1)[1:] > 0).all() and (found < 1).all()
    # An image with a single region has nothing to draw for the others.
    known = np.full((3, 5, 7), UNLABELED, np.uint8)
    keys = jax.random.split(KEY, 3)
    batch = a_batch(known, IRREGULAR)
    found = random(IRREGULAR).summarize(method, states(0.0, 0.0), batch, keys)["score"]
    assert (np.asarray(found) > 0).sum(axis=1).tolist() == [5, 1, 4]


def test_random_follows_the_key_alone_and_draws_what_version_0_1_drew() -> None:
    grid = RegionGrid(35, 45, 12, 16)
    summarize, method = random(grid).summarize, a_method()
    batch = a_batch(np.full((2, 35, 45), UNLABELED, np.uint8), grid)
    first = summarize(method, states(0.0, 0.0), batch, KEYS)["score"]
    by_rows_and_columns = jnp.stack([jax.random.uniform(key, (3, 3)) for key in KEYS])
    np.testing.assert_array_equal(first, by_rows_and_columns.reshape(2, 9))
    brighter = batch._replace(image=batch.image + 1)
    np.testing.assert_array_equal(
        summarize(method, states(1.0, 1.0), brighter, KEYS)["score"], first
    )
    swapped = summarize(method, states(0.0, 0.0), batch, KEYS[::-1])["score"]
    np.testing.assert_array_equal(swapped, first[::-1])
    other = summarize(method, states(0.0, 0.0), batch, jax.random.split(jax.random.PRNGKey(4), 2))[
        "score"
    ]
    assert not np.array_equal(first, other)
    assert len(np.unique(first)) == first.size


def test_small_edge_cells_are_drawn_as_often_as_large_ones() -> None:
    grid = RegionGrid(9, 9, 8, 8)
    batch = a_batch(np.full((1, 9, 9), UNLABELED, np.uint8), grid)
    many = batch._replace(label=jnp.broadcast_to(batch.label, (4000, 9, 9)))
    keys = jax.random.split(KEY, 4000)
    found = random(grid).summarize(a_method(), states(0.0, 0.0), many, keys)["score"]
    wins = np.bincount(np.asarray(found).argmax(1), minlength=4)
    # 4000 draws of one in four: 1000 each, with a standard deviation of 27.
    assert np.abs(wins - 1000).max() < 120
