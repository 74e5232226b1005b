"""Prediction for images that belong to no run: what a network sees in them, and how sure it is."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from s4al_jax.acquisition.scores import entropy_share
from s4al_jax.engine import devices
from s4al_jax.input.source import padded
from s4al_jax.types import Prediction, Tree


class Seen(NamedTuple):
    """A few images as a network sees them, at the size that it was given them."""

    logits: np.ndarray
    """float32 `[images, height, width, classes]`"""
    uncertainty: np.ndarray
    """float32 `[images, height, width]`: entropy as a share of the largest that there can be"""


def predictor(
    predict: Callable[[Tree, jax.Array], Prediction], mesh: Mesh, *, batch: int
) -> Callable[[Tree, np.ndarray], Seen]:
    """A function (variables, uint8 images `[1 to batch, height, width, 3]`) -> what is seen."""

    def seen(variables: Tree, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits = predict(variables, images).logits
        return logits, entropy_share(logits)

    program = devices.compile_for(seen, mesh)

    def run(variables: Tree, images: np.ndarray) -> Seen:
        rows, valid = padded(np.arange(len(images)), batch)
        logits, unsure = program(variables, devices.shard(images[rows], mesh))
        return Seen(np.asarray(logits)[valid], np.asarray(unsure)[valid])

    return run
