"""Labels of some regions teach too: supervised as they are, S4AL in a stated share of a batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.engine.devices import mesh, replicate, shard
from s4al_jax.engine.train import fetch, updates
from s4al_jax.input.sampler import PoolImages, plan_steps
from s4al_jax.input.source import CachedSource
from s4al_jax.learn.augment import augmentation
from s4al_jax.learn.optimizer import optimizer, poly, sgd
from s4al_jax.methods.supervised import supervised
from s4al_jax.types import UNLABELED, VOID, Batch, Schedule, StepInputs
from tests.support.toy_network import (
    CLASSES,
    KEY,
    PIXELS,
    PLAIN,
    compiled,
    identical,
    learner,
    some_batch,
    tiny_network,
)

ASKED = (slice(2, 5), slice(3, 8))
"""The region of an image that has been annotated."""

METHOD = supervised(
    tiny_network(), optimizer(sgd(), poly()), augmentation(**PLAIN), num_classes=CLASSES
)
UPDATE = compiled(METHOD.update)


def partial_batch(**pixels):
    """A whole image, and one of which a region is labeled; `pixels` are set in the second one."""
    batch = some_batch(5, known=1.0)
    label = np.array(batch.label)
    region = label[1][ASKED].copy()
    region[region == VOID] = 0
    label[1] = UNLABELED
    label[1][ASKED] = region
    for change in pixels.values():
        place, value = change
        label[1][place] = value
    return batch._replace(label=jnp.asarray(label))


def step(batch):
    state = METHOD.init(KEY, PIXELS, None)
    inputs = StepInputs({"labeled": batch}, jnp.zeros((), jnp.float32))
    return UPDATE(state, inputs, "supervised")


def test_labels_of_a_region_change_the_gradient():
    known, metrics = step(partial_batch())
    unknown, alone = step(partial_batch(all=((), UNLABELED)))
    assert not identical(known.student["params"], unknown.student["params"])
    assert metrics["loss"] != alone["loss"]
    # Every single label of the region counts.
    label = int(partial_batch().label[1, 3, 4])
    other, changed = step(partial_batch(one=((3, 4), (label + 1) % CLASSES)))
    assert not identical(known.student["params"], other.student["params"])
    assert metrics["loss"] != changed["loss"]


def test_unlabeled_and_void_pixels_do_not_change_the_gradient():
    known, metrics = step(partial_batch())
    for place in ((0, 0), (7, slice(None)), (slice(5, None), slice(3, 8))):
        void, same_metrics = step(partial_batch(some=(place, VOID)))
        assert identical(void.student, known.student)
        assert identical(dict(same_metrics), dict(metrics))
    # Of a region that is void throughout, nothing is learned.
    nothing, _ = step(partial_batch(some=((), VOID)))
    unknown, _ = step(partial_batch(all=((), UNLABELED)))
    assert identical(nothing.student, unknown.student)


def test_the_gradient_is_that_of_the_labeled_pixels_alone():
    """By hand: the mean cross-entropy of the labeled pixels, differentiated as a whole."""
    batch, network = partial_batch(), tiny_network()
    state = METHOD.init(KEY, PIXELS, None)
    label = np.asarray(batch.label)
    places = np.nonzero(label < CLASSES)
    assert (label[1] < CLASSES).sum() == 15 and (label[1] == UNLABELED).sum() == 8 * 12 - 15

    def loss(params):
        images = batch.image.astype(jnp.float32) / 255
        variables = {**state.student, "params": params}
        logits = network.apply(variables, images, train=True)[0].logits
        picked = jax.nn.log_softmax(logits[places])
        return -picked[np.arange(len(picked)), label[places]].mean()

    _, metrics = step(batch)
    value, grads = jax.value_and_grad(loss)(state.student["params"])
    norm = np.sqrt(sum(float((leaf**2).sum()) for leaf in jax.tree.leaves(grads)))
    np.testing.assert_allclose(metrics["loss"], value, rtol=1e-5)
    np.testing.assert_allclose(metrics["grad_norm"], norm, rtol=1e-4)


# --- from the pool to the step ---

SCHEDULE = Schedule(cycles=1, iterations=4, epochs=3, last_epochs=3)
WHOLE, PARTIAL = [0, 3, 6, 7], [1, 4]
LABELS = np.full((9, 8, 12), UNLABELED, np.uint8)
LABELS[WHOLE] = 1
LABELS[(PARTIAL, *ASKED)] = 2
POOL = PoolImages(
    whole=(LABELS != UNLABELED).all(axis=(1, 2)), known=(LABELS != UNLABELED).any(axis=(1, 2))
)


def plans_of(method, batches, pool=POOL):
    unlabeled = int((~pool.whole).sum())
    return list(
        plan_steps(
            method.stages(SCHEDULE, 0, unlabeled),
            method.streams,
            pool,
            iterations=SCHEDULE.iterations,
            batches=batches,
            seed=3,
            cycle=0,
        )
    )


@pytest.mark.parametrize(
    ("labeled_from", "images"), [("known", sorted(WHOLE + PARTIAL)), ("whole", WHOLE)]
)
def test_a_supervised_learner_sees_the_images_that_it_is_to_learn_from(labeled_from, images):
    method = supervised(
        tiny_network(),
        optimizer(sgd(), poly()),
        augmentation(**PLAIN),
        num_classes=CLASSES,
        labeled_from=labeled_from,
    )
    plans = plans_of(method, {"labeled": 2})
    assert sorted({int(i) for plan in plans for i in plan.streams["labeled"]}) == images


def test_what_is_annotated_in_a_region_moves_a_supervised_learner():
    """The same plan with and without the answers, through the compiled step of a run."""
    weights = []
    for labels in (LABELS, np.where(LABELS == 2, np.uint8(VOID), LABELS)):
        source = CachedSource(
            read_image=lambda i: np.asarray(some_batch(i).image[0]), read_label=labels.__getitem__
        )
        update_of = updates(METHOD, source, mesh(1))
        state = replicate(METHOD.init(KEY, PIXELS, None), mesh(1))
        for plan in plans_of(METHOD, {"labeled": 3})[:2]:
            inputs = shard(fetch([plan], source), mesh(1))
            state, _ = update_of(plan.stage)(state, inputs)
        weights.append(jax.device_get(state.student["params"]))
    assert not identical(*weights)


@pytest.mark.parametrize(("share", "rows"), [(0.0, 0), (0.25, 1), (0.5, 2)])
def test_s4al_puts_the_stated_share_of_partially_labeled_images_into_each_batch(share, rows):
    method, _ = learner(warmup_epochs=1, replay=False, partial_share=share)
    plans = plans_of(method, {"labeled": 4, "unlabeled": 2})
    assert {plan.stage for plan in plans} == {"warmup", "classmix"} and len(plans) == 12
    for plan in plans:
        labeled = plan.streams["labeled"].tolist()
        assert len(labeled) == 4
        assert sum(image in PARTIAL for image in labeled) == rows
        assert sum(image in WHOLE for image in labeled) == 4 - rows
    # Everything else is as without it.
    usual, _ = learner(warmup_epochs=1, replay=False)
    for plan, other in zip(plans, plans_of(usual, {"labeled": 4, "unlabeled": 2}), strict=True):
        assert (plan.stage, plan.progress) == (other.stage, other.progress)
        if "unlabeled" in plan.streams:
            np.testing.assert_array_equal(plan.streams["unlabeled"], other.streams["unlabeled"])


def test_s4al_learns_the_labels_of_the_regions_in_its_labeled_batch():
    method, update = learner(**PLAIN, warmup_weight=1.0)
    state, batch = method.init(KEY, PIXELS, None), partial_batch()

    def after(labeled: Batch):
        inputs = StepInputs({"labeled": labeled}, jnp.zeros((), jnp.float32))
        return update(state, inputs, "warmup")

    with_region, metrics = after(batch)
    without, _ = after(partial_batch(all=((), UNLABELED)))
    void_beside, _ = after(partial_batch(some=((0, 0), VOID)))
    assert not identical(with_region.student["params"], without.student["params"])
    assert identical(with_region.student, void_beside.student)
    np.testing.assert_allclose(metrics["loss"], step(batch)[1]["loss"], rtol=1e-5)
