"""A picture in the making: a camera, and one routine that stands things before it.

The camera looks along z over a flat ground; x is to the right and y up, all in meters. Everything
but sky and ground is a rectangle that stands (or leans) somewhere, with a look painted on it.
"""

from typing import NamedTuple

import numpy as np

from s4al_jax.streets.textures import Color, Look, Patch
from s4al_jax.streets.weather import Weather

NEAR = 0.7
WIDEST = 0.75
"""No camera sees farther aside than this share of the depth."""


FAR = 1e6


class Thing(NamedTuple):
    """An upright rectangle from `a` to `b`, each (x, z), with its look and class."""

    a: tuple[float, float]
    b: tuple[float, float]
    base: float
    top: float
    look: Look
    label: int
    facing: float = 0.6
    """share of the sun's light that it gets"""
    lean: tuple[float, float] = (0.0, 0.0)
    """meters in x and z by which it recedes for a meter of height: a roof"""


class Canvas(NamedTuple):
    """A picture in the making, at the size at which it is drawn, and the camera's place in it."""

    image: np.ndarray
    label: np.ndarray
    depth: np.ndarray
    shadow: np.ndarray
    """share of the sun that is kept away from the ground"""
    focal: float
    center: float
    horizon: float
    camera: float
    """meters of the camera above the ground"""


def canvas(rng: np.random.Generator, *, height: int, width: int, top_label: int) -> Canvas:
    """An empty canvas with a camera at a random height that looks a little up, down or aside."""
    focal = rng.uniform(0.8, 1.05) * max(width, height * 1.2)
    return Canvas(
        image=np.zeros((height, width, 3), np.float32),
        label=np.full((height, width), top_label, np.uint8),
        depth=np.full((height, width), FAR, np.float32),
        shadow=np.zeros((height, width), np.float32),
        focal=float(focal),
        center=float(width * rng.uniform(0.4, 0.6)),
        horizon=float(height * rng.uniform(0.36, 0.5)),
        camera=float(rng.uniform(1.5, 2.4)),
    )


def stand(to: Canvas, thing: Thing, air: Weather) -> None:
    """Draw an upright rectangle where nothing nearer hides it."""
    found = (_leaning if any(thing.lean) else _standing)(to, thing)
    if found is None:
        return
    at, along, y, z = found
    paint = thing.look(Patch(along, y, to.focal / z))
    lit = paint.rgb * _light(to, thing, air)
    if paint.cover.min() < 1:
        some = paint.cover > 0.02
        at, z, lit, cover = at[some], z[some], lit[some], paint.cover[some]
        soft = cover < 1
        if soft.any():
            behind = to.image.reshape(-1, 3)[at[soft]]
            lit[soft] = behind + cover[soft, None] * (lit[soft] - behind)
        to.image.reshape(-1, 3)[at] = lit
        solid = cover >= 0.5
        at, z = at[solid], z[solid]
    else:
        to.image.reshape(-1, 3)[at] = lit
    to.label.ravel()[at] = thing.label
    to.depth.ravel()[at] = z


Found = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None


def _standing(to: Canvas, thing: Thing) -> Found:
    """Flat places in the picture where an upright thing is seen; meters along and up it; depth."""
    cols, along, z = _columns(to, thing)
    if not len(cols):
        return None
    height, width = to.label.shape
    scale = to.focal / z
    first = to.horizon + ((to.camera - thing.top) * scale).min()
    last = to.horizon + ((to.camera - thing.base) * scale).max()
    top, bottom = int(max(np.floor(first), 0)), int(min(np.ceil(last) + 1, height))
    if top >= bottom:
        return None
    row = (np.arange(top, bottom, dtype=np.float32) + 0.5 - to.horizon)[:, None]
    y = (to.camera - thing.base) - row / scale
    seen = (y >= 0) & (y <= thing.top - thing.base)
    seen &= z < to.depth[top:bottom, cols[0] : cols[-1] + 1]
    rows, places = np.nonzero(seen)
    if not len(rows):
        return None
    at = (rows + top) * width + cols[places]
    return at, along[places], y[rows, places], z[places]


