"""Which rates fit a map, and what is said of those that do not."""

import jax.numpy as jnp
import numpy as np

from s4al_jax.models.atrous_rates import rates_warning, scaled_rates
from s4al_jax.ops.convolve import convolve

PAPER = (6, 12, 18)


def test_rates_are_to_the_map_as_the_paper_s_are_to_its_map():
    assert scaled_rates(PAPER, (23, 30)) == PAPER
    assert scaled_rates(PAPER, (12, 15)) == (3, 6, 9)
    assert scaled_rates(PAPER, (8, 6)) == (2, 3, 5)
    assert scaled_rates(PAPER, (45, 60)) == (12, 23, 35)


def test_rates_stay_distinct_and_at_least_1():
    assert scaled_rates(PAPER, (1, 9)) == (1, 2, 3)
    assert scaled_rates((18, 6), (3, 3)) == (1, 2)


def test_only_rates_of_which_every_outer_tap_sees_zeros_are_warned_of():
    assert rates_warning(PAPER, (23, 30)) == rates_warning(PAPER, (19, 19)) == ""
    assert rates_warning(PAPER, (18, 30)) == (
        "warning: the head's rates are 6, 12, 18, and there are 18x30 features: around every pixel "
        "a rate of 18 or more sees zeros only. 5, 9, 14 fit (config.model.head.kwargs.rates, or "
        "scale_rates=True)"
    )
    assert "6x8 features: around every pixel a rate of 6 or" in rates_warning(PAPER, (6, 8))


def test_at_such_a_rate_a_convolution_is_one_of_its_middle_tap():
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(1, 6, 5, 2)), rng.normal(size=(3, 3, 2, 3))
    far, near = (
        convolve(jnp.asarray(x), jnp.asarray(kernel), dilation=rate, pads=((rate,) * 2,) * 2)
        for rate in (6, 4)
    )
    np.testing.assert_allclose(far, x @ kernel[1, 1], atol=1e-5)
    assert np.abs(near - x @ kernel[1, 1]).max() > 0.1
