"""Makes a `Network` of a Flax module, whatever its architecture is."""

import functools
from collections.abc import Callable, Mapping, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from s4al_jax.models.init import initializer
from s4al_jax.ops import resize
from s4al_jax.ops.remat import remat as remat_unsaved
from s4al_jax.types import Array, Network, Prediction, Tree


def network_from_module(
    model: nn.Module,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    image_size: tuple[int, int],
    initial: Tree | None = None,
    remat: bool = False,
    loss_bands: int = 1,
    resize_formulation: resize.Formulation = "gather",
    logits_size: Callable[[tuple[int, int]], tuple[int, int]] = lambda size: size,
) -> Network:
    """The pure functions `init` and `apply` of a Flax module.

    Args:
      model: a head with its `backbone`; `docs/adding.md` says what it is called with and gives.
        What it can give in `Prediction.extras` is named in its attribute `offers`, if it has one.
      mean: of each band of the images (in 0..1) that the weights were trained on.
      std: the standard deviation of each.
      image_size: height and width; only initial variables may depend on it.
      initial: the variables that the backbone starts from; None: its initializers' values.
      remat: whether training recomputes what lies between convolutions instead of keeping it.
      loss_bands: above 1, the network offers `summed`, which resizes logits in so many bands of
        rows, one after the other.
      resize_formulation: how logits are resized.
      logits_size: height and width of images -> those of their labels, where these are others.
    """
    offered: tuple[str, ...] = tuple(getattr(model, "offers", ()))
    image = jax.ShapeDtypeStruct((1, *image_size, len(mean)), jnp.float32)
    # With all extras, so that the variables of the layers that compute them are there.
    fresh = initializer(model, image, groups=None, extras=offered)
    center = np.asarray(mean, np.float32).reshape(1, 1, 1, -1)
    spread = np.asarray(std, np.float32).reshape(1, 1, 1, -1)

    def init(key: Array) -> Tree:
        return _with_backbone(fresh(key), initial or {})

    def apply(
        variables: Tree,
        images: Array,
        *,
        train: bool,
        rngs: Mapping[str, Array] | None = None,
        groups: tuple[int, ...] | None = None,
        full_size: bool = True,
        extras: tuple[str, ...] = (),
    ) -> tuple[Prediction, Tree]:
        network.require(extras)
        statistics = {name: tree for name, tree in variables.items() if name != "params"}
        batches = (groups or (len(images),)) if train else None
        size = logits_size((images.shape[1], images.shape[2]))

        def forward(variables: Tree, x: Array, rngs: dict[str, Array]) -> tuple[Prediction, Tree]:
            prediction, changed = model.apply(
                variables,
                x,
                groups=batches,
                extras=extras,
                mutable=list(statistics) if train else [],
                rngs=rngs,
            )
            if full_size and prediction.logits.shape[1:3] != size:
                logits = resize.bilinear_align_corners(
                    prediction.logits, size, formulation=resize_formulation
                )
                prediction = prediction._replace(logits=logits)
            return prediction, changed

        x = (images - center) / spread
        run = remat_unsaved(forward) if remat and train else forward
        prediction, changed = run(variables, x, dict(rngs or {}))
        return prediction, {**statistics, **changed}

    bands = functools.partial(resize.sum_in_bands, bands=loss_bands, formulation=resize_formulation)
    network = Network(init, apply, bands if loss_bands > 1 else None, offered)
    return network


def _with_backbone(variables: Tree, initial: Tree) -> Tree:
    """The variables, with the collections of `initial` as those of the backbone."""
    # Copies: the caller may donate what it gets, and call again.
    copies = jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), initial)
    started = {name: {**variables[name], "backbone": copies[name]} for name in initial}
    return {**variables, **started}
