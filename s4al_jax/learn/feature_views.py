"""Random views of a frozen backbone's features: flip and crop, and how classes are pasted.

Colors and scales are in the features already: `feature_augmentation` refuses to change them. What
is drawn for an image is applied to its features, its label map and its confidence alike.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Int

from s4al_jax.learn.augment import Augmentation, View
from s4al_jax.learn.features import Layout, mirrored_first
from s4al_jax.types import InputError

NEUTRAL: Mapping[str, Any] = {"scale_range": (1.0, 1.0), "jitter_probability": 0.0}
"""Options of `learn.augment.augmentation` that features do not allow, and what to set instead."""


def feature_augmentation(layout: Layout, options: Mapping[str, Any]) -> Augmentation:
    """The views of these strengths, as `learn.augment.augmentation` makes them of images.

    Args:
      layout: of the features.
      options: the arguments of `learn.augment.augmentation`, which has checked them.
    """
    for name, neutral in NEUTRAL.items():
        value = options[name]
        if (tuple(value) if isinstance(neutral, tuple) else value) != neutral:
            given = str(neutral).replace(" ", "")
            raise InputError(
                f"config.augment.{name} is {value}, but the features of a frozen backbone cannot "
                f"be changed so: set --config.augment.{name}={given}, or "
                "--config.model.frozen= to train the backbone"
            )
    cells = _crop_cells(layout, options["crop_height"], options["crop_width"])
    crop = partial(_random_crop, layout=layout, cells=cells)
    flip = partial(_random_flip, probability=options["flip_probability"])

    def augment(key: jax.Array, view: View) -> View:
        crop_key, flip_key = jax.random.split(key)
        return flip(flip_key, crop(crop_key, view))

    def beside(key: jax.Array, view: View) -> tuple[View, View]:
        cropped = crop(key, view)
        return cropped, jax.tree.map(lambda leaf: jnp.roll(leaf, 1, axis=0), cropped)

    return Augmentation(augment, augment, beside, flip)


def _crop_cells(layout: Layout, height: int, width: int) -> tuple[int, int]:
    """Rows and columns of cells of a crop; 0 pixels are all there are."""
    found = []
    sides = zip(("height", "width"), (height, width), layout.image, layout.grid, strict=True)
    for side, wanted, pixels, cells in sides:
        wanted = wanted or pixels
        if wanted != pixels and (pixels % cells or wanted % (pixels // cells)):
            fits = "0" if pixels % cells else f"a multiple of {pixels // cells}, or 0"
            raise InputError(
                f"config.augment.crop_{side} is {wanted}, but the features of a frozen backbone "
                f"are {cells} cells for {pixels} pixels: set --config.augment.crop_{side} to {fits}"
            )
        found.append(wanted * cells // pixels)
    return found[0], found[1]


def _random_flip(key: jax.Array, view: View, *, probability: float) -> View:
    return mirror_features(view, jax.random.bernoulli(key, probability, view.image.shape[:1]))


def mirror_features(view: View, on: Bool[jax.Array, " b"]) -> View:
    """Where `on`, the view of the mirrored image."""
    image = jnp.where(on[:, None, None, None], mirrored_first(view.image), view.image)

    def mirror(values: jax.Array) -> jax.Array:
        return jnp.where(on[:, None, None], values[:, :, ::-1], values)

    label, confidence = jax.tree.map(mirror, (view.label, view.confidence))
    return View(image, label, confidence)


def _random_crop(key: jax.Array, view: View, *, layout: Layout, cells: tuple[int, int]) -> View:
    batch, rows, cols, _ = view.image.shape
    if (rows, cols) == cells:
        return view
    spare = jnp.array([[rows - cells[0] + 1, cols - cells[1] + 1]])
    corner = jax.random.randint(key, (batch, 2), 0, spare)
    return crop_features(view, corner, layout, cells)


def crop_features(
    view: View, corner: Int[jax.Array, "b 2"], layout: Layout, cells: tuple[int, int]
) -> View:
    """Of each view so many rows and columns of cells, from its corner (row, column) on."""
    cols, half = view.image.shape[2], view.image.shape[-1] // 2
    # The mirrored image has the crop as far from its right edge.
    other = jnp.stack([corner[:, 0], cols - cells[1] - corner[:, 1]], axis=1)
    halves = [
        _slices(view.image[..., :half], corner, cells),
        _slices(view.image[..., half:], other, cells),
    ]
    scale = [pixels // cell for pixels, cell in zip(layout.image, layout.grid, strict=True)]
    size = (cells[0] * scale[0], cells[1] * scale[1])
    label, confidence = jax.tree.map(
        lambda values: _slices(values, corner * jnp.array([scale]), size),
        (view.label, view.confidence),
    )
    return View(jnp.concatenate(halves, axis=-1), label, confidence)


def _slices(values: jax.Array, corner: Int[jax.Array, "b 2"], size: tuple[int, int]) -> jax.Array:
    def cut(one: jax.Array, place: jax.Array) -> jax.Array:
        rest = one.shape[2:]
        starts = [place[0], place[1], *[jnp.zeros_like(place[0])] * len(rest)]
        return jax.lax.dynamic_slice(one, starts, (*size, *rest))

    return jax.vmap(cut)(values, corner)


def paste_cells(mask: Bool[jax.Array, "b h w"], source: View, target: View) -> View:
    """`source` in the cells of which the mask covers half or more, else `target`.

    Cells are pasted whole, with the labels of their pixels: a view is at no place labeled as what
    its features are not.
    """
    rows, cols = source.image.shape[1:3]
    cell = _majority(mask, rows, cols)
    pixels = _of_pixels(cell, mask.shape[1], mask.shape[2])
    there = _majority(pixels[:, :, ::-1], rows, cols)
    half = source.image.shape[-1] // 2
    image = [
        jnp.where(on[..., None], source.image[..., part], target.image[..., part])
        for on, part in ((cell, slice(None, half)), (there, slice(half, None)))
    ]
    label, confidence = jax.tree.map(
        lambda new, old: jnp.where(pixels, new, old),
        (source.label, source.confidence),
        (target.label, target.confidence),
    )
    return View(jnp.concatenate(image, axis=-1), label, confidence)


def _cells_of(length: int, cells: int) -> Int[jax.Array, " n"]:
    """In which cell each pixel of an axis lies."""
    return jnp.arange(length) * cells // length


def _majority(mask: Bool[jax.Array, "b h w"], rows: int, cols: int) -> Bool[jax.Array, "b r c"]:
    down = jax.nn.one_hot(_cells_of(mask.shape[1], rows), rows)
    across = jax.nn.one_hot(_cells_of(mask.shape[2], cols), cols)
    on: Float[jax.Array, "b r c"] = jnp.einsum(
        "bhw,hr,wc->brc", mask.astype(jnp.float32), down, across, precision="highest"
    )
    return 2 * on >= down.sum(0)[None, :, None] * across.sum(0)[None, None, :]


def _of_pixels(cell: Bool[jax.Array, "b r c"], height: int, width: int) -> Bool[jax.Array, "b h w"]:
    down, across = _cells_of(height, cell.shape[1]), _cells_of(width, cell.shape[2])
    return cell[:, down][:, :, across]
