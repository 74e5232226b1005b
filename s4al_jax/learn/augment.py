"""Random views of a batch: rescale, crop, flip and color, alike for image and what is known of it.

Parameters are drawn once for each image and applied to the image, its label map and, where there
is one, the map of confidences. What lies outside a rescaled picture is mirrored in the image,
`VOID` in the label map and 0 in the confidence.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Int, Shaped

from s4al_jax.learn.color_jitter import color_jitter
from s4al_jax.types import VOID, Batch, InputError


class View(NamedTuple):
    """A batch as a network sees it, with the labels that go with its pixels."""

    image: jax.Array
    """float32 `[batch, height, width, channels]` in 0..1"""
    label: jax.Array
    """uint8 `[batch, height, width]`"""
    confidence: Any = None
    """float32 `[batch, height, width]`: how sure the teacher is; None where labels are true"""


class Crop(NamedTuple):
    """For each image: the size it is rescaled to, and where the crop's corner lies in that.

    A negative `top` or `left` puts a picture smaller than the crop inside it.
    """

    rows: jax.Array
    cols: jax.Array
    top: jax.Array
    left: jax.Array


class _Line(NamedTuple):
    """Along one axis, `[batch, length]`: where each pixel of the crop comes from."""

    low: jax.Array
    high: jax.Array
    weight: jax.Array
    nearest: jax.Array
    inside: jax.Array


def _require_strengths(ranges: dict[str, tuple[float, float]], chances: dict[str, float]) -> None:
    """Refuse strengths that make no sense, naming the option."""
    for name, (low, high) in ranges.items():
        if not 0.0 < low <= high:
            raise InputError(
                f"{name} is ({low}, {high}): give a lowest and a highest factor above 0"
            )
    for name, chance in chances.items():
        if not 0.0 <= chance <= 1.0:
            raise InputError(f"{name} is {chance}: give a probability from 0 to 1")


def unit_floats(image: Shaped[jax.Array, "b h w bands"]) -> Float[jax.Array, "b h w bands"]:
    """Images of 0..255 as float32 in 0..1; features of a frozen backbone keep their values."""
    if image.dtype == jnp.float16:
        return image.astype(jnp.float32)
    return image.astype(jnp.float32) / 255.0


def plain_view(batch: Batch) -> View:
    """A batch as it is, in floats; rows that only pad it are void."""
    label = jnp.where(batch.valid[:, None, None], batch.label, jnp.uint8(VOID))
    return View(unit_floats(batch.image), label)


def _place(
    length: int, wanted: int, scale: Float[jax.Array, " b"], share: Float[jax.Array, " b"]
) -> tuple[Int[jax.Array, " b"], Int[jax.Array, " b"]]:
    """The size of a rescaled axis, and the corner at `share` of 0..1 of all where `wanted` fits."""
    size = jnp.maximum(jnp.floor(scale * length), 1.0).astype(jnp.int32)
    spare = size - wanted
    furthest = jnp.abs(spare)
    steps = jnp.floor(share * (furthest + 1).astype(jnp.float32)).astype(jnp.int32)
    return size, jnp.sign(spare) * jnp.minimum(steps, furthest)


def random_crop(
    key: jax.Array,
    *,
    batch: int,
    old: tuple[int, int],
    new: tuple[int, int],
    scale_range: tuple[float, float],
) -> Crop:
    """For each image a uniform scale within the range, then a uniform place for the crop.

    `old` is the height and width of the images, `new` that of the crop.
    """
    low, high = scale_range
    # one draw for all three: every draw takes time to compile
    size, down, across = jax.random.uniform(key, (3, batch))
    scale = low + (high - low) * size
    rows, top = _place(old[0], new[0], scale, down)
    cols, left = _place(old[1], new[1], scale, across)
    return Crop(rows, cols, top, left)


def _reflect(place: Int[jax.Array, "b n"], size: Int[jax.Array, "b 1"]) -> Int[jax.Array, "b n"]:
    """Places outside 0..size-1 reflected back, as often as it takes; edges are not repeated."""
    period = jnp.maximum(2 * (size - 1), 1)
    folded = jnp.mod(place, period)
    return jnp.where(folded >= size, period - folded, folded)


def _line(
    length: int, wanted: int, size: Int[jax.Array, " b"], corner: Int[jax.Array, " b"]
) -> _Line:
    """How `wanted` pixels are read from `corner` on of an axis of `length`, rescaled to `size`."""
    size = size[:, None]
    place = jnp.arange(wanted, dtype=jnp.int32)[None, :] + corner[:, None]
    inside = (place >= 0) & (place < size)
    # pixel centers lie at halves: all in whole numbers, so that no scale drifts by rounding
    doubled = (2 * _reflect(place, size) + 1) * length
    exact = (doubled - size).astype(jnp.float32) / (2 * size).astype(jnp.float32)
    exact = jnp.clip(exact, 0.0, length - 1.0)
    low = jnp.floor(exact).astype(jnp.int32)
    high = jnp.minimum(low + 1, length - 1)
    return _Line(low, high, exact - low.astype(jnp.float32), doubled // (2 * size), inside)


def _rows(x: jax.Array, index: Int[jax.Array, "b n"]) -> jax.Array:
    return jax.vmap(lambda image, rows: jnp.take(image, rows, axis=0, mode="clip"))(x, index)


def _cols(x: jax.Array, index: Int[jax.Array, "b n"]) -> jax.Array:
    return jax.vmap(lambda image, cols: jnp.take(image, cols, axis=1, mode="clip"))(x, index)


def _bilinear(
    image: Float[jax.Array, "b h w bands"], y: _Line, x: _Line
) -> Float[jax.Array, "b h2 w2 bands"]:
    down, across = y.weight[:, :, None, None], x.weight[:, None, :, None]
    tall = _rows(image, y.low) * (1.0 - down) + _rows(image, y.high) * down
    return _cols(tall, x.low) * (1.0 - across) + _cols(tall, x.high) * across


def _nearest(values: jax.Array, y: _Line, x: _Line, *, outside: int) -> jax.Array:
    inside: Bool[jax.Array, "b h w"] = y.inside[:, :, None] & x.inside[:, None, :]
    read = _cols(_rows(values, y.nearest), x.nearest)
    return jnp.where(inside, read, jnp.asarray(outside, values.dtype))


def crop_view(view: View, crop: Crop, new: tuple[int, int]) -> View:
    """The view rescaled and cropped to the size `new`: image bilinear, the maps nearest."""
    _, height, width, _ = view.image.shape
    y = _line(height, new[0], crop.rows, crop.top)
    x = _line(width, new[1], crop.cols, crop.left)
    confidence = view.confidence
    return View(
        image=_bilinear(view.image, y, x),
        label=_nearest(view.label, y, x, outside=VOID),
        confidence=None if confidence is None else _nearest(confidence, y, x, outside=0),
    )


def random_rescale(
    key: jax.Array, view: View, *, scale_range: tuple[float, float], size: tuple[int, int] = (0, 0)
) -> View:
    """A random rescale and a random crop of `size`, for each image its own; 0: of its old size."""
    return crop_view(view, *_draw_crop(key, view, scale_range, size))


def random_rescale_pairs(
    key: jax.Array, view: View, *, scale_range: tuple[float, float], size: tuple[int, int] = (0, 0)
) -> tuple[View, View]:
    """As `random_rescale`, and beside each image the one before it in the batch.

    Beside the first one is the last.

    Images are moved before they are cropped: after it, XLA does both in one loop over pixels that
    is twenty times slower on a CPU.
    """
    crop, new = _draw_crop(key, view, scale_range, size)
    moved_view, moved_crop = jax.tree.map(lambda x: jnp.roll(x, 1, axis=0), (view, crop))
    return crop_view(view, crop, new), crop_view(moved_view, moved_crop, new)


def _draw_crop(
    key: jax.Array, view: View, scale_range: tuple[float, float], size: tuple[int, int]
) -> tuple[Crop, tuple[int, int]]:
    batch, height, width, _ = view.image.shape
    new = (size[0] or height, size[1] or width)
    crop = random_crop(key, batch=batch, old=(height, width), new=new, scale_range=scale_range)
    return crop, new


def mirror(view: View, on: Bool[jax.Array, " b"]) -> View:
    """The images that are `on` with left and right exchanged."""
    # by index: fused with a crop, a choice between two arrays makes XLA gather everything twice
    straight = jnp.arange(view.image.shape[2], dtype=jnp.int32)[None, :]
    index = jnp.where(on[:, None], straight[:, ::-1], straight)
    return jax.tree.map(lambda values: _cols(values, index), view)


def random_flip(key: jax.Array, view: View, *, probability: float) -> View:
    """Each image mirrored with `probability`."""
    return mirror(view, jax.random.bernoulli(key, probability, view.image.shape[:1]))


class Augmentation(NamedTuple):
    """The random views of one strength, each a function `(key, view) -> view`."""

    labeled: Callable[[jax.Array, View], View]
    """rescale and crop, color jitter, flip: what the student sees of labeled images"""
    weak: Callable[[jax.Array, View], View]
    """rescale and crop, flip: what the teacher sees"""
    beside: Callable[[jax.Array, View], tuple[View, View]]
    """rescale and crop, of each image and of the one before it: two views that are then mixed"""
    colored: Callable[[jax.Array, View], View]
    """color jitter, flip: the last part of a strong view, after images are mixed"""


def augmentation(
    *,
    scale_range: tuple[float, float],
    jitter_probability: float,
    brightness: tuple[float, float],
    contrast: tuple[float, float],
    flip_probability: float,
    crop_height: int = 0,
    crop_width: int = 0,
) -> Augmentation:
    """The views of these strengths; factors are drawn uniformly between lowest and highest.

    Views have the size of the crop; 0 is the image's own.
    """
    if min(crop_height, crop_width) < 0:
        raise InputError(
            f"crop_height and crop_width are {crop_height} and {crop_width}: give pixels, or 0 for "
            "the size of the images"
        )
    _require_strengths(
        {"scale_range": scale_range, "brightness": brightness, "contrast": contrast},
        {"jitter_probability": jitter_probability, "flip_probability": flip_probability},
    )
    size = (crop_height, crop_width)
    scale = partial(random_rescale, scale_range=scale_range, size=size)
    beside = partial(random_rescale_pairs, scale_range=scale_range, size=size)
    flip = partial(random_flip, probability=flip_probability)
    color = partial(
        color_jitter, probability=jitter_probability, brightness=brightness, contrast=contrast
    )

    def weak(key: jax.Array, view: View) -> View:
        scale_key, flip_key = jax.random.split(key)
        return flip(flip_key, scale(scale_key, view))

    def augment_color(key: jax.Array, view: View) -> View:
        color_key, flip_key = jax.random.split(key)
        return flip(flip_key, view._replace(image=color(color_key, view.image)))

    def augment_labeled(key: jax.Array, view: View) -> View:
        scale_key, color_key = jax.random.split(key)
        return augment_color(color_key, scale(scale_key, view))

    return Augmentation(augment_labeled, weak, beside, augment_color)
