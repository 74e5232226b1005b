"""ClassMix: against slow twins, and what must hold of any mixed image."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.learn import mixing
from s4al_jax.learn.augment import View
from s4al_jax.learn.mixing import paste
from s4al_jax.types import UNLABELED, VOID

# compiled whole: one by one, the first call of every operation costs more than the test
balanced_classes = jax.jit(
    mixing.balanced_classes, static_argnames=("batch", "head_draws", "tail_draws")
)
class_mask = jax.jit(mixing.class_mask)
classmix_classes = jax.jit(mixing.classmix_classes, static_argnums=2)
mixed_from_replay = jax.jit(mixing.mix_from_replay)
mixed_in_batch = jax.jit(mixing.mix_in_batch, static_argnums=3)
present_classes = jax.jit(mixing.present_classes, static_argnums=1)
random_subset = jax.jit(mixing.random_subset)

CLASSES = 5


def rolled(view):
    return jax.tree.map(lambda values: jnp.roll(values, 1, axis=0), view)


def some_labels(batch=3, seed=0, last=CLASSES):
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, last, (batch, 6, 8), np.uint8)
    labels[chance.random(labels.shape) < 0.2] = VOID
    labels[chance.random(labels.shape) < 0.1] = UNLABELED
    return jnp.asarray(labels)


def numbered_view(batch=3, seed=0):
    """A view in which every pixel of the batch has its own color and confidence."""
    labels = some_labels(batch, seed)
    number = np.arange(labels.size, dtype=np.float32).reshape(labels.shape) / labels.size
    return View(jnp.asarray(np.stack([number] * 3, -1)), labels, jnp.asarray(number))


def test_present_classes_are_those_with_a_pixel():
    labels = jnp.asarray(np.uint8([[[0, 2], [VOID, UNLABELED]], [[4, 4], [4, 4]]]))
    present = present_classes(labels, CLASSES)
    np.testing.assert_array_equal(present[0], [True, False, True, False, False])
    np.testing.assert_array_equal(present[1], [False, False, False, False, True])
    many = some_labels(4, seed=2, last=3)
    for row, ids in zip(present_classes(many, CLASSES), np.asarray(many), strict=True):
        assert set(np.flatnonzero(row)) == set(np.unique(ids)) - {VOID, UNLABELED}


def test_a_random_subset_has_its_size_and_only_members():
    members = jnp.asarray([[True, True, False, True], [False, True, False, False], [False] * 4])
    drawn = np.asarray(random_subset(jax.random.key(0), members, jnp.asarray([2, 3, 1])))
    np.testing.assert_array_equal(drawn.sum(1), [2, 1, 0])
    assert not np.any(drawn & ~np.asarray(members))
    none = random_subset(jax.random.key(0), members, jnp.asarray([0, 0, 0]))
    assert not np.any(none)


def test_every_subset_is_as_likely_as_any_other():
    members = jnp.tile(jnp.asarray([[True, False, True, True, True]]), (6000, 1))
    drawn = np.asarray(random_subset(jax.random.key(1), members, jnp.full((6000,), 2)))
    subsets, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(subsets) == 6  # two of four
    assert counts.min() > 850 and counts.max() < 1150
    np.testing.assert_array_equal(drawn.sum(1), 2)


def test_classmix_takes_half_of_the_present_classes_rounded_down():
    labels = np.full((5, 4, 4), VOID, np.uint8)
    for image, count in enumerate((0, 1, 2, 3, 5)):
        labels[image].flat[:count] = range(count)
    chosen = classmix_classes(jax.random.key(0), jnp.asarray(labels), CLASSES)
    np.testing.assert_array_equal(chosen.sum(1), [0, 0, 1, 1, 2])
    present = present_classes(jnp.asarray(labels), CLASSES)
    assert not np.any(chosen & ~present)
    assert chosen.shape == (5, CLASSES)


def test_balanced_draws_are_two_separate_ones_whatever_the_image_shows():
    head = jnp.asarray([True, True, True, False, False, False, False, False])
    tail = ~head
    drawn = np.asarray(
        balanced_classes(jax.random.key(0), head, tail, batch=3000, head_draws=1, tail_draws=2)
    )
    np.testing.assert_array_equal(drawn[:, :3].sum(1), 1)
    np.testing.assert_array_equal(drawn[:, 3:].sum(1), 2)
    np.testing.assert_allclose(drawn[:, :3].mean(0), 1 / 3, atol=0.04)
    np.testing.assert_allclose(drawn[:, 3:].mean(0), 2 / 5, atol=0.04)


def test_balanced_draws_take_all_of_a_set_that_is_too_small():
    head = jnp.asarray([True, False, False, False])
    tail = jnp.asarray([False, False, True, True])
    drawn = balanced_classes(jax.random.key(3), head, tail, batch=2, head_draws=3, tail_draws=3)
    np.testing.assert_array_equal(drawn, [[True, False, True, True]] * 2)
    nothing = jnp.zeros(4, bool)
    drawn = balanced_classes(jax.random.key(3), nothing, tail, batch=2, head_draws=3, tail_draws=1)
    np.testing.assert_array_equal(drawn.sum(1), 1)
    drawn = balanced_classes(jax.random.key(3), head, tail, batch=2, head_draws=0, tail_draws=0)
    assert not np.any(drawn)


@pytest.mark.parametrize("seed", range(3))
def test_the_mask_and_the_pasting_equal_their_slow_twins(seed):
    source, target = numbered_view(seed=seed), numbered_view(seed=seed + 10)
    target = target._replace(image=target.image + 1.0, confidence=target.confidence + 1.0)
    classes = np.random.default_rng(seed).random((3, CLASSES)) < 0.5
    mask = np.asarray(class_mask(source.label, jnp.asarray(classes)))
    mixed = paste(jnp.asarray(mask), source, target)
    for place in np.ndindex(mask.shape):
        label = int(source.label[place])
        wanted = label < CLASSES and bool(classes[place[0], label])
        assert mask[place] == wanted
        origin = source if wanted else target
        assert mixed.label[place] == origin.label[place]
        assert mixed.confidence[place] == origin.confidence[place]
        assert np.array_equal(mixed.image[place], origin.image[place])


def test_void_and_unlabeled_pixels_are_never_pasted():
    labels = jnp.asarray(np.uint8([[[VOID, UNLABELED, 0, 4]]]))
    mask = class_mask(labels, jnp.ones((1, CLASSES), bool))
    np.testing.assert_array_equal(mask[0, 0], [False, False, True, True])
    full = class_mask(labels, jnp.ones((1, 253), bool))
    np.testing.assert_array_equal(full[0, 0], [False, False, True, True])
    assert not np.any(class_mask(labels, jnp.zeros((1, CLASSES), bool)))


def test_in_a_batch_image_i_is_pasted_on_image_i_plus_one():
    view = numbered_view()
    mixed = mixed_in_batch(jax.random.key(0), view, rolled(view), CLASSES)
    number = np.asarray(view.confidence)
    for j in range(3):
        source = (j - 1) % 3
        pasted = np.asarray(mixed.confidence[j]) == number[source]
        kept = np.asarray(mixed.confidence[j]) == number[j]
        assert np.all(pasted ^ kept)  # a mixed pixel comes from exactly one source
        origin = np.where(pasted, view.label[source], view.label[j])
        np.testing.assert_array_equal(mixed.label[j], origin)
        np.testing.assert_allclose(mixed.image[j, ..., 2], mixed.confidence[j])
        ids = np.unique(np.asarray(view.label[source])[pasted])
        assert len(ids) == CLASSES // 2
        # whole classes, not parts of them
        np.testing.assert_array_equal(pasted, np.isin(view.label[source], ids))


def test_mixing_a_batch_of_one_or_of_void_changes_nothing():
    single = numbered_view(batch=1)
    same = mixed_in_batch(jax.random.key(0), single, rolled(single), CLASSES)
    for before, after in zip(single, same, strict=True):
        np.testing.assert_array_equal(before, after)
    void = numbered_view()._replace(label=jnp.full((3, 6, 8), VOID, jnp.uint8))
    same = mixed_in_batch(jax.random.key(0), void, rolled(void), CLASSES)
    np.testing.assert_array_equal(same.image, void.image)


def test_replayed_classes_land_on_the_view_and_what_was_not_replayed_is_void():
    replayed, view = numbered_view(seed=1), numbered_view(seed=2)
    view = view._replace(image=view.image + 1.0, confidence=view.confidence + 1.0)
    classes = jnp.tile(jnp.asarray([[True, False, True, False, False]]), (3, 1))
    shown = jnp.asarray([True, True, False])
    mixed = mixed_from_replay(replayed, view, classes, shown)
    pasted = np.isin(replayed.label, (0, 2))
    np.testing.assert_array_equal(np.asarray(mixed.confidence) < 1, pasted)
    np.testing.assert_array_equal(mixed.label[:2], np.where(pasted, replayed.label, view.label)[:2])
    assert np.all(mixed.label[2] == VOID)


@pytest.mark.parametrize(("shown", "there"), [(2, 3), (3, 2)])
def test_at_most_as_many_images_are_mixed_as_there_are_of_both(shown, there):
    replayed, view = numbered_view(batch=shown), numbered_view(batch=there, seed=1)
    mixed = mixed_from_replay(
        replayed, view, jnp.ones((shown, CLASSES), bool), jnp.ones(shown, bool)
    )
    assert mixed.image.shape == (2, 6, 8, 3)
    assert mixed.label.shape == mixed.confidence.shape == (2, 6, 8)
    mask = np.asarray(replayed.label[:2]) < CLASSES
    np.testing.assert_array_equal(mixed.label, np.where(mask, replayed.label[:2], view.label[:2]))
