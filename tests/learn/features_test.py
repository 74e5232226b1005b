"""Features in the place of images: how they are packed, cropped, mirrored and pasted."""

import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.learn.augment import View
from s4al_jax.learn.feature_views import (
    crop_features,
    feature_augmentation,
    mirror_features,
    paste_cells,
)
from s4al_jax.learn.features import Layout, pack, unpack
from s4al_jax.types import InputError

LAYOUT = Layout((8, 12), ((4, 6, 1), (2, 3, 2)))
OPTIONS = {
    "scale_range": (1.0, 1.0),
    "jitter_probability": 0.0,
    "flip_probability": 0.5,
    "crop_height": 0,
    "crop_width": 0,
}


def test_a_cell_holds_its_part_of_every_map_and_gives_it_back() -> None:
    fine = np.arange(24, dtype=np.float32).reshape(1, 4, 6, 1)
    coarse = 100 + np.arange(12, dtype=np.float32).reshape(1, 2, 3, 2)
    packed = pack((jnp.array(fine), jnp.array(coarse)), LAYOUT)
    assert LAYOUT.channels == 6
    np.testing.assert_array_equal(packed[0, 1, 2], [16, 17, 22, 23, 110, 111])
    for given, back in zip((fine, coarse), unpack(packed, LAYOUT), strict=True):
        np.testing.assert_array_equal(back, given)


def test_maps_that_are_no_multiple_of_the_coarsest_come_back_whole() -> None:
    layout = Layout((11, 11), ((5, 5, 1), (2, 2, 1)))
    fine = np.random.default_rng(0).integers(0, 9, (2, 5, 5, 1)).astype(np.float32)
    coarse = np.ones((2, 2, 2, 1), np.float32)
    back = unpack(pack((jnp.array(fine), jnp.array(coarse)), layout), layout)
    np.testing.assert_array_equal(back[0], fine)
    assert layout.logits_size((2, 2)) == (11, 11)


def numbered(start: int) -> View:
    """Two cells of four pixels beside each other; the mirrored image has numbers of its own."""
    image = jnp.array([[[[start, start + 10], [start + 1, start + 11]]]], jnp.float32)
    label = jnp.array([[[start, start, start + 1, start + 1]] * 2], jnp.uint8)
    return View(image, label)


def test_a_mirrored_view_has_the_features_of_the_mirrored_image() -> None:
    view = mirror_features(numbered(1), jnp.array([True]))
    np.testing.assert_array_equal(view.image[0, 0], [[11, 1], [12, 2]])
    np.testing.assert_array_equal(view.label[0, 0], [2, 2, 1, 1])
    same = mirror_features(view, jnp.array([False]))
    np.testing.assert_array_equal(same.image, view.image)


def test_cells_are_pasted_whole_and_in_the_mirrored_image_on_the_other_side() -> None:
    # Half of the left cell, and a fourth of the right one.
    mask = jnp.array([[[True, False, False, True], [True, False, False, False]]])
    mixed = paste_cells(mask, numbered(5), numbered(1))
    np.testing.assert_array_equal(mixed.label[0, 0], [5, 5, 2, 2])
    # Straight: the left cell. Mirrored: the right one.
    np.testing.assert_array_equal(mixed.image[0, 0], [[5, 11], [2, 16]])


def test_a_crop_is_the_same_part_of_image_mirrored_image_and_labels() -> None:
    layout = Layout((2, 6), ((1, 3, 1),))
    image = jnp.array([[[[0, 12], [1, 11], [2, 10]]]], jnp.float32)
    label = jnp.array([[[0, 0, 1, 1, 2, 2]] * 2], jnp.uint8)
    view = crop_features(View(image, label), jnp.array([[0, 1]]), layout, (1, 2))
    # Cells 1 and 2; of the mirrored image the first two, which show 2 and 1.
    np.testing.assert_array_equal(view.image[0, 0], [[1, 12], [2, 11]])
    np.testing.assert_array_equal(view.label[0, 0], [1, 1, 2, 2])
    assert layout.logits_size((1, 2)) == (2, 4)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (
            {"scale_range": (0.5, 1.0)},
            "config.augment.scale_range is (0.5, 1.0), but the features of a frozen backbone "
            "cannot be changed so: set --config.augment.scale_range=(1.0,1.0), or "
            "--config.model.frozen= to train the backbone",
        ),
        (
            {"jitter_probability": 0.5},
            "config.augment.jitter_probability is 0.5, but the features of a frozen backbone "
            "cannot be changed so: set --config.augment.jitter_probability=0.0, or "
            "--config.model.frozen= to train the backbone",
        ),
        (
            {"crop_width": 6},
            "config.augment.crop_width is 6, but the features of a frozen backbone are 3 cells "
            "for 12 pixels: set --config.augment.crop_width to a multiple of 4, or 0",
        ),
    ],
)
def test_what_features_do_not_allow_is_refused(changed: dict[str, object], line: str) -> None:
    with pytest.raises(InputError) as error:
        feature_augmentation(LAYOUT, {**OPTIONS, **changed})
    assert str(error.value) == line
