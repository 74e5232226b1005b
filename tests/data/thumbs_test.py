"""The small gray copy of a picture, by hand."""

import numpy as np

from s4al_jax.data.thumbs import THUMB, thumb


def test_the_gray_copy_is_the_mean_of_the_pixels() -> None:
    gray = np.kron(np.arange(THUMB[0] * THUMB[1]).reshape(THUMB) % 251, np.ones((3, 2)))
    wide = gray.astype(np.uint8)
    assert np.array_equal(thumb(wide), wide[::3, ::2])
    assert np.array_equal(thumb(np.repeat(wide[..., None], 3, 2)), wide[::3, ::2])