def _leaning(to: Canvas, thing: Thing) -> Found:
    """As `_standing`, for a surface that leans: where the rays of the pixels meet its plane."""
    height, width = to.label.shape
    foot = np.array([thing.a[0], thing.base - to.camera, thing.a[1]])
    along = np.array([thing.b[0] - thing.a[0], 0, thing.b[1] - thing.a[1]])
    up = np.array([thing.lean[0], 1, thing.lean[1]]) * (thing.top - thing.base)
    corners = np.array([foot, foot + along, foot + up, foot + along + up])
    if corners[:, 2].max() <= NEAR:
        return None
    left, right, top, bottom = 0, width, 0, height
    if corners[:, 2].min() > NEAR:
        col = to.center + to.focal * corners[:, 0] / corners[:, 2]
        row = to.horizon - to.focal * corners[:, 1] / corners[:, 2]
        left, right = max(int(col.min()), 0), min(int(col.max()) + 1, width)
        top, bottom = max(int(row.min()), 0), min(int(row.max()) + 1, height)
    if left >= right or top >= bottom:
        return None
    rx = (np.arange(left, right, dtype=np.float32) + 0.5 - to.center)[None] / to.focal
    ry = (to.horizon - 0.5 - np.arange(top, bottom, dtype=np.float32))[:, None] / to.focal
    nx, ny, nz = (float(part) for part in np.cross(along, up))
    slant = nx * rx + ny * ry + nz
    z = float(nx * foot[0] + ny * foot[1] + nz * foot[2]) / np.where(slant == 0, 1e-9, slant)
    y = ry * z - float(foot[1])
    length = float(np.hypot(along[0], along[2]))
    px, pz = rx * z - float(foot[0]) - y * thing.lean[0], z - float(foot[2]) - y * thing.lean[1]
    s = (px * float(along[0]) + pz * float(along[2])) / length
    seen = (z > NEAR) & (y >= 0) & (y <= thing.top - thing.base) & (s >= 0) & (s <= length)
    rows, cols = np.nonzero(seen & (z < to.depth[top:bottom, left:right]))
    if not len(rows):
        return None
    return (rows + top) * width + cols + left, s[rows, cols], y[rows, cols], z[rows, cols]


def _columns(to: Canvas, thing: Thing) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The columns that a rectangle covers; for each the meters along it, and its depth."""
    (xa, za), (xb, zb) = thing.a, thing.b
    length = float(np.hypot(xb - xa, zb - za))
    nothing = np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.float32)
    if max(za, zb) <= NEAR:
        return nothing
    start, stop = 0.0, 1.0
    if za < NEAR:
        start = (NEAR - za) / (zb - za)
    if zb < NEAR:
        stop = (NEAR - za) / (zb - za)
    slopes = [(xa + t * (xb - xa)) / (za + t * (zb - za)) for t in (start, stop)]
    ends = [to.center + to.focal * slope for slope in slopes]
    low, high = max(min(ends), 0), min(max(ends), to.label.shape[1])
    first, last = int(np.ceil(low - 0.5)), int(np.ceil(high - 0.5))
    if first >= last:
        return nothing
    cols = np.arange(first, last, dtype=np.int32)
    ray = (cols + 0.5 - to.center) / to.focal
    turn = (xb - xa) - ray * (zb - za)
    t = (ray * za - xa) / np.where(np.abs(turn) < 1e-9, 1e-9, turn)
    t = np.clip(t, start, stop)
    return cols, (t * length).astype(np.float32), (za + t * (zb - za)).astype(np.float32)


def _light(to: Canvas, thing: Thing, air: Weather) -> Color:
    """The light on a thing: less of the sun when its foot stands in a shadow."""
    x, z = (thing.a[0] + thing.b[0]) / 2, max((thing.a[1] + thing.b[1]) / 2, NEAR)
    col, row = to.center + to.focal * x / z, to.horizon + to.focal * to.camera / (z + 0.3)
    height, width = to.label.shape
    shade = 0.0
    if 0 <= col < width and 0 <= row < height and thing.top < 3:
        shade = float(to.shadow[int(row), int(col)])
    return (air.ambient + air.sun * thing.facing * (1 - 0.8 * shade)).astype(np.float32)
