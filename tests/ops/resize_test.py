"""Bilinear resizing against hand numbers, loops and its own transpose."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.ops import resize
from s4al_jax.ops.resize import bilinear_align_corners

FORMULATIONS = ("gather", "matmul")


def by_loops(x, size):
    batch, height, width, channels = x.shape
    out = np.zeros((batch, *size, channels))
    for row in range(size[0]):
        for col in range(size[1]):
            y = row * (height - 1) / (size[0] - 1) if size[0] > 1 else 0.0
            z = col * (width - 1) / (size[1] - 1) if size[1] > 1 else 0.0
            top, left = int(y), int(z)
            below, right = min(top + 1, height - 1), min(left + 1, width - 1)
            a, b = y - top, z - left
            out[:, row, col] = (1 - a) * ((1 - b) * x[:, top, left] + b * x[:, top, right])
            out[:, row, col] += a * ((1 - b) * x[:, below, left] + b * x[:, below, right])
    return out


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_corners_stay_and_the_rest_lies_between_them(formulation):
    x = jnp.asarray([[0.0, 4.0], [8.0, 12.0]]).reshape(1, 2, 2, 1)
    y = bilinear_align_corners(x, (3, 5), formulation=formulation)
    expected = [[0, 1, 2, 3, 4], [4, 5, 6, 7, 8], [8, 9, 10, 11, 12]]
    assert y.shape == (1, 3, 5, 1)
    np.testing.assert_allclose(y[0, :, :, 0], expected, atol=1e-6)


@pytest.mark.parametrize("formulation", FORMULATIONS)
@pytest.mark.parametrize(
    ("source", "target"),
    [((3, 4), (12, 16)), ((5, 4), (7, 11)), ((9, 8), (4, 3)), ((1, 1), (2, 3)), ((4, 3), (1, 1))],
)
def test_values_equal_loops_and_gradients_their_transpose(formulation, source, target):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, *source, 3)).astype(np.float32)
    weight = rng.normal(size=(2, *target, 3)).astype(np.float32)
    y, pullback = jax.vjp(
        lambda x: bilinear_align_corners(x, target, formulation=formulation), jnp.asarray(x)
    )
    (gradient,) = pullback(jnp.asarray(weight))
    np.testing.assert_allclose(y, by_loops(x, target), atol=1e-5)
    probe = rng.normal(size=x.shape)
    # <weight, A probe> = <A^T weight, probe>
    np.testing.assert_allclose(
        np.sum(weight * by_loops(probe, target)), np.sum(np.asarray(gradient) * probe), rtol=1e-3
    )
    assert gradient.shape == x.shape


@pytest.mark.parametrize("formulation", FORMULATIONS)
@pytest.mark.parametrize("bands", [1, 3, 4, 13])
def test_bands_add_up_to_the_whole_picture_and_so_do_their_gradients(formulation, bands):
    rng = np.random.default_rng(1)
    x = jnp.asarray(rng.normal(size=(2, 5, 4, 3)), jnp.float32)
    weight = jnp.asarray(rng.normal(size=(2, 13, 9)), jnp.float32)
    kind = jnp.asarray(rng.integers(0, 3, (2, 13, 9)), jnp.uint8)

    def function(enlarged, weight, kind):
        own = jnp.take_along_axis(enlarged, kind[..., None].astype(jnp.int32), axis=-1)[..., 0]
        return jnp.sum(weight * jnp.square(own))

    def whole(x):
        return function(bilinear_align_corners(x, (13, 9)), weight, kind)

    def banded(x):
        how = {"bands": bands, "formulation": formulation}
        return resize.sum_in_bands(function, x, weight, kind, **how)

    (value, slope), (expected, expected_slope) = (
        jax.jit(jax.value_and_grad(one))(x) for one in (banded, whole)
    )
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(slope, expected_slope, atol=1e-5)


def test_matrices_are_preferred_on_tpu_alone():
    assert [resize.preferred_formulation(p) for p in ("cpu", "gpu", "tpu")] == [
        "gather",
        "gather",
        "matmul",
    ]
