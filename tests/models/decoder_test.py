"""Convolving before upsampling gives what convolving after it gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.decoder import Decoder
from s4al_jax.ops.formulations import Formulations
from s4al_jax.ops.resize import bilinear_align_corners
from s4al_jax.ops.upsample_conv import upsample_conv3x3

KEY = jax.random.key(0)


def drawn(*shape, seed=0):
    return jax.random.normal(jax.random.key(seed), shape)


def plainly(x, kernel, size):
    upsampled = bilinear_align_corners(x, size)
    return jax.lax.conv_general_dilated(
        upsampled, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def test_a_tap_reads_its_neighbor_and_outside_is_nothing():
    # Two pixels upsampled to three: 0, 1, 2. The kernel reads the pixel to the right.
    x = jnp.array([0.0, 2.0]).reshape(1, 1, 2, 1)
    kernel = jnp.zeros((3, 3, 1, 1)).at[1, 2, 0, 0].set(1.0)
    assert upsample_conv3x3(x, kernel, (1, 3)).ravel().tolist() == [1.0, 2.0, 0.0]
    below = jnp.zeros((3, 3, 1, 1)).at[0, 1, 0, 0].set(1.0)
    assert upsample_conv3x3(x, below, (1, 3)).ravel().tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("size", [(12, 16), (9, 11), (3, 4), (1, 1), (2, 30)])
def test_it_is_the_plain_convolution_with_its_gradients(size):
    x, kernel, seen = drawn(2, 3, 4, 5), drawn(3, 3, 5, 6, seed=1), drawn(2, *size, 6, seed=2)

    def total(function):
        return lambda x, kernel: jnp.sum(function(x, kernel, size) * seen)

    def both(x, kernel):
        ours, theirs = (
            jax.value_and_grad(total(function), argnums=(0, 1))(x, kernel)
            for function in (upsample_conv3x3, plainly)
        )
        return ours, theirs, upsample_conv3x3(x, kernel, size), plainly(x, kernel, size)

    ours, theirs, one, other = jax.jit(both)(x, kernel)
    np.testing.assert_allclose(one, other, atol=2e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), ours, theirs)


def test_factors_are_rounded_of_the_kernel_and_what_it_sees_but_not_in_upsampling():
    x, kernel, size = jnp.round(4 * drawn(2, 3, 4, 5)), drawn(3, 3, 5, 6, seed=1), (12, 16)
    found = upsample_conv3x3(x, kernel, size, jnp.bfloat16)
    rounded = kernel.astype(jnp.bfloat16).astype(jnp.float32)
    np.testing.assert_allclose(found, plainly(x, rounded, size), atol=1e-4)
    assert np.max(np.abs(found - plainly(x, kernel, size))) > 1e-2


def test_a_decoder_gives_the_same_in_both_formulations_from_the_same_variables():
    coarse, fine = drawn(2, 3, 4, 5), drawn(2, 9, 14, 3, seed=1)
    both = jnp.concatenate([bilinear_align_corners(coarse, (9, 14)), fine], axis=-1)
    direct, first = (
        Decoder(6, ConvConfig(formulations=Formulations(upsample_conv=formulation)))
        for formulation in ("direct", "coarse_first")
    )
    variables = direct.init(KEY, coarse, fine, both, groups=None)
    shapes = jax.tree.map(jnp.shape, variables)
    assert shapes == jax.tree.map(jnp.shape, first.init(KEY, coarse, fine, both, groups=None))
    assert shapes["params"]["conv"] == {"kernel": (3, 3, 8, 6)}
    expected = direct.apply(variables, coarse, fine, both, groups=None)
    found = first.apply(variables, coarse, fine, both, groups=None)
    np.testing.assert_allclose(found, expected, atol=2e-5)
