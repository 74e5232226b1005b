"""Both formulations of the depthwise convolution, and both conventions of padding."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jaxtyping import TypeCheckError

from s4al_jax.ops import depthwise
from s4al_jax.ops.depthwise import depthwise_conv
from s4al_jax.ops.padding import pad_widths

CASES = [
    *itertools.product((3,), (1, 2), (1, 2), ("symmetric", "same"), ((7, 10), (8, 5))),
    *itertools.product((5,), (1, 2), (1, 2), ("same",), ((7, 10),)),
    (5, 2, 1, "symmetric", (8, 5)),
]


def drawn(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def by_lax(x, kernel, *, stride, dilation, padding):
    """JAX's own padding: the string for TensorFlow's, the numbers for PyTorch's."""
    reach = dilation * (len(kernel) // 2)
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        "SAME" if padding == "same" else [(reach, reach)] * 2,
        rhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[-1],
    )


@pytest.mark.parametrize(("side", "stride", "dilation", "padding", "size"), CASES)
def test_both_formulations_and_their_gradients_equal_a_grouped_convolution(
    side, stride, dilation, padding, size
):
    x, kernel = drawn(2, *size, 3), drawn(side, side, 1, 3, seed=1)
    how = {"stride": stride, "dilation": dilation, "padding": padding}
    expected, pullback = jax.vjp(lambda *a: by_lax(*a, **how), x, kernel)
    weight = drawn(*expected.shape, seed=2)
    expected_gradients = pullback(weight)
    for formulation in ("shifted", "grouped"):
        got, pullback = jax.vjp(
            lambda *a, f=formulation: depthwise_conv(*a, formulation=f, **how), x, kernel
        )
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, atol=1e-5)
        for ours, theirs in zip(pullback(weight), expected_gradients, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_three_pixels_worked_by_hand():
    x = jnp.asarray([1.0, 10.0, 100.0]).reshape(1, 1, 3, 1)
    kernel = jnp.zeros((3, 3, 1, 1)).at[1, :, 0, 0].set(jnp.asarray([1.0, 2.0, 3.0]))
    how = {"dilation": 1, "formulation": "shifted"}
    plain = depthwise_conv(x, kernel, stride=1, padding="symmetric", **how)
    strided = depthwise_conv(x, kernel, stride=2, padding="symmetric", **how)
    assert plain.ravel().tolist() == [32.0, 321.0, 210.0]
    assert strided.ravel().tolist() == [32.0, 210.0]
    even = depthwise_conv(x[:, :, :2], kernel, stride=2, padding="same", **how)
    assert even.ravel().tolist() == [21.0]  # nothing before the first pixel, one zero behind


def test_five_taps_worked_by_hand():
    x = jnp.asarray([1.0, 10.0, 100.0, 1000.0]).reshape(1, 1, 4, 1)
    kernel = jnp.zeros((5, 5, 1, 1)).at[2, :, 0, 0].set(jnp.asarray([1.0, 2.0, 3.0, 4.0, 5.0]))
    how = {"dilation": 1, "padding": "same", "formulation": "shifted"}
    plain = depthwise_conv(x, kernel, stride=1, **how)
    assert plain.ravel().tolist() == [543.0, 5432.0, 4321.0, 3210.0]
    # One zero before the first pixel and two behind the last.
    strided = depthwise_conv(x, kernel, stride=2, **how)
    assert strided.ravel().tolist() == [5432.0, 3210.0]


def test_half_precision_keeps_its_type_in_values_and_gradients():
    x, kernel = drawn(1, 6, 6, 2).astype(jnp.bfloat16), drawn(3, 3, 1, 2).astype(jnp.bfloat16)
    how = {"stride": 2, "dilation": 1, "padding": "same", "formulation": "shifted"}
    y, pullback = jax.vjp(lambda *a: depthwise_conv(*a, **how), x, kernel)
    for_x, for_kernel = pullback(y)
    assert y.dtype == for_x.dtype == for_kernel.dtype == jnp.bfloat16
    assert for_x.shape == x.shape
    assert for_kernel.shape == kernel.shape


def test_a_shifted_sum_is_preferred_on_cpu_alone():
    assert depthwise.preferred_formulation("cpu") == "shifted"
    assert depthwise.preferred_formulation("gpu") == "grouped"
    assert depthwise.preferred_formulation("tpu") == "grouped"


def test_unknown_words_are_refused():
    x, kernel = jnp.zeros((1, 4, 4, 1)), jnp.zeros((3, 3, 1, 1))
    with pytest.raises((ValueError, TypeCheckError), match="formulation"):
        depthwise_conv(x, kernel, stride=1, dilation=1, padding="same", formulation="fast")
    with pytest.raises((ValueError, TypeCheckError), match="padding"):
        pad_widths((8, 8), kernel=3, stride=1, dilation=1, padding="valid")


@pytest.mark.parametrize(
    ("size", "stride", "expected"),
    [(8, 2, (0, 1)), (9, 2, (1, 1)), (8, 1, (1, 1)), (1, 2, (1, 1))],
)
def test_same_padding_puts_the_odd_zero_behind(size, stride, expected):
    def widths(kernel, stride, padding):
        size_and_one = (size, 1)
        return pad_widths(size_and_one, kernel=kernel, stride=stride, dilation=1, padding=padding)

    assert widths(3, stride, "same") == (expected, (1, 1))
    assert widths(3, stride, "symmetric") == ((1, 1), (1, 1))
    assert widths(1, 1, "same") == ((0, 0), (0, 0))
