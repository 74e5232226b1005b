"""How surfaces look: value noise, walls with windows, fences, hedges and posters, in meters.

A look is a function of places on an upright surface, `s` meters along it and `y` meters above its
foot, so the same wall can stand near or far. It says which color is there and whether there is
anything at all, which is how a railing shows what is behind it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

TILE = 256


class Patch(NamedTuple):
    """Places on a surface: flat float32 arrays of one length."""

    s: np.ndarray
    """meters along the surface"""
    y: np.ndarray
    """meters above its foot"""
    px: np.ndarray
    """pixels a meter has here: fine patterns fade before they flicker"""


class Paint(NamedTuple):
    """What is there: colors `[n, 3]` and how much of the background they hide, `[n]`."""

    rgb: np.ndarray
    cover: np.ndarray


Look = Callable[[Patch], Paint]


Color = np.ndarray


def color(red: float, green: float, blue: float) -> Color:
    """A color from three numbers in 0..1 (above 1 it shines)."""
    return np.array([red, green, blue], np.float32)


def shade_of(rng: np.random.Generator, *choices: tuple[float, float, float]) -> Color:
    """One of the choices, with a brightness and a tint of its own."""
    draw = rng.random(5, np.float32)
    base = np.array(choices[int(draw[0] * len(choices))], np.float32)
    tinted = base * (0.75 + 0.5 * draw[1]) * (0.87 + 0.26 * draw[2:])
    return np.minimum(np.maximum(tinted, np.float32(0.02)), np.float32(1))


def smooth_tile(rng: np.random.Generator) -> np.ndarray:
    """Value noise in 0..1 that repeats without a seam: random grids, enlarged and added up."""
    total = np.zeros((TILE, TILE), np.float32)
    for cells, weight in ((4, 0.25), (10, 0.3), (24, 0.25), (64, 0.2)):
        grid = rng.random((cells, cells), np.float32)
        total += weight * _enlarge(_enlarge(grid, TILE).T, TILE).T
    low = total.min()
    return (total - low) / (total.max() - low)


def grainy(rng: np.random.Generator, smooth: np.ndarray) -> np.ndarray:
    """Smooth noise with a grain of single cells."""
    return np.float32(0.72) * smooth + np.float32(0.28) * rng.random(smooth.shape, np.float32)


def _enlarge(grid: np.ndarray, rows: int) -> np.ndarray:
    place = np.arange(rows, dtype=np.float32) * (len(grid) / rows)
    low = place.astype(np.int32)
    part = (place - low)[:, None]
    return grid[low] * (1 - part) + grid[(low + 1) % len(grid)] * part


def grain(tile: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The noise at places counted in cells of the tile."""
    flat = (v.astype(np.int32) & (TILE - 1)) * TILE + (u.astype(np.int32) & (TILE - 1))
    return tile.ravel()[flat]


def visible(px: np.ndarray, period: float) -> np.ndarray:
    """1 where a pattern of that period in meters spans six pixels, 0 where it spans two."""
    return np.clip(px * (period / 4) - 0.5, 0, 1)


def flat(patch: Patch, paint: Color) -> np.ndarray:
    """One color everywhere, as an array to paint on."""
    return np.broadcast_to(paint, (len(patch.s), 3)).astype(np.float32)


def bricks(s: np.ndarray, y: np.ndarray, *, long: float, high: float, joint: float) -> np.ndarray:
    """True on the joints between bricks laid with half a brick's offset."""
    course = np.floor(y / high)
    along = s / long + 0.5 * (course % 2)
    return ((y / high - course) * high < joint) | ((along - np.floor(along)) * long < joint)


def _masonry(rng: np.random.Generator, tile: np.ndarray) -> Callable[[Patch], np.ndarray]:
    red = [(0.55, 0.27, 0.2), (0.45, 0.22, 0.2), (0.62, 0.4, 0.3)]
    pale = [(0.72, 0.66, 0.52), (0.5, 0.48, 0.45), (0.36, 0.3, 0.28)]
    wall = shade_of(rng, *(red if rng.random() < 0.6 else pale))
    mortar = np.clip(wall * 0.5 + rng.uniform(0.1, 0.4), 0, 1).astype(np.float32)
    high = float(rng.choice([0.22, 0.3, 0.45]))
    long = high * rng.uniform(2, 3)

    def masonry(patch: Patch) -> np.ndarray:
        stone = grain(tile, np.floor(patch.s / long) * 37, np.floor(patch.y / high) * 11)
        joints = bricks(patch.s, patch.y, long=long, high=high, joint=high * 0.22)
        fade = visible(patch.px, high)
        rgb = flat(patch, wall) * (1 + (stone - 0.5) * 0.7 * fade)[:, None]
        return rgb + (joints * fade * 0.7)[:, None] * (mortar - rgb)

    return masonry


def _plaster(rng: np.random.Generator, tile: np.ndarray) -> Callable[[Patch], np.ndarray]:
    wall = shade_of(
        rng,
        *[(0.85, 0.82, 0.75), (0.8, 0.7, 0.45), (0.6, 0.6, 0.6), (0.45, 0.47, 0.5)],
        *[(0.55, 0.68, 0.5), (0.35, 0.45, 0.3), (0.75, 0.55, 0.5), (0.5, 0.62, 0.75)],
    )
    stain = rng.uniform(0.1, 0.5)

    def plaster(patch: Patch) -> np.ndarray:
        dirt = grain(tile, patch.s * 14, patch.y * 5) - 0.5
        return flat(patch, wall) * (1 + dirt * stain)[:, None]

    return plaster


