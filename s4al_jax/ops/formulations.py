"""How a network's layers are computed: what is fastest differs by platform.

The numbers do not, with one exception: in bfloat16 a CPU rounds fewer of them.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from s4al_jax.ops import convolve, depthwise, enlarge, matmul, resize
from s4al_jax.ops.convolve import Formulation as Convolution
from s4al_jax.ops.depthwise import Formulation as Depthwise
from s4al_jax.ops.enlarge import Formulation as Decoding
from s4al_jax.ops.resize import Formulation as Resizing


class Formulations(NamedTuple):
    """The formulation of every layer that has more than one."""

    convolution: Convolution = "direct"
    depthwise: Depthwise = "grouped"
    decoding: Decoding = "direct"
    resize: Resizing = "gather"
    factors: Any = None
    """the type that products of matrices round to what they multiply, if layers do not do it"""


def preferred(platform: str, compute: Any = jnp.float32) -> Formulations:
    """The faster ones on a JAX platform ("cpu", "gpu", "tpu"), as far as they were measured."""
    return Formulations(
        convolution=convolve.preferred(platform),
        depthwise=depthwise.preferred(platform),
        decoding=enlarge.preferred(platform),
        resize=resize.preferred(platform),
        factors=matmul.preferred(platform, compute),
    )
