"""House fronts: grids of windows over shops or doors, and roofs."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from s4al_jax.streets.textures import (
    Color,
    Look,
    Paint,
    Patch,
    grain,
    shade_of,
    visible,
    wall_surface,
)


class Windows(NamedTuple):
    """The grid of windows of a house and what is seen in their panes."""

    bay: float
    storey: float
    wide: float
    high: float
    sill: float
    frame: Color
    glass: Color
    panes: int
    arched: bool
    lit: float
    """share of windows with the light on"""
    shutters: Color | None


def windows(rng: np.random.Generator, *, glass: Color, lit: float) -> Windows:
    """A random kind of window, from small panes to bands of glass."""
    bay, storey = rng.uniform(1.5, 3.6), rng.uniform(2.6, 3.6)
    high = storey * rng.uniform(0.4, 0.72)
    dark = shade_of(rng, (0.9, 0.9, 0.88), (0.2, 0.2, 0.2), (0.4, 0.25, 0.15), (0.2, 0.35, 0.25))
    shutter = shade_of(rng, (0.2, 0.4, 0.25), (0.25, 0.35, 0.55), (0.5, 0.2, 0.15))
    return Windows(
        bay=bay,
        storey=storey,
        wide=bay * rng.uniform(0.35, 0.85),
        high=high,
        sill=(storey - high) * rng.uniform(0.3, 0.7),
        frame=dark,
        glass=(glass * rng.uniform(0.3, 0.8)).astype(np.float32),
        panes=int(rng.integers(1, 4)),
        arched=bool(rng.random() < 0.15),
        lit=lit,
        shutters=shutter if rng.random() < 0.2 else None,
    )


def _window_masks(patch: Patch, kind: Windows, up: np.ndarray) -> tuple[np.ndarray, ...]:
    """Pane, frame, shutter: where they are; and the bay and storey each place belongs to."""
    bay = np.floor(patch.s / kind.bay)
    across = np.abs(patch.s - (bay + 0.5) * kind.bay)
    storey = np.floor(up / kind.storey)
    rise = up - storey * kind.storey - kind.sill
    inside = (rise > 0) & (rise < kind.high)
    half = np.full_like(rise, kind.wide / 2)
    if kind.arched:
        half *= np.sqrt(np.clip(4 * (1 - rise / kind.high), 0, 1))
    opening = inside & (across < half)
    edge = np.maximum(0.07, 0.5 / patch.px)
    bars = ((rise * kind.panes / kind.high) % 1) * kind.high / kind.panes < edge
    frame = opening & ((across > half - edge) | bars | (kind.high - rise < edge))
    shutter = inside & ~opening & (across < half * 1.5)
    return opening, frame, shutter, bay, storey


def facade(
    rng: np.random.Generator,
    tile: np.ndarray,
    *,
    length: float,
    eaves: float,
    gable: float,
    glass: Color,
    lit: float,
    blank: bool = False,
) -> Look:
    """A house front: wall, windows, a shop or a door below, and a gable that high above `eaves`."""
    surface = wall_surface(rng, tile)
    kind = windows(rng, glass=glass, lit=lit)
    ground = rng.uniform(2.8, 3.8)
    shop = rng.random() < 0.4
    street_floor = _shop(rng, tile, ground) if shop else _doors(rng, kind, ground)
    cornice = rng.random() < 0.5
    dice = rng.random((16, 32), np.float32)

    def look(patch: Patch) -> Paint:
        rgb = surface(patch)
        if not blank:
            upper = (patch.y > ground) & (patch.y < eaves - 0.25)
            _put_windows(rgb, patch, kind, patch.y - ground, upper, dice)
            street_floor(rgb, patch)
        if cornice:
            line = (np.abs((patch.y - ground) % kind.storey) < 0.15) | (patch.y > eaves - 0.3)
            rgb[line] = rgb[line] * 0.5 + 0.35
        rgb *= (1 - 0.35 * np.exp(-2.5 * patch.y))[:, None]
        reach = length / 2 * (1 - (patch.y - eaves) / max(gable, 0.01))
        cover = (patch.y < eaves) | (np.abs(patch.s - length / 2) < reach)
        return Paint(rgb, cover.astype(np.float32))

    return look


def _put_windows(
    rgb: np.ndarray,
    patch: Patch,
    kind: Windows,
    up: np.ndarray,
    where: np.ndarray,
    dice: np.ndarray,
) -> None:
    opening, frame, shutter, bay, storey = _window_masks(patch, kind, up)
    opening &= where
    draw = dice[storey.astype(np.int32) & 15, bay.astype(np.int32) & 31][opening]
    glow = np.array([1.5, 1.15, 0.6], np.float32)
    pane = kind.glass * (0.5 + draw[:, None])
    curtained = draw > 0.8
    pane[curtained] = pane[curtained] * 0.4 + 0.35
    rgb[opening] = np.where((draw < kind.lit)[:, None], glow * (0.6 + draw[:, None]), pane)
    rgb[frame & where] = kind.frame
    if kind.shutters is not None:
        rgb[shutter & where] = kind.shutters


def _shop(
    rng: np.random.Generator, tile: np.ndarray, ground: float
) -> Callable[[np.ndarray, Patch], None]:
    name = shade_of(
        rng, (0.7, 0.1, 0.1), (0.1, 0.3, 0.15), (0.1, 0.2, 0.5), (0.8, 0.7, 0.2), (0.2, 0.2, 0.2)
    )
    letter = 1 - name
    stripe = shade_of(rng, (0.9, 0.9, 0.9), (0.8, 0.8, 0.6))
    awning = rng.random() < 0.5
    wide = rng.uniform(2.0, 4.5)
    inside = shade_of(rng, (0.25, 0.25, 0.28), (0.6, 0.5, 0.35), (0.15, 0.15, 0.18))

    def front(rgb: np.ndarray, patch: Patch) -> None:
        s, y = patch.s, patch.y
        pane = (y > 0.5) & (y < ground - 0.8) & ((s / wide) % 1 > 0.08)
        wares = grain(tile, s * 30, y * 30)[pane, None]
        rgb[pane] = inside * (0.5 + wares)
        board = (y > ground - 0.8) & (y < ground - 0.1)
        rgb[board] = name
        text = board & (np.abs(y - ground + 0.45) < 0.2) & ((s % wide) < wide * 0.7)
        rgb[text & (grain(tile, s * 9, s * 0 + 3) > 0.5)] = letter
        if awning:
            cloth = (y > ground - 1.3) & (y < ground - 0.7)
            rgb[cloth] = np.where(((s[cloth] * 2.2) % 1 < 0.5)[:, None], name, stripe)

    return front


def _doors(
    rng: np.random.Generator, kind: Windows, ground: float
) -> Callable[[np.ndarray, Patch], None]:
    paint = shade_of(
        rng, (0.5, 0.1, 0.1), (0.1, 0.3, 0.2), (0.1, 0.15, 0.4), (0.35, 0.22, 0.12), (0.8, 0.8, 0.8)
    )
    every = int(rng.integers(2, 5))
    low = kind._replace(sill=0.9, high=min(kind.high, ground - 1.3), storey=50.0)
    dice = rng.random((16, 32), np.float32)

    def front(rgb: np.ndarray, patch: Patch) -> None:
        bay = np.floor(patch.s / kind.bay)
        entrance = bay % every == 1
        _put_windows(rgb, patch, low, patch.y, (patch.y < ground) & ~entrance, dice)
        across = np.abs(patch.s - (bay + 0.5) * kind.bay)
        rgb[entrance & (across < 0.65) & (patch.y < 2.35)] = kind.frame
        rgb[entrance & (across < 0.5) & (patch.y < 2.2)] = paint

    return front


def roof(rng: np.random.Generator, tile: np.ndarray, *, length: float, hip: float) -> Look:
    """Rows of tiles; `hip` is how much a roof narrows on either side for a meter of height."""
    slate = shade_of(rng, (0.5, 0.25, 0.17), (0.3, 0.31, 0.34), (0.4, 0.33, 0.28), (0.2, 0.2, 0.22))

    def look(patch: Patch) -> Paint:
        rows = (patch.y / 0.35) % 1 * visible(patch.px, 0.35)
        worn = grain(tile, patch.s * 20, patch.y * 40) - 0.5
        slope = hip * patch.y
        cover = (patch.s > slope) & (patch.s < length - slope)
        return Paint(slate * (1.1 - 0.3 * rows + 0.4 * worn)[:, None], cover.astype(np.float32))

    return look
