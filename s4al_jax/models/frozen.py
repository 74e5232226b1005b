"""A backbone that is not trained: run once over an image, its features kept for the head."""

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Float16, UInt8

from s4al_jax.learn.augment import unit_floats
from s4al_jax.learn.features import Layout, pack, unpack
from s4al_jax.models.batch_norm import Groups
from s4al_jax.models.weights import Weights
from s4al_jax.types import Array, InputError, Network, Prediction, Tree


class KeptFeatures(nn.Module):
    """Stands in the place of a backbone, and takes its features instead of images."""

    layout: Layout

    def __call__(
        self, x: Float[jax.Array, "b rows cols channels"], *, groups: Groups
    ) -> tuple[Float[jax.Array, "b ..."], ...]:
        """The backbone's maps, finest first."""
        del groups
        return unpack(x, self.layout)


def without_mirrored(network: Network, channels: int) -> Network:
    """The network of features that leaves the channels of mirrored images aside."""

    def apply(variables: Tree, images: Array, **options: Any) -> tuple[Prediction, Tree]:
        if images.shape[-1] not in (channels, 2 * channels):
            raise InputError(
                f"the network was trained on features of {channels} channels (config.model.frozen) "
                f"and is given images of {images.shape[-1]}: use the network that s4al export "
                "writes, which has its backbone"
            )
        return network.apply(variables, images[..., :channels], **options)

    return network._replace(apply=apply)


class FrozenBackbone(NamedTuple):
    """What makes features of images, and what they are features of."""

    layout: Layout
    variables: Tree
    """of the backbone, numpy's"""
    features: Callable[[Tree, jax.Array], jax.Array]
    """(variables, uint8 images) -> float16 `[batch, rows, cols, layout.channels]`"""
    fingerprint: str
    """another one where features would be others"""

    @property
    def row_shape(self) -> tuple[int, int, int]:
        """Of the features of an image of the pool, those of its mirrored copy beside them."""
        rows, cols = self.layout.grid
        return rows, cols, 2 * self.layout.channels

    def whole(self, head: Tree) -> Tree:
        """The variables of the network that a head and this backbone are together."""
        parts = {**head, **self.variables}
        return {
            name: {
                **head.get(name, {}),
                **({"backbone": self.variables[name]} if name in self.variables else {}),
            }
            for name in parts
        }


def frozen_backbone(
    module: nn.Module,
    variables: Tree,
    conventions: Weights,
    *,
    image_size: tuple[int, int],
    means: str,
) -> FrozenBackbone:
    """A backbone with its trained variables, whose running statistics normalize.

    Args:
      module: the backbone.
      variables: its parameters and statistics.
      conventions: how it wants its images.
      image_size: height and width of the images.
      means: whatever else its features depend on, for the fingerprint.
    """
    center = np.asarray(conventions.mean, np.float32).reshape(1, 1, 1, -1)
    spread = np.asarray(conventions.std, np.float32).reshape(1, 1, 1, -1)

    def maps(variables: Tree, images: jax.Array) -> tuple[jax.Array, ...]:
        given: Any = module.apply(variables, (unit_floats(images) - center) / spread, groups=None)
        return tuple(given)

    one = jax.ShapeDtypeStruct((1, *image_size, center.shape[-1]), jnp.uint8)
    shapes = [leaf.shape[1:] for leaf in jax.eval_shape(maps, variables, one)]
    layout = Layout(image_size, tuple((rows, cols, deep) for rows, cols, deep in shapes))

    def features(
        variables: Tree, images: UInt8[jax.Array, "b h w bands"]
    ) -> Float16[jax.Array, "b rows cols channels"]:
        return pack(maps(variables, images), layout)

    said = f"{means} {layout} {conventions.mean} {conventions.std} {conventions.padding}"
    digest = hashlib.sha256(f"{said} {conventions.norm_eps}".encode())
    for path, leaf in jax.tree_util.tree_flatten_with_path(variables)[0]:
        digest.update(jax.tree_util.keystr(path).encode())
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return FrozenBackbone(layout, variables, features, digest.hexdigest())
