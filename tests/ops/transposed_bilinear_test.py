"""A fixed transposed convolution, against one that is written out in loops."""

import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.ops.transposed_bilinear import tent_matrix, transposed_bilinear


def in_loops(x, factor):
    """Each source pixel adds its tent of 2 * factor pixels, which starts factor / 2 before it."""
    side, pad = 2 * factor, factor // 2
    center = factor - 0.5
    tent = [1 - abs(k - center) / factor for k in range(side)]
    rows, cols, channels = x.shape
    y = np.zeros((factor * rows, factor * cols, channels))
    for row in range(rows):
        for col in range(cols):
            for down in range(side):
                for right in range(side):
                    to = (factor * row - pad + down, factor * col - pad + right)
                    if 0 <= to[0] < len(y) and 0 <= to[1] < y.shape[1]:
                        y[to] += tent[down] * tent[right] * x[row, col]
    return y


@pytest.mark.parametrize("factor", [2, 8])
def test_it_is_the_transposed_convolution_with_a_tent(factor):
    x = np.random.default_rng(0).normal(size=(2, 3, 2, 4)).astype(np.float32)
    found = transposed_bilinear(jnp.asarray(x), factor)
    for image, ours in zip(x, found, strict=True):
        np.testing.assert_allclose(ours, in_loops(image, factor), atol=1e-6)


def test_the_middle_is_interpolated_and_the_border_fades():
    # Two pixels at factor 2: their centers lie between 0 and 1, and between 2 and 3.
    expected = [[0.75, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 0.75]]
    np.testing.assert_array_equal(tent_matrix(2, 2), expected)
