"""One confusion matrix over a whole split, and what is read off it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.engine import devices
from s4al_jax.engine.evaluate import confusion, evaluator, intersection_over_union, measures
from s4al_jax.input.source import StreamedSource
from s4al_jax.types import UNLABELED, VOID, Method, Prediction


def unused(*arguments: object) -> None:
    raise AssertionError


def slowly(
    labels: np.ndarray, predicted: np.ndarray, valid: np.ndarray, classes: int
) -> np.ndarray:
    counts = np.zeros((classes, classes), np.int64)
    for row in range(len(labels)):
        for truth, found in zip(labels[row].ravel(), predicted[row].ravel(), strict=True):
            if valid[row] and truth < classes:
                counts[truth, found] += 1
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


@pytest.mark.parametrize(("batch", "count"), [(1, 1), (2, 1), (8, 4)])
def test_the_last_partial_batch_is_counted_and_its_padding_is_not(batch: int, count: int) -> None:
    rng = np.random.default_rng(2)
    images = rng.integers(0, 256, (3, 4, 6, 3), np.uint8)
    labels = rng.choice(np.array([0, 1, 2, VOID], np.uint8), (3, 4, 6))

    def predict(variables: jax.Array, images: jax.Array) -> Prediction:
        logits = images.astype(jnp.float32) * variables
        return Prediction(logits, logits)

    method = Method(unused, unused, predict, ("student",), {}, unused)
    source = StreamedSource(
        read_image=lambda index: images[index], read_label=lambda index: labels[index]
    )
    evaluate = evaluator(method, source, devices.mesh(count), count=3, batch=batch)
    for sign, strongest in ((1.0, np.argmax), (-1.0, np.argmin)):
        counted = evaluate(jnp.float32(sign))
        assert counted.dtype == np.int64 and counted.sum() == (labels < 3).sum()
        expected = slowly(labels, strongest(images, axis=-1), np.ones(3, bool), 3)
        np.testing.assert_array_equal(counted, expected)
