"""Bicubic resizing against numbers worked out by hand and a slow twin."""

import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.ops.bicubic import bicubic, cubic_matrix

FACTOR = 26.1 / 37


def test_a_ramp_and_an_impulse_give_the_numbers_that_pytorch_gives():
    matrix = cubic_matrix(37, 26, FACTOR)
    ramp = matrix @ np.arange(37.0)
    # The first pixel is read at 0.5 / 0.7054 - 0.5 = 0.2088, where the border is repeated.
    np.testing.assert_allclose(ramp[:3], [0.15889, 1.59685, 3.06327], atol=6e-6)
    np.testing.assert_allclose(ramp[-2:], [34.27956, 35.72630], atol=6e-6)
    # The twelfth is read at 17.2203: the impulse is 0.7797 away. Nothing is blurred.
    np.testing.assert_allclose(matrix[11:15, 18], [0.0, 0.22467, 0.40886, 0.0], atol=6e-6)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, rtol=1e-12)


def keys(distance: float, a: float = -0.75) -> float:
    """The kernel of Keys, as it is usually written."""
    d = abs(distance)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


@pytest.mark.parametrize(("size", "factors"), [((7, 4), (7.1 / 5, 4.1 / 6)), ((3, 9), (0.5, 1.5))])
def test_a_table_is_resized_as_by_a_loop_over_pixels(size, factors):
    table = np.random.default_rng(0).normal(size=(5, 6, 2)).astype(np.float32)
    wanted = np.zeros((*size, 2))
    for row in range(size[0]):
        for col in range(size[1]):
            y, x = ((i + 0.5) / f - 0.5 for i, f in zip((row, col), factors, strict=True))
            for i in range(int(np.floor(y)) - 1, int(np.floor(y)) + 3):
                for j in range(int(np.floor(x)) - 1, int(np.floor(x)) + 3):
                    pixel = table[min(max(i, 0), 4), min(max(j, 0), 5)]
                    wanted[row, col] += keys(y - i) * keys(x - j) * pixel
    np.testing.assert_allclose(bicubic(jnp.asarray(table), size, factors), wanted, atol=1e-5)