def _cladding(rng: np.random.Generator, tile: np.ndarray) -> Callable[[Patch], np.ndarray]:
    wall = shade_of(rng, (0.5, 0.52, 0.55), (0.35, 0.4, 0.45), (0.7, 0.7, 0.68), (0.4, 0.3, 0.25))
    wide, high = rng.uniform(0.3, 2), rng.uniform(0.25, 1.2)

    def cladding(patch: Patch) -> np.ndarray:
        board = grain(tile, np.floor(patch.s / wide) * 13, np.floor(patch.y / high) * 7) - 0.5
        seam = ((patch.y / high) % 1 < 0.1) | ((patch.s / wide) % 1 < 0.06)
        fade = visible(patch.px, high)
        return flat(patch, wall) * (1 + fade * (board * 0.35 - seam * 0.3))[:, None]

    return cladding


def wall_surface(rng: np.random.Generator, tile: np.ndarray) -> Callable[[Patch], np.ndarray]:
    """What a wall is made of, without windows: brick or stone, plaster, or panels."""
    return (_masonry, _plaster, _cladding)[rng.choice(3, p=[0.45, 0.35, 0.2])](rng, tile)


def fence(rng: np.random.Generator, *, height: float) -> Look:
    """Railings, pickets, boards or wire: posts and bars, nothing between them."""
    paint = shade_of(
        rng,
        *[(0.12, 0.13, 0.13), (0.1, 0.28, 0.18), (0.75, 0.75, 0.72), (0.5, 0.5, 0.52)],
        *[(0.42, 0.3, 0.2), (0.3, 0.24, 0.2), (0.6, 0.55, 0.2)],
    )
    period = float(rng.choice([0.28, 0.36, 0.5, 0.7]))
    bar = period * rng.uniform(0.35, 0.6)
    rails = rng.uniform(0.1, 0.2)
    crossed = rng.random() < 0.25
    mid = rng.random() < 0.5

    def look(patch: Patch) -> Paint:
        s, y, px = patch
        upright = s % period < np.maximum(bar, 0.9 / px)
        if crossed:
            upright = ((s + y) % period < bar * 0.6) | ((s - y) % period < bar * 0.6)
        thick = np.maximum(rails, 0.8 / px)
        rail = (np.abs(y - height * 0.9) < thick / 2) | (np.abs(y - 0.2) < thick / 2)
        rail |= mid & (np.abs(y - height * 0.55) < thick / 2)
        post = (s % 2.4) < np.maximum(0.16, 1 / px)
        tip = height - 0.12 * (s % period > bar / 2)
        solid = ((upright & (y < tip)) | rail | post).astype(np.float32)
        blurred = px * period < 2.5
        cover = np.where(blurred, np.maximum(solid, 0.7), solid)
        return Paint(flat(patch, paint) * (0.85 + 0.3 * post)[:, None], cover)

    return look


_GREENS = ((0.2, 0.32, 0.12), (0.13, 0.24, 0.12), (0.3, 0.4, 0.15), (0.24, 0.3, 0.2))


_AUTUMN = ((0.4, 0.38, 0.14), (0.55, 0.35, 0.12), (0.5, 0.22, 0.14), (0.65, 0.45, 0.5))


def leaves(rng: np.random.Generator) -> Color:
    """The color of a tree's foliage: mostly greens, sometimes autumn or blossom."""
    return shade_of(rng, *(_GREENS if rng.random() < 0.7 else _AUTUMN))


def foliage(tile: np.ndarray, patch: Patch, paint: Color, *, scale: float) -> np.ndarray:
    """Leaves: clumps in light and shade."""
    clumps = grain(tile, patch.s * 14 * scale, patch.y * 14 * scale)
    fine = grain(tile, patch.s * 55 * scale + 90, patch.y * 55 * scale)
    return paint * (0.25 + 0.9 * clumps + 0.6 * fine)[:, None]


def hedge(rng: np.random.Generator, tile: np.ndarray, *, height: float) -> Look:
    """A hedge with a ragged top."""
    paint = shade_of(rng, *_GREENS, _AUTUMN[0])
    tall = height > 3
    ragged = height * rng.uniform(0.3, 0.6) if tall else rng.uniform(0.05, 0.4)
    often = 5 if tall else 11

    def look(patch: Patch) -> Paint:
        rgb = foliage(tile, patch, paint, scale=2.0) * (0.6 + 0.4 * patch.y / height)[:, None]
        crest = height - ragged * grain(tile, patch.s * often, patch.y * 3)
        return Paint(rgb, (patch.y < crest).astype(np.float32))

    return look


def poster(rng: np.random.Generator, picture: Look, *, width: float, height: float) -> Look:
    """A picture of something on a colored sheet, as it hangs on walls."""
    paper = shade_of(rng, (0.9, 0.9, 0.85), (0.8, 0.5, 0.2), (0.3, 0.5, 0.7), (0.3, 0.55, 0.3))
    border = shade_of(rng, (0.2, 0.2, 0.2), (0.9, 0.9, 0.9), (0.6, 0.1, 0.1))

    def look(patch: Patch) -> Paint:
        paint = picture(patch)
        rgb = np.where((paint.cover > 0.5)[:, None], paint.rgb, paper)
        inner = np.minimum(
            np.minimum(patch.s, width - patch.s), np.minimum(patch.y, height - patch.y)
        )
        rgb[inner < 0.1] = border
        return Paint(rgb.astype(np.float32), np.ones(len(rgb), np.float32))

    return look
