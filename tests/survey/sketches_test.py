"""What is kept of a picture and its mask, by hand."""

import numpy as np

from s4al_jax.survey.sketches import REACH, class_traits, shift_fits, sketch
from s4al_jax.types import VOID


def test_traits_are_shares_heights_and_colors_of_what_is_not_void() -> None:
    labels = np.array([[0, 0], [0, 2], [2, 2], [VOID, VOID]], np.uint8)
    image = np.zeros((4, 2, 3), np.uint8)
    image[labels == 2] = [255, 51, 0]
    share, row, spread, red, green, blue, texture = class_traits(image, labels, 3).T
    assert share.tolist() == [0.5, 0, 0.5]
    # Class 0 has the rows 0, 0 and 1 of 0 to 3, class 2 the rows 1, 2 and 2.
    np.testing.assert_allclose(row[[0, 2]], [1 / 9, 5 / 9], rtol=1e-6)
    np.testing.assert_allclose(spread[[0, 2]], [np.sqrt(2) / 9] * 2, rtol=1e-6)
    np.testing.assert_allclose([red[2], green[2], blue[2]], [1, 0.2, 0], atol=1e-6)
    assert np.isnan([row[1], red[1], texture[1]]).all()


def test_a_mask_that_was_moved_fits_best_when_it_is_moved_back() -> None:
    labels = np.zeros((60, 80), np.uint8)
    labels[20:44, 30:61] = 1
    edges = np.zeros(labels.shape, np.float32)
    edges[:, :-1] = labels[:, 1:] != labels[:, :-1]
    edges[:-1] = np.maximum(edges[:-1], labels[1:] != labels[:-1])
    for down, right in ((0, 0), (3, -5), (-REACH, REACH)):
        fits = shift_fits(edges, np.roll(edges, (-down, -right), (0, 1)))
        assert np.unravel_index(fits.argmax(), fits.shape) == (REACH + down, REACH + right)
        # There all boundaries lie on edges: the mean there is 1, the mean everywhere m, and the
        # standard deviation that of a share m of ones.
        mean = edges.mean()
        np.testing.assert_allclose(fits.max(), (1 - mean) / np.sqrt(mean * (1 - mean)), rtol=1e-4)
    assert not shift_fits(edges, np.zeros_like(edges)).any()
    assert not shift_fits(np.ones_like(edges), edges).any()


def test_a_sketch_is_small_whatever_the_size_of_the_picture() -> None:
    image = np.random.default_rng(0).integers(0, 256, (600, 900, 3), np.uint8)
    kept = sketch("train/a", image, image[..., 0] % 3, 3)
    arrays = [value for value in kept if isinstance(value, np.ndarray)]
    assert sum(value.nbytes for value in arrays) < 8_000 and len(arrays) == 5
    assert sketch("train/a", image, None, 3).traits is None
