"""S4AL on a network of two small convolutions: every part of the loss, one at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.learn.augment import augmentation, plain_view, unit_floats
from s4al_jax.learn.losses import pseudo_label_loss, pseudo_labels, supervised_loss
from s4al_jax.learn.optimizer import optimizer, poly, sgd
from s4al_jax.methods.s4al import student_logits, teacher_labels
from s4al_jax.methods.supervised import supervised
from s4al_jax.types import (
    UNLABELED,
    VOID,
)
from tests.support.toy_network import (
    CLASSES,
    KEY,
    METRICS,
    PARTS,
    PIXELS,
    PLAIN,
    STAGES,
    identical,
    learner,
    learner_of,
    same,
    some_batch,
    some_inputs,
    started,
    tiny_network,
    with_streams,
)

# --- 1. the supervised loss, 7. the average ---


def test_warmup_is_one_and_a_half_times_the_supervised_loss():
    network = tiny_network()
    method, update = learner(network, **PLAIN)
    state, inputs = started(method), some_inputs()
    _, metrics = update(state, inputs, "warmup")
    view = plain_view(inputs.streams["labeled"])
    prediction, _ = network.apply(state.student, view.image, train=True, rngs=None)
    loss = supervised_loss(prediction.logits, view.label)
    np.testing.assert_allclose(metrics["loss_supervised"], loss, rtol=1e-5)
    np.testing.assert_allclose(metrics["loss"], 1.5 * loss, rtol=1e-5)
    assert all(metrics[name] == 0 for name in PARTS)
    np.testing.assert_allclose(metrics["learning_rate"], 1e-2 * 0.75**0.9, rtol=1e-5)


def test_a_warmup_of_weight_1_is_supervised_training():
    network = tiny_network()
    method, update = learner(network, **PLAIN, warmup_weight=1.0)
    other = supervised(
        network, optimizer(sgd(), poly()), augmentation(**PLAIN), num_classes=CLASSES
    )
    state, twin = (made.init(KEY, PIXELS, None) for made in (method, other))
    for seed in range(3):
        inputs = some_inputs(seed)
        state, metrics = update(state, inputs, "warmup")
        twin, wanted = jax.jit(other.update, static_argnums=2)(twin, inputs, "warmup")
        np.testing.assert_allclose(metrics["loss"], wanted["loss"], rtol=1e-6)
    assert same(state.student, twin.student)


@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_the_first_update_makes_the_teacher_equal_the_student(statistics):
    method, update = learner(teacher_statistics=statistics)
    state = method.init(jax.random.key(0), PIXELS, None)
    state = state._replace(teacher=jax.tree.map(lambda leaf: leaf + 5.0, state.teacher))
    after, _ = update(state, some_inputs(), "warmup")
    assert identical(after.teacher, after.student)
    assert not identical(after.student, state.student)
    assert after.extra["ema_updates"] == 1


def mean_of(teacher, student, momentum):
    return jax.tree.map(lambda t, s: momentum * t + (1 - momentum) * s, teacher, student)


@pytest.mark.parametrize("stage", ["warmup", "replay"])
@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_the_teacher_moves_towards_the_student_after_its_step(statistics, stage):
    method, update = learner(teacher_statistics=statistics)
    state = started(method)
    after, _ = update(state, some_inputs(), stage)
    wanted = mean_of(state.teacher, after.student, 0.9)  # 1 - 1 / (9 + 1)
    assert same(after.teacher["params"], wanted["params"])
    own_statistics = statistics == "batch" and stage != "warmup"
    assert same(after.teacher["batch_stats"], wanted["batch_stats"]) != own_statistics
    assert after.extra["ema_updates"] == 10 and after.step == 1


def test_the_average_never_gets_slower_than_its_decay():
    method, update = learner(ema_decay=0.6)
    state = started(method)
    after, _ = update(state, some_inputs(), "warmup")
    assert same(after.teacher, mean_of(state.teacher, after.student, 0.6))
    late = state._replace(extra={**state.extra, "ema_updates": jnp.asarray(10**9, jnp.int32)})
    assert identical(update(late, some_inputs(), "warmup")[0].teacher, after.teacher)
    early = state._replace(extra={**state.extra, "ema_updates": jnp.asarray(1, jnp.int32)})
    sooner, _ = update(early, some_inputs(), "warmup")
    assert same(sooner.teacher, mean_of(state.teacher, after.student, 0.5))


# --- 2. the teacher's labels ---


def test_bought_labels_override_the_teacher_and_void_ones_are_ignored():
    network = tiny_network()
    teacher = network.init(jax.random.key(0))
    batch = some_batch(3)
    (view,), _ = teacher_labels(
        *learner_of(network, teacher_statistics="running"), teacher, [plain_view(batch)], KEY
    )
    known = np.asarray(batch.label)
    labels, confidence = np.asarray(view.label), np.asarray(view.confidence)
    bought, void, open_ = known < CLASSES, known == VOID, known == UNLABELED
    assert bought.any() and void.any() and open_.any()
    np.testing.assert_array_equal(labels[bought | void], known[bought | void])
    assert np.all(confidence[bought] == 1.0) and np.all(confidence[void] == 0.0)
    logits = network.apply(teacher, view.image, train=False)[0].logits
    np.testing.assert_array_equal(labels[open_], np.argmax(logits, -1)[open_])
    softmax = np.asarray(jax.nn.softmax(logits)).max(-1)
    np.testing.assert_allclose(confidence[open_], softmax[open_], rtol=1e-5)
    np.testing.assert_array_equal(view.image, unit_floats(batch.image))


def test_the_teacher_in_train_mode_uses_the_batch_drops_units_and_moves_its_statistics():
    network = tiny_network(dropout=0.5)
    teacher = jax.tree.map(lambda leaf: leaf + 0.3, network.init(jax.random.key(0)))
    view, key = plain_view(some_batch(3, known=0.0)), jax.random.key(4)
    (seen,), after = teacher_labels(
        *learner_of(network, teacher_statistics="batch"), teacher, [view], key
    )
    prediction, stats = network.apply(teacher, view.image, train=True, rngs={"dropout": key})
    wanted = pseudo_labels(prediction.logits, view.label)
    assert same((seen.label, seen.confidence), wanted)
    assert identical({"batch_stats": after["batch_stats"]}, stats) and identical(
        after["params"], teacher["params"]
    )
    by_batch = learner_of(network, teacher_statistics="batch")
    (other,), _ = teacher_labels(*by_batch, teacher, [view], jax.random.key(5))
    assert not identical(other.confidence, seen.confidence)
    (still,), same_teacher = teacher_labels(
        *learner_of(network, teacher_statistics="running"), teacher, [view], key
    )
    assert identical(same_teacher, teacher) and not identical(still.confidence, seen.confidence)


def test_the_teachers_statistics_move_in_its_passes_unlabeled_then_replayed():
    network = tiny_network()
    method, update = learner(network, **PLAIN)
    state, inputs = started(method), some_inputs()
    stats = [state.teacher["batch_stats"]]
    for batch in (inputs.streams["unlabeled"], inputs.streams["replay"]):
        variables = {**state.teacher, "batch_stats": stats[-1]}
        after = network.apply(variables, unit_floats(batch.image), train=True, rngs=None)[1]
        stats.append(after["batch_stats"])
    two, _ = update(state, inputs, "classmix")
    three, _ = update(state, inputs, "replay")
    assert same(two.teacher["batch_stats"], stats[1])
    assert same(three.teacher["batch_stats"], stats[2])
    assert not same(stats[1], stats[2])


def test_no_gradient_reaches_the_teacher():
    method, _ = learner()
    state, inputs = started(method), some_inputs()

    def loss(teacher_params, student_params):
        there = {**state.teacher, "params": teacher_params}
        here = {**state.student, "params": student_params}
        moved = state._replace(teacher=there, student=here)
        return method.update(moved, inputs, "classmix")[1]["loss"]

    slopes = jax.jit(jax.grad(loss, argnums=(0, 1)))(
        state.teacher["params"], state.student["params"]
    )
    assert all(np.all(leaf == 0) for leaf in jax.tree.leaves(slopes[0]))
    assert all(np.any(leaf != 0) for leaf in jax.tree.leaves(slopes[1]))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))


# --- 3. to 6. the losses ---


@pytest.mark.parametrize("weighting", [True, False])
def test_a_batch_of_one_without_augmentation_has_the_loss_of_the_formula(weighting):
    # one image pasted on itself is the image: what is left is teacher, weights and student
    network = tiny_network()
    options = {"confidence_threshold": 0.8, "confidence_weighting": weighting}
    method, update = learner(network, **PLAIN, **options)
    state, inputs = started(method), some_inputs(batch=1)
    _, metrics = update(state, inputs, "classmix")
    weak = [plain_view(inputs.streams["unlabeled"])]
    by_batch = learner_of(network, teacher_statistics="batch")
    (view,), _ = teacher_labels(*by_batch, state.teacher, weak, KEY)
    prediction, _ = network.apply(state.student, view.image, train=True, rngs=None)
    loss, eta = pseudo_label_loss(
        prediction.logits,
        view.label,
        view.confidence,
        threshold=0.8,
        confidence_weighting=weighting,
    )
    np.testing.assert_allclose(metrics["loss_classmix"], loss, rtol=1e-4)
    np.testing.assert_allclose(metrics["eta_classmix"], eta, rtol=1e-6)
    assert 0 < eta < 1 and metrics["eta_replay"] == 0
    total = metrics["loss_supervised"] + metrics["loss_classmix"]
    np.testing.assert_allclose(metrics["loss"], total, rtol=1e-6)


def test_all_classes_pasted_make_the_replayed_image_the_lesson():
    network = tiny_network()
    options = PLAIN | {"head": (0, 1), "tail": (2, 3), "confidence_threshold": 0.5}
    method, update = learner(network, **options)
    state, inputs = started(method), some_inputs()
    known = some_batch(8, known=1.0)
    label = jnp.where(known.label == VOID, 0, known.label).astype(jnp.uint8)
    inputs = with_streams(inputs, replay=known._replace(label=label))
    _, metrics = update(state, inputs, "replay")
    # nothing of the unlabeled image is left: labels are true, every pixel is sure
    prediction, _ = network.apply(state.student, unit_floats(known.image), train=True, rngs=None)
    np.testing.assert_allclose(
        metrics["loss_replay"], supervised_loss(prediction.logits, label), rtol=1e-4
    )
    assert metrics["eta_replay"] == 1.0
    parts = [metrics[f"loss_{name}"] for name in ("supervised", "classmix", "replay")]
    np.testing.assert_allclose(metrics["loss"], sum(parts), rtol=1e-6)


def test_without_balance_replayed_images_are_mixed_by_ordinary_classmix():
    balanced, update_balanced = learner(**PLAIN, head=(0, 1), tail=(2, 3))
    ordinary, update_ordinary = learner(**PLAIN, head=(0, 1), tail=(2, 3), balanced=False)
    inputs = some_inputs()
    # one class alone: half of one is none, so ordinary ClassMix pastes nothing
    single = inputs.streams["replay"]._replace(label=jnp.zeros_like(inputs.streams["replay"].label))
    inputs = with_streams(inputs, replay=single)
    recolored = single._replace(image=255 - single.image)
    changed = with_streams(inputs, replay=recolored)
    state = started(ordinary)
    one, _ = update_ordinary(state, inputs, "replay")
    two, _ = update_ordinary(state, changed, "replay")
    assert identical(one.student, two.student)
    state = started(balanced)
    one, _ = update_balanced(state, inputs, "replay")
    two, _ = update_balanced(state, changed, "replay")
    assert not identical(one.student, two.student)
    assert identical(started(ordinary), state)


def test_rows_that_are_not_there_teach_nothing():
    method, update = learner()
    state, inputs = started(method), some_inputs()
    absent = inputs.streams["replay"]._replace(valid=jnp.zeros(2, bool))
    _, metrics = update(state, with_streams(inputs, replay=absent), "replay")
    assert metrics["loss_replay"] == 0.0 and metrics["eta_replay"] == 0.0
    absent = inputs.streams["unlabeled"]._replace(valid=jnp.zeros(2, bool))
    _, metrics = update(state, with_streams(inputs, unlabeled=absent), "classmix")
    assert metrics["loss_classmix"] == 0.0 and metrics["eta_classmix"] == 0.0
    assert metrics["loss_supervised"] > 0


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("code", [VOID, UNLABELED])
def test_a_batch_of_which_nothing_is_known_keeps_everything_finite(stage, code):
    method, update = learner()
    inputs = some_inputs()
    batches = [
        batch._replace(label=jnp.full_like(batch.label, code))
        for batch in (
            inputs.streams["labeled"],
            inputs.streams["unlabeled"],
            inputs.streams["replay"],
        )
    ]
    streams = dict(zip(inputs.streams, batches, strict=True))
    after, metrics = update(started(method), inputs._replace(streams=streams), stage)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((after, metrics)))
    assert metrics["loss_supervised"] == 0.0
    if code == VOID:
        assert metrics["loss"] == 0.0 and metrics["grad_norm"] == 0.0


def test_the_replayed_batch_may_be_smaller():
    method, update = learner()
    inputs = with_streams(some_inputs(), replay=some_batch(7, batch=1))
    after, metrics = update(started(method), inputs, "replay")
    assert np.isfinite(metrics["loss"]) and after.step == 1
    assert metrics["loss_replay"] > 0


# --- the student's passes ---


def test_separate_passes_thread_the_statistics_labeled_strong_replayed():
    network = tiny_network()
    student = network.init(jax.random.key(0))
    views = [plain_view(some_batch(seed, batch=seed + 1)) for seed in range(3)]
    logits, stats = student_logits(
        *learner_of(network, student_passes="separate"), student, views, KEY
    )
    variables = student
    for view, got in zip(views, logits, strict=True):
        prediction, threaded = network.apply(variables, view.image, train=True)
        variables = {**student, **threaded}
        np.testing.assert_allclose(got, prediction.logits, rtol=1e-4, atol=1e-5)
    assert same(stats, threaded)
    assert [len(part) for part in logits] == [1, 2, 3]


def test_one_joint_pass_is_the_pass_of_all_images_together():
    network = tiny_network()
    student = network.init(jax.random.key(0))
    views = [plain_view(some_batch(seed, batch=seed + 1)) for seed in range(3)]
    logits, stats = student_logits(
        *learner_of(network, student_passes="joint"), student, views, KEY
    )
    images = jnp.concatenate([view.image for view in views])
    whole, wanted = network.apply(student, images, train=True)
    np.testing.assert_array_equal(jnp.concatenate(logits), whole.logits)
    assert identical(stats, wanted)
    assert [len(part) for part in logits] == [1, 2, 3]
    apart, _ = student_logits(*learner_of(network, student_passes="separate"), student, views, KEY)
    assert not same(apart[1], logits[1])


def test_joint_passes_train_as_well_but_not_to_the_same_weights():
    separate, update_separate = learner()
    joint, update_joint = learner(student_passes="joint")
    state, inputs = started(separate), some_inputs()
    after, metrics = update_joint(started(joint), inputs, "replay")
    apart, _ = update_separate(state, inputs, "replay")
    assert not same(after.student, apart.student)
    assert np.isfinite(metrics["loss"]) and metrics["loss_replay"] > 0


def test_a_step_sees_crops_where_they_are_asked_for():
    seen = set()

    def watched(variables, images, **how):
        seen.add(images.shape[1:3])
        return network.apply(variables, images, **how)

    network = tiny_network()
    method, _ = learner(network._replace(apply=watched), crop_height=4, crop_width=6)
    state, inputs = started(method), some_inputs()
    for stage in STAGES:
        _, metrics = jax.eval_shape(lambda s, i, p=stage: method.update(s, i, p), state, inputs)
    assert seen == {(4, 6)} and set(metrics) == METRICS
    assert method.predict(state.teacher, inputs.streams["labeled"].image).logits.shape[1:3] == (
        8,
        12,
    )
