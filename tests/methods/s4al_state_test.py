"""S4AL on a network of two small convolutions: how a cycle starts, what every step keeps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.learn.augment import View, unit_floats
from s4al_jax.methods.s4al import Keys, s4al
from s4al_jax.methods.s4al_options import Options
from s4al_jax.types import InputError
from tests.support.toy_network import (
    CLASSES,
    METRICS,
    PIXELS,
    STAGES,
    compiled,
    identical,
    learner,
    parts,
    same,
    some_batch,
    some_inputs,
    started,
    tiny_network,
    with_streams,
)

# --- the start of a cycle ---


def test_a_cycle_starts_with_equal_networks_in_separate_buffers():
    method, _ = learner()
    state = method.init(jax.random.key(0), PIXELS, None)
    assert identical(state.student, state.teacher)
    buffers = [leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves(state)]
    assert len(set(buffers)) == len(buffers)
    assert state.step == 0 and state.extra["ema_updates"] == 0
    np.testing.assert_array_equal(state.extra["head"], [True, True, False, False])
    np.testing.assert_array_equal(state.extra["tail"], [False, False, True, True])
    assert state.key.dtype == jnp.uint32


def test_a_state_can_be_donated_from_the_first_step_on():
    method, _ = learner()
    give = compiled(method.update, donate_argnums=0)
    state = method.init(jax.random.key(0), PIXELS, None)
    for _ in range(2):
        state, metrics = give(state, some_inputs(), "warmup")
    assert np.isfinite(metrics["loss"])
    assert state.step == 2 and state.extra["ema_updates"] == 2
    assert set(state.extra) == {"head", "tail", "ema_updates"}


def test_named_groups_win_over_counted_ones():
    method, _ = learner(head=(3,), tail=(0, 1))
    state = method.init(jax.random.key(0), PIXELS, None)
    np.testing.assert_array_equal(state.extra["head"], [False, False, False, True])
    np.testing.assert_array_equal(state.extra["tail"], [True, True, False, False])
    rest = learner(tail=(0,))[0].init(jax.random.key(0), PIXELS, None)
    np.testing.assert_array_equal(rest.extra["head"], [False, True, True, True])


def test_a_warm_start_carries_networks_and_average_but_not_optimizer_and_step():
    method, update = learner(warm_start=True)
    first = method.init(jax.random.key(0), PIXELS, None)
    trained, _ = update(first, some_inputs(), "warmup")
    on = method.init(jax.random.key(1), PIXELS[::-1], trained)
    assert identical(on.student, trained.student) and identical(on.teacher, trained.teacher)
    assert on.step == 0 and on.extra["ema_updates"] == 1
    fresh = method.init(jax.random.key(1), PIXELS, None)
    assert identical(on.opt_state, fresh.opt_state)
    np.testing.assert_array_equal(on.extra["head"], [False, False, True, True])
    kept = {leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves(trained)}
    assert not kept & {leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves(on.student)}


def test_a_cold_start_forgets_the_previous_cycle():
    method, update = learner()
    first = method.init(jax.random.key(0), PIXELS, None)
    trained, _ = update(first, some_inputs(), "warmup")
    again = method.init(jax.random.key(0), PIXELS, trained)
    assert identical(again, first)
    assert not identical(again.student, trained.student)
    assert again.extra["ema_updates"] == 0


# --- what holds for every step ---


@pytest.mark.parametrize("stage", STAGES)
def test_one_compilation_serves_every_label_map_and_every_stage_gives_the_same_metrics(stage):
    method, update = learner()
    state, _ = update(method.init(jax.random.key(0), PIXELS, None), some_inputs(), stage)
    made = update._cache_size()
    for seed in range(1, 4):
        state, metrics = update(state, some_inputs(seed), stage)
    assert update._cache_size() == made
    assert set(metrics) == METRICS
    assert all(value.shape == () and value.dtype == jnp.float32 for value in metrics.values())
    assert all(np.isfinite(value) for value in metrics.values())


def test_compiled_and_plain_steps_agree():
    method, update = learner()
    state, inputs = started(method), some_inputs()
    plain, plain_metrics = method.update(state, inputs, "warmup")
    fast, metrics = update(state, inputs, "warmup")
    assert same(metrics, plain_metrics, rtol=1e-4)
    assert same(plain, fast, rtol=1e-4, atol=1e-5)
    assert fast.step == plain.step == 1


def test_a_step_is_a_function_of_key_and_number():
    method, update = learner(tiny_network(dropout=0.5))
    state, inputs = started(method), some_inputs()
    one, two = (update(state, inputs, "classmix")[0] for _ in range(2))
    later, _ = update(state._replace(step=state.step + 1), inputs, "classmix")
    elsewhere = started(method, seed=1)._replace(student=state.student)
    other, _ = update(elsewhere, inputs, "classmix")
    assert identical(one, two)
    assert not identical(one.student, later.student)
    assert not identical(one.student, other.student)
    assert np.array_equal(one.key, state.key)


def test_warmup_does_not_look_at_unlabeled_images():
    method, update = learner()
    state, inputs = started(method), some_inputs()
    alone = with_streams(inputs, unlabeled=None, replay=None)
    with_, _ = update(state, inputs, "warmup")
    without, _ = update(state, alone, "warmup")
    assert identical(with_, without)
    one, _ = update(state, with_streams(inputs, replay=None), "classmix")
    two, _ = update(state, inputs, "classmix")
    assert identical(one, two)
    with pytest.raises(KeyError, match="unlabeled"):
        update(state, alone, "classmix")


def test_a_batch_of_one_is_enough():
    method, update = learner()
    state = method.init(jax.random.key(0), PIXELS, None)
    for _ in range(3):
        state, metrics = update(state, some_inputs(batch=1), "replay")
        assert np.isfinite(metrics["loss"])
    assert state.step == 3
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state))


def test_every_random_decision_has_its_own_key():
    keys = Keys(*jax.random.split(jax.random.key(0), len(Keys._fields)))
    data = {tuple(np.asarray(jax.random.key_data(key))) for key in keys}
    assert len(data) == len(Keys._fields) == 7
    assert Keys._fields[0] == "labeled"
    assert isinstance(keys.student, jax.Array)


def test_a_prediction_uses_running_statistics_and_takes_bytes():
    network = tiny_network(dropout=0.5)
    method, _ = learner(network)
    state, images = started(method), some_batch(0).image
    prediction = method.predict(state.teacher, images)
    wanted, _ = network.apply(state.teacher, unit_floats(images), train=False)
    assert identical(prediction, wanted)
    assert prediction.logits.shape == (2, 8, 12, CLASSES)
    assert method.networks == ("student", "teacher")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("num_classes", 0),
        ("ema_decay", 1.5),
        ("confidence_threshold", -0.1),
        ("warmup_epochs", -1),
        ("warmup_weight", 0.0),
        ("teacher_statistics", "moving"),
        ("student_passes", "both"),
        ("partial_share", 1.5),
        ("replay_from_cycle", -1),
        ("replay_start_epoch", -1),
        ("replay_capacity", 0),
        ("head", (4,)),
        ("tail", (-1,)),
        ("head_factor", -1.0),
        ("head_draws", -1),
        ("tail_draws", -2),
    ],
)
def test_a_senseless_option_is_refused_by_name(option, value):
    options = {option: value} if option == "num_classes" else {}
    options |= {} if options else {"options": Options(**{option: value})}
    with pytest.raises(InputError) as error:
        s4al(**{**parts(tiny_network()), **options})
    assert option in str(error.value)
    assert "give" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_class_is_not_in_both_groups_and_a_misspelt_option_is_an_error():
    with pytest.raises(InputError, match="tail"):
        learner(head=(0, 1), tail=(1, 2))
    with pytest.raises(TypeError):
        learner(ema_dekay=0.9)
    view = View(jnp.zeros((1, 2, 2, 3)), jnp.zeros((1, 2, 2), jnp.uint8))
    assert view.confidence is None


def test_a_sample_drops_units_and_keeps_running_statistics():
    network = tiny_network(dropout=0.5)
    method, _ = learner(network)
    state, images = started(method), some_batch(0).image
    one, two = (
        method.sample(state.teacher, images, {"dropout": jax.random.key(seed)}) for seed in (0, 1)
    )
    assert not identical(one.logits, two.logits)
    # With dropout and batch statistics other images would change the features; here they do not.
    other = images.at[1].set(255 - images[1])
    again = method.sample(state.teacher, other, {"dropout": jax.random.key(0)})
    np.testing.assert_array_equal(again.logits[0], one.logits[0])
    assert not np.array_equal(again.logits[1], one.logits[1])


def test_the_classes_of_head_and_tail_can_be_read_from_a_state():
    method, _ = learner()
    groups = method.class_groups(method.init(jax.random.key(0), PIXELS, None))
    assert {name: mask.tolist() for name, mask in groups.items()} == {
        "head": [True, True, False, False],
        "tail": [False, False, True, True],
    }
