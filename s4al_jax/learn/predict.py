"""How a network is asked once it is trained: images as they lie on disk, running statistics."""

from collections.abc import Callable

import jax

from s4al_jax.learn.augment import unit_floats
from s4al_jax.types import Network, Prediction, Tree


def predict_with(network: Network) -> Callable[[Tree, jax.Array], Prediction]:
    """A function (variables, uint8 images) -> prediction."""

    def predict(variables: Tree, images: jax.Array) -> Prediction:
        return network.apply(variables, unit_floats(images), train=False, key=None)[0]

    return predict
