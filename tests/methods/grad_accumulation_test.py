"""A batch learned in microbatches is the batch, as far as images are treated one by one."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.learn import grad_accumulation
from s4al_jax.learn.augment import View, augmentation
from s4al_jax.learn.optimizer import optimizer, poly, sgd
from s4al_jax.methods.s4al import s4al
from s4al_jax.methods.supervised import supervised
from s4al_jax.types import UNLABELED, Network
from tests.support.toy_network import (
    CLASSES,
    KEY,
    OPTIONS,
    PIXELS,
    compiled,
    same,
    some_inputs,
    started,
    tiny_network,
)

LEARNERS = {"s4al": s4al, "supervised": supervised}


def with_fixed_statistics(network):
    """A network that treats every image by itself."""

    def apply(variables, images, *, train, **how):
        del train, how
        return network.apply(variables, images, train=False)

    return Network(network.init, apply)


@functools.cache
def learned(learner, count, stage, fixed=True):
    """The state and the metrics after one step in so many microbatches."""
    network = with_fixed_statistics(tiny_network()) if fixed else tiny_network()
    method = LEARNERS[learner](
        network,
        optimizer(sgd(), poly()),
        augmentation(**OPTIONS),
        num_classes=CLASSES,
        microbatches=count,
    )
    if learner == "s4al":
        state = started(method)
    else:
        state = method.init(KEY, PIXELS, None)
    return compiled(method.update)(state, some_inputs(batch=4), stage)


@pytest.mark.parametrize(
    ("learner", "count", "stage"),
    [("s4al", 2, "replay"), ("s4al", 4, "replay"), ("supervised", 4, "supervised")],
)
def test_microbatches_teach_the_same_as_the_whole(learner, count, stage):
    (state, metrics), (expected, whole) = (learned(learner, number, stage) for number in (count, 1))
    assert metrics.keys() == whole.keys()
    assert float(whole["loss"]) > 0.1
    assert same(metrics, whole)
    assert same(state, expected)


def test_batch_statistics_are_those_of_each_microbatch():
    (state, _), (whole, _) = (learned("s4al", n, "replay", fixed=False) for n in (2, 1))
    assert not same(state.student["batch_stats"], whole.student["batch_stats"])
    # The teacher sees the batch whole.
    assert same(state.teacher["batch_stats"], whole.teacher["batch_stats"])


def test_a_microbatch_counts_by_its_share_of_the_pixels_that_have_a_class():
    """By hand: 3 labeled pixels in the first one, 1 in the second, of values 2 and 10."""
    label = np.full((2, 1, 3), UNLABELED, np.uint8)
    label[0], label[1, 0, 0] = 0, 0
    image = np.zeros((2, 1, 3, 3), np.float32)
    image[0], image[1] = 2.0, 10.0

    def objective(params, stats, views, key, share):
        (view,) = views
        known = view.label == 0
        mean = jnp.where(known, view.image[..., 0], 0.0).sum() / known.sum()
        loss = params * mean * share.pixels[0]
        return loss, (stats + 1, {"loss": loss, "images": jnp.float32(share.images)})

    slope, (stats, metrics) = grad_accumulation.accumulated_gradient(
        objective,
        jnp.float32(1.0),
        jnp.int32(0),
        [View(jnp.asarray(image), jnp.asarray(label), None)],
        jax.random.key(0),
        microbatches=2,
        num_classes=CLASSES,
    )
    assert float(slope) == pytest.approx(0.75 * 2 + 0.25 * 10)
    assert float(metrics["loss"]) == pytest.approx(4.0)
    assert float(metrics["images"]) == 1.0
    assert int(stats) == 2


def test_every_microbatch_has_rows_from_all_over_the_batch():
    rows = grad_accumulation._cut(jnp.arange(8), 2)
    assert rows.tolist() == [[0, 2, 4, 6], [1, 3, 5, 7]]
