"""How a trained network is used: images as they lie on disk, running statistics."""

from collections.abc import Callable, Mapping

import jax

from s4al_jax.learn.augment import unit_floats
from s4al_jax.types import Network, Prediction, Tree


def predict_with(network: Network) -> Callable[..., Prediction]:
    """A function (variables, uint8 images, *, extras=()) -> prediction."""

    def predict(variables: Tree, images: jax.Array, *, extras: tuple[str, ...] = ()) -> Prediction:
        return network.apply(variables, unit_floats(images), train=False, extras=extras)[0]

    return predict


def sample_with(network: Network) -> Callable[..., Prediction]:
    """A function (variables, uint8 images, rngs, *, extras=()) -> prediction with units dropped.

    The statistics are the running ones, as Monte Carlo dropout wants it.
    """

    def sample(
        variables: Tree,
        images: jax.Array,
        rngs: Mapping[str, jax.Array],
        *,
        extras: tuple[str, ...] = (),
    ) -> Prediction:
        floats = unit_floats(images)
        return network.apply(variables, floats, train=False, rngs=rngs, extras=extras)[0]

    return sample
