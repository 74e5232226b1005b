"""DeepLabv3+: what a backbone sees at several ranges, brought back to the size of the image."""

import functools
from collections.abc import Sequence
from typing import Any, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from s4al_jax.models.batch_norm import BatchNorm, Groups
from s4al_jax.models.decoder import Decoder
from s4al_jax.models.init import initial_variables
from s4al_jax.models.layers import Conv
from s4al_jax.ops.formulations import Formulations
from s4al_jax.ops.remat import recompute_the_rest
from s4al_jax.ops.resize import bilinear_align_corners, summed_in_bands
from s4al_jax.types import Array, InputError, Network, Prediction, Tree


class ConvNormReLU(nn.Module):
    """Convolution, batch normalization, ReLU, at stride 1."""

    features: int
    kernel_size: int = 1
    dilation: int = 1
    norm_eps: float = 1e-5
    norm_momentum: float = 0.9
    how: Formulations = Formulations()
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w c"], *, groups: Groups
    ) -> Float[jax.Array, "b h w c2"]:
        """The three in a row."""
        shape = (self.features, self.kernel_size, 1, self.dilation)
        x = Conv(*shape, "symmetric", self.how, self.dtype, name="conv")(x)
        eps, momentum = self.norm_eps, self.norm_momentum
        x = BatchNorm(eps, momentum, self.dtype, name="norm")(x, groups=groups)
        return jax.nn.relu(x)


class DeepLabV3Plus(nn.Module):
    """Normalized images in, a `Prediction` out: logits at full size, the decoder's input beside.

    `backbone(images, groups=...)` gives (low-level features, high-level features).
    """

    backbone: nn.Module
    num_classes: int
    aspp_channels: int = 256
    low_level_channels: int = 48
    rates: Sequence[int] = (6, 12, 18)
    dropout: float = 0.5
    norm_eps: float = 1e-5
    norm_momentum: float = 0.9
    how: Formulations = Formulations()
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w 3"], *, groups: Groups, full_size: bool = True
    ) -> Prediction:
        """Logits in float32, of the image's size unless they are to stay as coarse as they are."""
        size = (x.shape[1], x.shape[2])
        if min(self.aspp_channels, self.low_level_channels) < 1:
            raise InputError(
                f"the head's aspp_channels are {self.aspp_channels} and its low_level_channels "
                f"{self.low_level_channels}: give 1 or more"
            )
        low, high = self.backbone(x, groups=groups)
        seen = self._pyramid(high, groups=groups)
        low = self._layer("low", self.low_level_channels)(low, groups=groups)
        enlarged = bilinear_align_corners(
            seen, (low.shape[1], low.shape[2]), formulation=self.how.resize
        )
        features = jnp.concatenate([enlarged, low], axis=-1)
        decoder = Decoder(
            self.aspp_channels,
            self.how.decoding,
            self.how.convolution,
            self.how.factors,
            norm_eps=self.norm_eps,
            norm_momentum=self.norm_momentum,
            dtype=self.dtype,
            name="decode",
        )
        y = decoder(seen, low, features, groups=groups)
        classify = Conv(
            self.num_classes,
            kernel_size=1,
            stride=1,
            dilation=1,
            padding="symmetric",
            how=self.how,
            dtype=self.dtype,
            bias=True,
            name="classify",
        )
        y = classify(y).astype(jnp.float32)
        if full_size:
            y = bilinear_align_corners(y, size, formulation=self.how.resize)
        return Prediction(y, features)

    def _pyramid(
        self, x: Float[jax.Array, "b h w c"], *, groups: Groups
    ) -> Float[jax.Array, "b h w c2"]:
        """Atrous spatial pyramid pooling: each pixel, three rings around it, the whole image."""
        if min(self.rates, default=0) < 1 or not 0.0 <= self.dropout < 1.0:
            raise InputError(
                f"the head's rates are {tuple(self.rates)} and its dropout {self.dropout}: give "
                "rates from 1 and a dropout from 0 to below 1"
            )
        wide = self.aspp_channels
        seen = [self._layer("aspp_point", wide)(x, groups=groups)]
        seen += [self._layer(f"aspp_{r}", wide, 3, r)(x, groups=groups) for r in self.rates]
        mean = jnp.mean(x, axis=(1, 2), keepdims=True)
        mean = self._layer("aspp_image", wide)(mean, groups=groups)
        seen.append(jnp.broadcast_to(mean, (*x.shape[:3], wide)))
        y = self._layer("project", wide)(jnp.concatenate(seen, axis=-1), groups=groups)
        return nn.Dropout(self.dropout, deterministic=groups is None)(y)

    def _layer(
        self, name: str, features: int, kernel_size: int = 1, dilation: int = 1
    ) -> ConvNormReLU:
        return ConvNormReLU(
            features,
            kernel_size,
            dilation,
            norm_eps=self.norm_eps,
            norm_momentum=self.norm_momentum,
            how=self.how,
            dtype=self.dtype,
            name=name,
        )


def variable_shapes(model: nn.Module, image_size: tuple[int, int] = (32, 32)) -> Tree:
    """The tree of `model`'s variables, with shapes for arrays."""
    image = jax.ShapeDtypeStruct((1, *image_size, 3), jnp.float32)
    return jax.eval_shape(functools.partial(model.init, groups=None), jax.random.key(0), image)


def network(
    model: DeepLabV3Plus,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    image_size: tuple[int, int],
    initial: Tree | None = None,
    remat: bool = False,
    loss_bands: int = 1,
) -> Network:
    """Two pure functions around `model`; `initial` are the variables its backbone starts from.

    `mean` and `std` are those of the images (in 0..1) that `initial` was trained on. With `remat`,
    training computes what lies between convolutions twice instead of keeping it; with `loss_bands`
    it offers to sum over so many bands of rows instead of enlarging all logits at once.
    """
    shapes = variable_shapes(model, image_size)
    center = np.asarray(mean, np.float32).reshape(1, 1, 1, 3)
    spread = np.asarray(std, np.float32).reshape(1, 1, 1, 3)

    def init(key: Array) -> Tree:
        variables = initial_variables(shapes, key)
        if initial is None:
            return variables
        # Copies: the caller may donate what it gets, and call again.
        start = jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), initial)
        return {part: {**variables[part], "backbone": start[part]} for part in variables}

    def apply(
        variables: Tree,
        images: Array,
        *,
        train: bool,
        key: Array | None = None,
        groups: tuple[int, ...] | None = None,
        full_size: bool = True,
    ) -> tuple[Prediction, Tree]:
        x = (images - center) / spread
        if not train:
            prediction = cast(
                Prediction, model.apply(variables, x, groups=None, full_size=full_size)
            )
            return prediction, variables["batch_stats"]
        chance = {} if key is None else {"dropout": key}
        batches = groups or (len(images),)

        def passed(variables: Tree, x: Array, chance: dict[str, Array]) -> tuple[Prediction, Tree]:
            prediction, changed = model.apply(
                variables,
                x,
                groups=batches,
                full_size=full_size,
                mutable=["batch_stats"],
                rngs=chance,
            )
            return prediction, changed["batch_stats"]

        return (recompute_the_rest(passed) if remat else passed)(variables, x, chance)

    if loss_bands == 1:
        return Network(init, apply)
    summed = functools.partial(summed_in_bands, bands=loss_bands, formulation=model.how.resize)
    return Network(init, apply, summed)
