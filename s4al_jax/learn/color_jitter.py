"""Brightness and contrast as torchvision's `ColorJitter` defines them, for a whole batch.

Images are floats in 0..1, of any number of bands; every factor belongs to one image. Hue and
saturation, which mean colors, are not changed.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float

GRAY = (0.2989, 0.587, 0.114)
"""How much of red, green and blue is in the gray that contrast is measured against."""


def brighter(
    image: Float[jax.Array, "b h w bands"], factor: Float[jax.Array, " b"]
) -> Float[jax.Array, "b h w bands"]:
    """The images with every value times `factor`, clipped to 0..1."""
    return jnp.clip(image * factor[:, None, None, None], 0.0, 1.0)


def mean_gray(image: Float[jax.Array, "b h w bands"]) -> Float[jax.Array, " b"]:
    """The mean of each image's gray version; of other than three bands, the mean of all."""
    if image.shape[-1] != 3:
        return image.mean((1, 2, 3))
    red, green, blue = jnp.unstack(image.mean((1, 2)), axis=-1)
    return GRAY[0] * red + GRAY[1] * green + GRAY[2] * blue


def adjust_contrast(
    image: Float[jax.Array, "b h w bands"], factor: Float[jax.Array, " b"]
) -> Float[jax.Array, "b h w bands"]:
    """The images moved away from (factor above 1) or towards (below 1) their mean gray."""
    factor, gray = factor[:, None, None, None], mean_gray(image)[:, None, None, None]
    return jnp.clip(factor * image + (1.0 - factor) * gray, 0.0, 1.0)


def color_jitter(
    key: jax.Array,
    image: Float[jax.Array, "b h w bands"],
    *,
    probability: float,
    brightness: tuple[float, float],
    contrast: tuple[float, float],
) -> Float[jax.Array, "b h w bands"]:
    """Images changed, each with `probability`, by both operations in an order of chance."""
    # one draw for all four: every draw takes time to compile
    chosen, order, light, depth = jax.random.uniform(key, (4, image.shape[0]))
    by = brightness[0] + (brightness[1] - brightness[0]) * light
    to = contrast[0] + (contrast[1] - contrast[0]) * depth
    light_first = adjust_contrast(brighter(image, by), to)
    depth_first = brighter(adjust_contrast(image, to), by)
    changed = jnp.where((order < 0.5)[:, None, None, None], light_first, depth_first)
    return jnp.where((chosen < probability)[:, None, None, None], changed, image)
