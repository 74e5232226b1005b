"""The ground: road and markings, kerbs, pavements, grass, and the shadows that fall on it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from s4al_jax.streets.canvas import NEAR, Canvas
from s4al_jax.streets.textures import grain, visible
from s4al_jax.streets.weather import Weather


class Street(NamedTuple):
    """Where the road lies: its edges at z = 0, and how it bends away with z."""

    left: float
    right: float
    walk_left: float
    walk_right: float
    heading: float
    bend: float
    crossing: tuple[float, float] | None
    """z from and to which another road crosses"""

    def shift(self, z: np.ndarray | float) -> np.ndarray:
        """How far the road has moved sideways at z."""
        near = np.minimum(z, 60.0)
        beyond = (z - near) * 2 * self.bend * 60.0
        return np.asarray(self.heading * z + self.bend * near * near + beyond)


class Ground(NamedTuple):
    """How the ground looks: colors by material, the pattern of the pavement, the markings."""

    colors: np.ndarray
    """`[materials, 3]`: road, white, yellow, kerb, pavement, grass, yard, colored lane, patch"""
    labels: np.ndarray
    """`[materials]`"""
    rough: float
    slab: tuple[float, float]
    cobbles: bool
    dash: tuple[float, float]
    lanes: tuple[float, ...]
    """x of the dashed lines"""
    edges: int
    """no lines along the kerb, white ones, yellow ones"""
    zebra: tuple[float, float] | None
    lane: tuple[float, float] | None
    """x from and to which the road is colored"""
    green: tuple[bool, bool]
    """whether there is grass behind the left and the right pavement"""
    patches: np.ndarray
    """`[n, 4]`: middle and half sizes of mended places in the road"""
    verge: float
    """meters of grass between kerb and pavement"""


def paint_ground(to: Canvas, street: Street, kind: Ground, air: Weather, tile: np.ndarray) -> None:
    """Road, markings, kerbs, pavements and what lies behind them, up to the horizon."""
    height, width = to.label.shape
    top = int(np.clip(np.ceil(to.horizon + to.focal * to.camera / 400), 0, height - 1))
    z = to.focal * to.camera / (np.arange(top, height) + 0.5 - to.horizon)
    z = z.astype(np.float32)[:, None]
    across = ((np.arange(width) + 0.5 - to.center) / to.focal).astype(np.float32)[None]
    x = across * z - street.shift(z).astype(np.float32)
    material = _materials(x, z, street, kind)
    px = to.focal / z
    bright = 1 + kind.rough * (grain(tile, x * 18, z * 18) - 0.5)
    bright += kind.rough * (grain(tile, x * 2.5 + 50, z * 1.2) - 0.5)
    bright += _pattern(x, z, material, kind, px, tile)
    sun = air.sun * 0.9 * (1 - 0.85 * to.shadow[top:, :, None])
    light = (air.ambient + sun) * (1 - 0.25 * (to.shadow[top:, :, None]))
    to.image[top:] = kind.colors[material] * bright[..., None] * light
    to.label[top:] = kind.labels[material]
    to.depth[top:] = z


def _materials(x: np.ndarray, z: np.ndarray, street: Street, kind: Ground) -> np.ndarray:
    left, right = street.left, street.right
    on_road = (x > left) & (x < right)
    out = np.maximum(left - x, x - right)
    walk = np.where(x < left, street.walk_left, street.walk_right)
    behind = np.where(x < left, *(np.uint8(5 if green else 6) for green in kind.green))
    material = np.where(out < walk, np.uint8(4), behind)
    material[(out < kind.verge) & (out > 0.25)] = 5
    material[out < 0.28] = 3
    material[on_road] = 0
    if street.crossing is not None:
        rows = (z[:, 0] > street.crossing[0]) & (z[:, 0] < street.crossing[1])
        material[rows] = 0
        on_road = on_road & ~rows[:, None]
    _mark(material, x, z, on_road, street, kind)
    return material


def _mark(
    material: np.ndarray, x: np.ndarray, z: np.ndarray, on: np.ndarray, street: Street, kind: Ground
) -> None:
    """Paint on the road: colored lane, repaired patches, lines, a zebra crossing."""
    if kind.lane is not None:
        material[on & (x > kind.lane[0]) & (x < kind.lane[1])] = 7
    for patch_x, patch_z, wide, long in kind.patches:
        material[on & (np.abs(x - patch_x) < wide) & (np.abs(z - patch_z) < long)] = 8
    painted = (z % sum(kind.dash)) < kind.dash[0]
    for lane in kind.lanes:
        material[on & painted & (np.abs(x - lane) < 0.09)] = 1
    if kind.edges:
        inner = np.minimum(x - street.left, street.right - x)
        material[on & (np.abs(inner - 0.35) < 0.07)] = kind.edges
        if kind.edges == 2:
            material[on & (np.abs(inner - 0.6) < 0.07)] = 2
    if kind.zebra is not None:
        rows = (z > kind.zebra[0]) & (z < kind.zebra[1])
        material[on & rows & (x % 1.0 < 0.5)] = 1


def _pattern(
    x: np.ndarray,
    z: np.ndarray,
    material: np.ndarray,
    kind: Ground,
    px: np.ndarray,
    tile: np.ndarray,
) -> np.ndarray:
    """Joints between slabs and stones, tufts of grass, wheel tracks."""
    wide, long = kind.slab
    fade = visible(px, min(wide, long)) * np.ones_like(x)
    course = np.floor(z / long)
    cell = x / wide + 0.5 * (course % 2)
    joint = ((cell % 1) * wide < 0.06) | (z / long - course < 0.06 / long)
    own = grain(tile, np.floor(cell) * 31, course * 17) - 0.5
    slabs = fade * (own * 0.35 - 0.35 * joint)
    stony = (material == 4) | (material == 6)
    if kind.cobbles:
        stony |= (material == 0) | (material == 8)
    total = np.where(stony, slabs, 0)
    rows, cols = np.nonzero(material == 5)
    total[rows, cols] = 1.1 * grain(tile, x[rows, cols] * 45, z[rows, 0] * 25) - 0.5
    return total


def cast_shadows(to: Canvas, outlines: Sequence[np.ndarray], strengths: Sequence[float]) -> None:
    """Darken the ground inside outlines, each `[n, 2]` of x and z."""
    height, width = to.label.shape
    picture = Image.new("L", (width, height))
    pen = ImageDraw.Draw(picture)
    for outline, strength in sorted(zip(outlines, strengths, strict=True), key=lambda o: o[1]):
        seen = _in_front(outline)
        if len(seen) < 3:
            continue
        cols = to.center + to.focal * seen[:, 0] / seen[:, 1]
        rows = to.horizon + to.focal * to.camera / seen[:, 1]
        if cols.max() > 0 and cols.min() < width and rows.max() - rows.min() > 0.5:
            corners = np.stack([cols, rows], 1).ravel().tolist()
            pen.polygon(corners, fill=int(255 * strength))
    to.shadow[:] = np.asarray(picture, np.float32) / 255


def _in_front(outline: np.ndarray) -> np.ndarray:
    """The part of an outline before the camera."""
    ahead = outline[:, 1] >= NEAR
    if ahead.all() or not ahead.any():
        return outline[ahead]
    kept = []
    for i, (x0, z0) in enumerate(outline):
        x1, z1 = outline[(i + 1) % len(outline)]
        if z0 >= NEAR:
            kept.append((x0, z0))
        if (z0 >= NEAR) != (z1 >= NEAR):
            kept.append((x0 + (NEAR - z0) / (z1 - z0) * (x1 - x0), NEAR))
    return np.array(kept)
