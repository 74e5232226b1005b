"""Which formulation of each operation a network uses: the fastest one differs by platform.

All formulations of an operation give the same numbers up to rounding.
"""

from typing import NamedTuple

from s4al_jax.ops import convolve, depthwise, resize, upsample_conv
from s4al_jax.ops.convolve import Formulation as Convolution
from s4al_jax.ops.depthwise import Formulation as Depthwise
from s4al_jax.ops.resize import Formulation as Resize
from s4al_jax.ops.upsample_conv import Formulation as UpsampleConv


class Formulations(NamedTuple):
    """The formulation of every operation that has more than one."""

    convolution: Convolution = "direct"
    depthwise: Depthwise = "grouped"
    upsample_conv: UpsampleConv = "direct"
    resize: Resize = "gather"


def preferred_formulations(platform: str) -> Formulations:
    """The fastest ones on a JAX platform ("cpu", "gpu", "tpu"), as far as they were measured."""
    return Formulations(
        convolution=convolve.preferred_formulation(platform),
        depthwise=depthwise.preferred_formulation(platform),
        upsample_conv=upsample_conv.preferred_formulation(platform),
        resize=resize.preferred_formulation(platform),
    )
