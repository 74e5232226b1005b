"""Views: hand-worked rescaling, a slow twin, and what must hold for any draw."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from s4al_jax.learn import augment
from s4al_jax.learn.augment import Crop, View, augmentation, plain_view, random_flip, unit_floats
from s4al_jax.types import UNLABELED, VOID, Batch, InputError

# compiled whole: one by one, the first call of every operation costs more than the test
compiled_crop = jax.jit(augment.crop_view, static_argnames="new")
mirrored = jax.jit(augment.mirror)
random_crop = jax.jit(augment.random_crop, static_argnames=("batch", "old", "new", "scale_range"))
rescaled = jax.jit(augment.random_rescale, static_argnames=("scale_range", "size"))
rescaled_beside = jax.jit(augment.random_rescale_pairs, static_argnames=("scale_range", "size"))


STRENGTHS = {
    "scale_range": (0.5, 2.0),
    "jitter_probability": 0.5,
    "brightness": (0.75, 1.25),
    "contrast": (0.75, 1.25),
    "flip_probability": 0.5,
}


def some_view(batch=2, height=8, width=12, seed=0):
    chance = np.random.default_rng(seed)
    return View(
        jnp.asarray(chance.random((batch, height, width, 3), np.float32)),
        jnp.asarray(chance.integers(0, 5, (batch, height, width), np.uint8)),
        jnp.asarray(chance.random((batch, height, width), np.float32)),
    )


def cropped(view, crop, new=None):
    return compiled_crop(view, crop, new=new or view.image.shape[1:3])


def one_crop(rows, cols, top, left):
    return Crop(*(jnp.asarray([number], jnp.int32) for number in (rows, cols, top, left)))


def column_view(values, labels):
    """An image whose rows hold these values and whose columns are all alike."""
    width = len(values)
    image = np.broadcast_to(np.float32(values)[None, :, None, None], (1, width, width, 3))
    label = np.broadcast_to(np.uint8(labels)[None, :, None], (1, width, width))
    return View(jnp.asarray(image), jnp.asarray(label), jnp.ones((1, width, width)))


def slow_crop(view, crop, new):
    """The same in plain loops, for one pixel at a time."""
    batch, height, width, _ = view.image.shape
    image = np.zeros((batch, *new, 3))
    label = np.full((batch, *new), VOID, np.uint8)
    confidence = np.zeros((batch, *new))

    def reflected(place, size):
        while size > 1 and not 0 <= place < size:
            place = -place if place < 0 else 2 * (size - 1) - place
        return place if size > 1 else 0

    def neighbors(place, size, length):
        exact = min(max((place + 0.5) * length / size - 0.5, 0.0), length - 1.0)
        low = int(exact)
        return low, min(low + 1, length - 1), exact - low

    for b in range(batch):
        rows, cols, top, left = (int(part[b]) for part in crop)
        for r in range(new[0]):
            for c in range(new[1]):
                y, x = r + top, c + left
                y0, y1, down = neighbors(reflected(y, rows), rows, height)
                x0, x1, across = neighbors(reflected(x, cols), cols, width)
                picture = np.asarray(view.image[b], np.float64)
                upper = picture[y0, x0] * (1 - across) + picture[y0, x1] * across
                lower = picture[y1, x0] * (1 - across) + picture[y1, x1] * across
                image[b, r, c] = upper * (1 - down) + lower * down
                if 0 <= y < rows and 0 <= x < cols:
                    near = (2 * y + 1) * height // (2 * rows), (2 * x + 1) * width // (2 * cols)
                    label[b, r, c] = view.label[b][near]
                    confidence[b, r, c] = view.confidence[b][near]
    return image, label, confidence


def test_twice_as_large_is_a_quarter_and_three_quarters_of_the_neighbors():
    view = column_view([0.0, 1.0], [3, 4])
    middle = cropped(view, one_crop(4, 4, 1, 1))
    np.testing.assert_allclose(middle.image[0, :, 0, 0], [0.25, 0.75])
    np.testing.assert_array_equal(middle.label[0, :, 0], [3, 4])
    corner = cropped(view, one_crop(4, 4, 0, 2))
    np.testing.assert_allclose(corner.image[0, :, 1, 2], [0.0, 0.25])
    np.testing.assert_array_equal(corner.label[0, :, 0], [3, 3])
    np.testing.assert_array_equal(corner.confidence, 1.0)


def test_half_as_large_is_the_mean_of_two_with_mirror_and_void_around():
    small = cropped(column_view([0.0, 0.2, 0.6, 1.0], [0, 1, 2, 3]), one_crop(2, 2, -1, 0))
    # rows 0.1 and 0.8 lie in the middle; outside them the picture is mirrored
    np.testing.assert_allclose(small.image[0, :, 0, 0], [0.8, 0.1, 0.8, 0.1], atol=1e-6)
    np.testing.assert_array_equal(small.label[0, :, 0], [VOID, 1, 3, VOID])
    np.testing.assert_array_equal(small.label[0, 1], [1, 1, VOID, VOID])
    np.testing.assert_array_equal(small.confidence[0, :, 0], [0, 1, 1, 0])
    np.testing.assert_array_equal(small.confidence[0, 1], [1, 1, 0, 0])


@pytest.mark.parametrize("new", [(7, 9), (4, 5), (8, 3)])
def test_a_random_crop_equals_its_slow_twin(new):
    view = some_view(batch=3, height=7, width=9, seed=new[0])
    crop = random_crop(jax.random.key(new[1]), batch=3, old=(7, 9), new=new, scale_range=(0.2, 2.5))
    fast, slow = cropped(view, crop, new), slow_crop(view, crop, new)
    assert fast.image.shape == (3, *new, 3)
    np.testing.assert_allclose(fast.image, slow[0], atol=1e-5)
    np.testing.assert_array_equal(fast.label, slow[1])
    np.testing.assert_allclose(fast.confidence, slow[2])


def test_enlarging_agrees_with_pillow():
    # an odd length has no pixel centers halfway, where Pillow rounds to either side
    view = some_view(batch=1, height=7, width=9)
    place = one_crop(11, 15, 3, 5)
    here = cropped(view, place)
    for channel in range(3):
        picture = Image.fromarray(np.asarray(view.image[0, :, :, channel]))
        large = np.asarray(picture.resize((15, 11), Image.Resampling.BILINEAR))
        np.testing.assert_allclose(here.image[0, :, :, channel], large[3:10, 5:14], atol=1e-5)
    labels = Image.fromarray(np.asarray(view.label[0])).resize((15, 11), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(here.label[0], np.asarray(labels)[3:10, 5:14])


def test_scale_one_is_the_identity_bit_by_bit():
    view = some_view()
    same = rescaled(jax.random.key(3), view, scale_range=(1.0, 1.0))
    for before, after in zip(view, same, strict=True):
        np.testing.assert_array_equal(before, after)
        assert before.dtype == after.dtype


def test_sizes_follow_the_scale_and_corners_keep_the_crop_within_bounds():
    crop = random_crop(
        jax.random.key(0), batch=2000, old=(40, 60), new=(40, 60), scale_range=(0.5, 2.0)
    )
    rows, cols, top, left = (np.asarray(part) for part in crop)
    assert rows.min() >= 20 and rows.max() <= 80
    assert abs(rows.mean() - 50) < 1.5  # uniform between 20 and 80
    np.testing.assert_allclose(rows / 40, cols / 60, atol=1 / 40)
    large = rows >= 40
    assert np.all((0 <= top[large]) & (top[large] <= rows[large] - 40))
    assert np.all((rows[~large] - 40 <= top[~large]) & (top[~large] <= 0))
    assert np.any(left > 0) and np.any(left < 0)
    # both ends of what is possible are reached
    assert np.any(top[large] == (rows - 40)[large]) and np.any(top[~large] == (rows - 40)[~large])


def test_a_crop_smaller_than_the_image_is_cut_from_anywhere_in_it():
    crop = random_crop(
        jax.random.key(0), batch=500, old=(40, 60), new=(10, 50), scale_range=(1.0, 1.0)
    )
    _, _, top, left = (np.asarray(part) for part in crop)
    assert (top.min(), top.max(), left.min(), left.max()) == (0, 30, 0, 10)
    view = some_view(batch=2, height=8, width=12)
    view = rescaled(jax.random.key(1), view, scale_range=(1.0, 1.0), size=(3, 0))
    assert view.image.shape == (2, 3, 12, 3) and view.label.shape == (2, 3, 12)
    # at scale 1 the rows of the crop are rows of the image, one after the other
    whole = np.asarray(some_view(batch=2, height=8, width=12).label)
    for before, after in zip(whole, np.asarray(view.label), strict=True):
        assert any(np.array_equal(before[top : top + 3], after) for top in range(6))


def test_a_picture_smaller_than_half_or_of_one_pixel_still_fills_the_crop():
    view = some_view(batch=1, height=5, width=5)
    for size in (1, 2):
        tiny = cropped(view, one_crop(size, size, -2, -2))
        assert np.isfinite(tiny.image).all()
        assert (np.asarray(tiny.label) != VOID).sum() == size * size
        assert 0.0 <= tiny.image.min() and tiny.image.max() <= 1.0


def test_a_view_without_confidence_stays_without():
    view = some_view()._replace(confidence=None)
    views = augmentation(**STRENGTHS)
    one_after_the_other = [lambda *given, at=at: views.beside(*given)[at] for at in (0, 1)]
    for make in (views.labeled, views.weak, views.colored, *one_after_the_other):
        made = jax.jit(make)(jax.random.key(1), view)
        assert made.confidence is None
        assert made.image.shape == view.image.shape
        assert made.label.dtype == jnp.uint8


def test_flipping_exchanges_left_and_right_of_everything_and_twice_is_nothing():
    view = some_view()
    on = jnp.asarray([True, False])
    once = mirrored(view, on)
    for before, after in zip(view, once, strict=True):
        np.testing.assert_array_equal(after[0], np.asarray(before)[0][:, ::-1])
        np.testing.assert_array_equal(after[1], before[1])
    for before, after in zip(view, mirrored(once, on), strict=True):
        np.testing.assert_array_equal(before, after)


def test_flipping_happens_with_its_probability():
    view = some_view(batch=400, height=1, width=2)
    key = jax.random.key(0)
    changed = np.any(
        np.asarray(random_flip(key, view, probability=0.5).image != view.image), axis=(1, 2, 3)
    )
    assert 160 < changed.sum() < 240
    np.testing.assert_array_equal(random_flip(key, view, probability=0.0).image, view.image)
    np.testing.assert_array_equal(
        random_flip(key, view, probability=1.0).label, np.asarray(view.label)[:, :, ::-1]
    )


def test_image_label_and_confidence_move_together():
    ids = np.arange(8 * 12, dtype=np.uint8).reshape(1, 8, 12)
    level = np.float32(ids) / 100
    view = View(jnp.asarray(np.stack([level] * 3, -1)), jnp.asarray(ids), jnp.asarray(level))
    still = augmentation(**STRENGTHS | {"scale_range": (1.0, 1.0)})
    moved = jax.jit(still.weak)(jax.random.key(5), view)
    np.testing.assert_allclose(moved.confidence, np.float32(moved.label) / 100)
    np.testing.assert_allclose(moved.image[..., 1], moved.confidence)
    wide = jax.jit(augmentation(**STRENGTHS).weak)(jax.random.key(5), view)
    known = np.asarray(wide.label) != VOID
    np.testing.assert_allclose(wide.confidence[known], np.float32(wide.label)[known] / 100)
    assert np.all(np.asarray(wide.confidence)[~known] == 0)


def test_views_are_functions_of_their_key_and_differ_between_images():
    view = some_view(batch=1)
    twins = jax.tree.map(lambda values: jnp.concatenate([values, values]), view)
    labeled = jax.jit(augmentation(**STRENGTHS).labeled)
    here, again = (labeled(jax.random.key(1), twins) for _ in range(2))
    other = labeled(jax.random.key(2), twins)
    np.testing.assert_array_equal(here.image, again.image)
    assert np.any(np.asarray(here.image) != np.asarray(other.image))
    assert np.any(np.asarray(here.image[0]) != np.asarray(here.image[1]))
    bright = augmentation(**STRENGTHS | {"brightness": (9.0, 9.0)})
    weak = jax.jit(bright.weak)(jax.random.key(1), twins)
    assert np.all(np.asarray(weak.image) < 1.0)  # the weak view has no color jitter


def test_bytes_become_floats_and_padding_rows_become_void():
    image = jnp.asarray(np.uint8([0, 51, 255])).reshape(1, 1, 1, 3)
    np.testing.assert_allclose(unit_floats(image).ravel(), [0.0, 0.2, 1.0])
    label = jnp.full((2, 1, 1), UNLABELED, jnp.uint8)
    batch = Batch(jnp.concatenate([image, image]), label, jnp.arange(2), jnp.asarray([True, False]))
    view = plain_view(batch)
    np.testing.assert_array_equal(view.label.ravel(), [UNLABELED, VOID])
    assert view.label.dtype == jnp.uint8 and view.image.dtype == jnp.float32


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("scale_range", (0.0, 1.0)),
        ("scale_range", (2.0, 1.0)),
        ("brightness", (-1.0, 1.0)),
        ("contrast", (1.5, 0.5)),
        ("jitter_probability", 1.5),
        ("flip_probability", -0.1),
        ("crop_height", -1),
    ],
)
def test_a_senseless_strength_is_refused_by_name(option, value):
    with pytest.raises(InputError) as error:
        augmentation(**STRENGTHS | {option: value})
    assert option in str(error.value)
    assert "\n" not in str(error.value)
    assert str(value[0] if isinstance(value, tuple) else value) in str(error.value)


def test_beside_an_image_is_the_one_before_it_as_it_is_rescaled_itself():
    view, how = some_view(batch=3), {"scale_range": (0.5, 2.0), "size": (6, 7)}
    alone = rescaled(jax.random.key(5), view, **how)
    here, before = rescaled_beside(jax.random.key(5), view, **how)
    for one, same, moved in zip(alone, here, before, strict=True):
        np.testing.assert_array_equal(same, one)
        np.testing.assert_array_equal(moved, np.roll(one, 1, axis=0))
