"""How a network's layers are computed: what is fastest differs by platform, the numbers do not."""

from typing import NamedTuple

from s4al_jax.models import convolve, decode, depthwise, resize
from s4al_jax.models.convolve import Formulation as Convolution
from s4al_jax.models.decode import Formulation as Decoding
from s4al_jax.models.depthwise import Formulation as Depthwise
from s4al_jax.models.resize import Formulation as Resizing


class Formulations(NamedTuple):
    """The formulation of every layer that has more than one."""

    convolution: Convolution = "direct"
    depthwise: Depthwise = "grouped"
    decoding: Decoding = "direct"
    resize: Resizing = "gather"


def preferred(platform: str) -> Formulations:
    """The faster ones on a JAX platform ("cpu", "gpu", "tpu"), as far as they were measured."""
    return Formulations(
        convolution=convolve.preferred(platform),
        depthwise=depthwise.preferred(platform),
        decoding=decode.preferred(platform),
        resize=resize.preferred(platform),
    )
