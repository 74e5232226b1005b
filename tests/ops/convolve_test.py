"""Convolutions as matrix products give XLA's values and gradients."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from s4al_jax.ops import convolve, formulations, matmul
from s4al_jax.ops.convolve import convolve as convolved
from s4al_jax.ops.padding import pad_widths

SHAPES = [(1, 1), (3, 1), (3, 2), (3, 4), (5, 1)]
SIZES = [(7, 10), (2, 5), (1, 1)]
CASES = list(itertools.product(SHAPES, (1, 2), ("symmetric", "same"), SIZES))


def drawn(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def by_lax(x, kernel, stride, dilation, pads):
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        pads,
        rhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def by_matmul(reach, stride, dilation, padding, size):
    """The options with which images of a size are convolved by matrix products."""
    common = {"stride": stride, "dilation": dilation}
    pads = pad_widths(size, kernel=reach, padding=padding, **common)
    return {**common, "pads": pads, "formulation": "matmul"}


@pytest.mark.parametrize(("shape", "stride", "padding", "size"), CASES)
def test_matrix_products_give_the_values_and_gradients_of_a_convolution(
    shape, stride, size, padding
):
    reach, dilation = shape
    x, kernel = drawn(2, *size, 3), drawn(reach, reach, 3, 4, seed=1)
    options = by_matmul(reach, stride, dilation, padding, size)
    expected, pullback = jax.vjp(
        lambda *a: by_lax(*a, stride, dilation, options["pads"]), x, kernel
    )
    weight = drawn(*expected.shape, seed=2)
    found, our_pullback = jax.vjp(lambda *a: convolved(*a, **options), x, kernel)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-5)
    for ours, theirs in zip(our_pullback(weight), pullback(weight), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=5e-5)


@pytest.mark.parametrize(("shape", "stride", "padding", "size"), CASES[:: len(SIZES)])
def test_factors_that_need_no_rounding_give_the_exact_product(shape, stride, size, padding):
    reach, dilation = shape
    # Whole numbers up to 8, whose sums float32 holds exactly: bfloat16 has them all.
    x, kernel = (
        jnp.round(jnp.clip(4 * drawn(*one, seed=at), -8, 8))
        for at, one in enumerate([(2, *size, 3), (reach, reach, 3, 4)])
    )
    options = by_matmul(reach, stride, dilation, padding, size)

    def found(dtype):
        y, pullback = jax.vjp(lambda *a: convolved(*a, **options, matmul_dtype=dtype), x, kernel)
        return y, *pullback(jnp.round(4 * drawn(*y.shape, seed=2)))

    for exact, rounded in zip(found(None), found(jnp.bfloat16), strict=True):
        assert exact.dtype == rounded.dtype == jnp.float32
        np.testing.assert_array_equal(exact, rounded)


def test_three_pixels_worked_by_hand():
    x = jnp.asarray([1.0, 10.0, 100.0]).reshape(1, 1, 3, 1)
    kernel = jnp.zeros((3, 3, 1, 1)).at[1, :, 0, 0].set(jnp.asarray([1.0, 2.0, 3.0]))
    options = {"formulation": "matmul"}
    dense = convolved(x, kernel, pads=((1, 1), (1, 1)), **options)
    # With a dilation of 2 the outer taps reach the ends from the other end alone.
    wide = convolved(x, kernel, dilation=2, pads=((2, 2), (2, 2)), **options)
    assert dense.ravel().tolist() == [32.0, 321.0, 210.0]
    assert wide.ravel().tolist() == [302.0, 20.0, 201.0]


def test_taps_that_only_see_zeros_are_left_out():
    pads = ((18, 18), (18, 18))
    taps = list(convolve._taps((23, 30), (3, 3), 18, pads))
    assert len(taps) == 9
    seen = sum(
        (tap.source[1].stop - tap.source[1].start) * (tap.source[2].stop - tap.source[2].start)
        for tap in taps
    )
    # 23 or 23 - 18 rows times 30 or 30 - 18 columns.
    assert seen == (23 + 2 * 5) * (30 + 2 * 12)
    assert [(tap.row, tap.col) for tap in convolve._taps((6, 8), (3, 3), 8, ((8, 8), (8, 8)))] == [
        (1, 1)
    ]


def test_half_precision_keeps_its_type_in_values_and_gradients():
    x = drawn(1, 6, 6, 2).astype(jnp.bfloat16)
    for kernel, dilation in (((1, 1), 1), ((3, 3), 1), ((3, 3), 2)):
        weights = drawn(*kernel, 2, 3).astype(jnp.bfloat16)
        reach = dilation * (kernel[0] // 2)
        options = {"dilation": dilation, "pads": ((reach, reach),) * 2, "formulation": "matmul"}
        y, pullback = jax.vjp(lambda *a, options=options: convolved(*a, **options), x, weights)
        for_x, for_kernel = pullback(y)
        assert y.dtype == for_x.dtype == for_kernel.dtype == jnp.bfloat16
        assert for_kernel.shape == weights.shape


def test_factors_are_rounded_on_cpu_alone_and_only_where_layers_are_not_in_float32():
    assert matmul.preferred_dtype("cpu", jnp.bfloat16) == jnp.bfloat16
    assert matmul.preferred_dtype("cpu", jnp.float32) is None
    assert matmul.preferred_dtype("gpu", jnp.bfloat16) is None
    assert matmul.preferred_dtype("tpu", jnp.bfloat16) is None


def test_matrix_products_are_preferred_on_cpu_alone():
    assert formulations.preferred_formulations("cpu").convolution == "matmul"
    assert formulations.preferred_formulations("gpu").convolution == "direct"
    assert formulations.preferred_formulations("tpu").convolution == "direct"


def test_an_unknown_word_is_refused():
    with pytest.raises((ValueError, TypeCheckError), match="formulation"):
        convolved(
            jnp.zeros((1, 2, 2, 1)),
            jnp.zeros((1, 1, 1, 1)),
            pads=((0, 0), (0, 0)),
            formulation="fast",
        )
