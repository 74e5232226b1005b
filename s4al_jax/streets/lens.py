"""What lies between a street and its photograph: sky, wet ground, fog, rain and the camera."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from s4al_jax.streets.canvas import FAR, Canvas
from s4al_jax.streets.textures import grain
from s4al_jax.streets.weather import Weather


def paint_sky(to: Canvas, air: Weather, clouds: np.ndarray) -> None:
    """A gradient and clouds that flatten towards the horizon."""
    height, width = to.label.shape
    rows = int(np.clip(np.ceil(to.horizon) + 1, 1, height))
    row, col = np.arange(rows, dtype=np.float32), np.arange(width, dtype=np.float32)
    up = np.maximum((to.horizon - row - 0.5) / to.focal, 0.01)[:, None]
    across = ((col - to.center) / to.focal)[None]
    blend = np.clip(up * 2.2, 0, 1)[..., None] ** 0.6
    sky = air.horizon * (1 - blend) + air.zenith * blend
    u, v = across / (up + 0.12) * 26, 1 / (up + 0.12) * 22 + 0 * across
    wisps = np.clip((_soft(clouds, u, v) - 1 + air.clouds) * 3.5, 0, 1) * np.clip(up * 6, 0.2, 1)
    to.image[:rows] = sky + wisps[..., None] * (air.cloud - sky)


def _soft(tile: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Noise read between its cells, so that it stays smooth when enlarged."""
    pu, pv = u - np.floor(u), v - np.floor(v)
    upper = grain(tile, np.floor(u), np.floor(v)) * (1 - pu) + pu * grain(
        tile, np.floor(u) + 1, np.floor(v)
    )
    lower = grain(tile, np.floor(u), np.floor(v) + 1) * (1 - pu) + pu * grain(
        tile, np.floor(u) + 1, np.floor(v) + 1
    )
    return upper * (1 - pv) + lower * pv


def reflect(to: Canvas, air: Weather, road: Sequence[int]) -> None:
    """Mirror what stands above the horizon in a wet road."""
    if air.wet <= 0:
        return
    height = len(to.label)
    rows = np.arange(min(int(np.ceil(to.horizon)), height), height)
    mirrored = np.clip((2 * to.horizon - rows).astype(int), 0, height - 1)
    spread = np.clip(mirrored[:, None] + np.array([-3, 0, 3]) * height // 100, 0, height - 1)
    above = to.image[spread].mean(1)
    wet = np.isin(to.label[rows], road) * np.float32(air.wet)
    to.image[rows] += wet[..., None] * (above * 0.9 - to.image[rows] * 0.9)


def photograph(to: Canvas, air: Weather, rng: np.random.Generator, *, fold: int) -> np.ndarray:
    """The image as a camera takes it: fog, exposure, tint, blur, rain on the way, noise."""
    seen = np.exp(-np.minimum(to.depth, 4000) / air.fog)[..., None]
    height, width = to.label.shape
    if air.fog < 100:
        up = np.clip((to.horizon - np.arange(height)) / height * 1.2, 0, 1) ** 0.7
        seen = np.where(to.depth[..., None] >= FAR, 0.6 * up[:, None, None], seen)
    else:
        seen = np.where(to.depth[..., None] >= FAR, 1, seen)
    picture = air.horizon + (to.image - air.horizon) * seen
    corners = [picture[i::fold, j::fold] for i in range(fold) for j in range(fold)]
    picture = np.sum(corners, axis=0) * (air.exposure / len(corners)) * air.tint
    if air.blur > 0:
        high, wide = picture.shape[:2]
        for axis, size in ((0, high), (1, wide)):
            place = np.arange(size)
            before = np.take(picture, np.maximum(place - 1, 0), axis)
            after = np.take(picture, np.minimum(place + 1, size - 1), axis)
            picture = picture * (1 - 2 * air.blur) + (before + after) * air.blur
    if air.rain > 0:
        streaks = _streaks(rng, air.rain, picture.shape[0], picture.shape[1])
        picture += streaks[..., None] * (0.85 - picture)
    noise = rng.standard_normal(picture.shape, np.float32) * air.noise
    bright = 1 - np.exp(-1.6 * np.clip(picture, 0, 4) ** 1.15)
    return (np.clip(bright * 1.12 + noise, 0, 1) * 255).astype(np.uint8)


def _streaks(rng: np.random.Generator, amount: float, height: int, width: int) -> np.ndarray:
    layer = Image.new("L", (width, height))
    pen = ImageDraw.Draw(layer)
    slant, count = rng.uniform(-0.3, 0.3), int(amount * (20 + 0.006 * height * width))
    for x, y, long in rng.random((count, 3)):
        x0, y0, fall = x * width, y * height, (0.03 + 0.07 * long) * height
        pen.line([x0, y0, x0 + slant * fall, y0 + fall], fill=int(40 + 60 * long))
    return np.asarray(layer, np.float32) / 255
