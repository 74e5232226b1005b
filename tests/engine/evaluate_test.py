"""One confusion matrix over a whole split, and what is read off it."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from s4al_jax.engine.evaluate import confusion, evaluator, intersection_over_union, measures
from s4al_jax.run import build
from s4al_jax.types import UNLABELED, VOID


def slowly(labels: np.ndarray, guesses: np.ndarray, valid: np.ndarray, classes: int) -> np.ndarray:
    counts = np.zeros((classes, classes), np.int64)
    for row in range(len(labels)):
        for truth, guess in zip(labels[row].ravel(), guesses[row].ravel(), strict=True):
            if valid[row] and truth < classes:
                counts[truth, guess] += 1
    return counts


def test_confusion_counts_each_valid_pixel_once_as_a_slow_loop_does() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice([0, 1, 2, 3, UNLABELED, VOID], (3, 5, 7)).astype(np.uint8)
    logits = rng.normal(size=(3, 5, 7, 4)).astype(np.float32)
    valid = np.array([True, False, True])
    got = confusion(jnp.asarray(labels), jnp.asarray(logits), jnp.asarray(valid))
    np.testing.assert_array_equal(got, slowly(labels, logits.argmax(-1), valid, 4))
    assert got.sum() == (labels[[0, 2]] < 4).sum()


def test_measures_by_hand() -> None:
    # class 0: 3 of 4 right, 1 of class 1 called 0; class 2 neither there nor predicted
    matrix = np.array([[3, 1, 0], [1, 5, 0], [0, 0, 0]])
    np.testing.assert_allclose(intersection_over_union(matrix), [3 / 5, 5 / 7, np.nan])
    found = measures(matrix, ("sky", "road", "sign"))
    assert found["miou"] == pytest.approx((3 / 5 + 5 / 7) / 2)
    assert found["pixel_accuracy"] == pytest.approx(8 / 10)
    assert found["class_accuracy"] == pytest.approx((3 / 4 + 5 / 6) / 2)
    assert found["iou/sign"] is None and found["iou/sky"] == pytest.approx(0.6)


def test_a_class_that_is_only_predicted_counts_as_zero() -> None:
    found = measures(np.array([[4, 4], [0, 0]]), ("a", "b"))
    assert found["iou/b"] == 0.0 and found["miou"] == 0.25
    assert found["class_accuracy"] == 0.5


def test_a_split_of_which_nothing_is_known_has_no_miou() -> None:
    found = measures(np.zeros((2, 2), np.int64), ("a", "b"))
    assert found["miou"] is None and found["pixel_accuracy"] == 0.0


def test_the_last_partial_batch_is_counted_and_its_padding_is_not(
    tiny: Callable[..., ConfigDict],
) -> None:
    made = build.build(tiny())
    images = made.spec.test
    source = build.source(images, images.read_truth)
    state = made.fresh_state(0, np.ones(11, np.int64))
    counted = {
        batch: evaluator(made.method, source, made.mesh, count=3, batch=batch)(state.student)
        for batch in (1, 2)
    }
    known = sum((images.read_truth(index) < 11).sum() for index in range(3))
    assert counted[2].sum() == known and counted[2].dtype == np.int64
    np.testing.assert_array_equal(counted[2].sum(1), counted[1].sum(1))
