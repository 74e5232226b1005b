"""How the layers of a network compute, in one value that every layer is given."""

from typing import Any, NamedTuple

import jax.numpy as jnp

from s4al_jax.ops.formulations import Formulations
from s4al_jax.ops.padding import Padding


class ConvConfig(NamedTuple):
    """What pretrained weights, the options of a model and the platform say about all its layers.

    A backbone that has no use for some of it, or for any of it, ignores that.
    """

    padding: Padding = "symmetric"
    """the padding convention of the weights"""
    norm_eps: float = 1e-5
    """what normalization adds to variances; again a convention of the weights"""
    norm_momentum: float = 0.9
    """share of the old running statistics that a training pass keeps"""
    frozen_statistics: bool = False
    """whether running statistics normalize in training, too, and stay as they are"""
    formulations: Formulations = Formulations()
    """how operations are computed on the platform; the numbers are the same"""
    matmul_dtype: Any = None
    """what matrix products round their factors to; None: they are of the type `dtype` already"""
    dtype: Any = jnp.float32
    """the type of activations; parameters and statistics are float32 whatever it is"""
