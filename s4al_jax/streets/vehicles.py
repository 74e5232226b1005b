"""Cars, vans and buses in meters: a side with wheels and windows, a front, a rear."""

from typing import NamedTuple

import numpy as np

from s4al_jax.streets.textures import Color, Look, Paint, Patch, color, flat, shade_of


class Car(NamedTuple):
    """A body by its outline: `roof` is its height at places `along` from the rear."""

    length: float
    width: float
    height: float
    belt: float
    """height of the lower edge of the windows"""
    along: np.ndarray
    roof: np.ndarray
    paint: Color
    stripe: Color | None
    glass: Color
    wheel: float
    lights_on: bool
    night: float


_SHAPES = {
    "hatchback": (
        (0, 0.02, 0.1, 0.25, 0.62, 0.76, 0.97, 1),
        (0.4, 0.6, 0.95, 1, 0.98, 0.62, 0.5, 0.35),
    ),
    "saloon": (
        (0, 0.02, 0.16, 0.3, 0.6, 0.74, 0.97, 1),
        (0.4, 0.66, 0.7, 1, 0.98, 0.64, 0.52, 0.35),
    ),
    "estate": (
        (0, 0.02, 0.06, 0.2, 0.64, 0.77, 0.97, 1),
        (0.4, 0.65, 0.97, 1, 0.98, 0.62, 0.5, 0.35),
    ),
    "van": ((0, 0.01, 0.03, 0.2, 0.76, 0.88, 0.98, 1), (0.3, 0.97, 1, 1, 1, 0.55, 0.45, 0.3)),
    "bus": ((0, 0.01, 0.02, 0.2, 0.9, 0.97, 0.99, 1), (0.3, 0.97, 1, 1, 1, 0.98, 0.9, 0.2)),
}


def car(rng: np.random.Generator, *, glass: Color, night: float) -> Car:
    """A random vehicle, most often a car."""
    kind = str(rng.choice(list(_SHAPES), p=[0.34, 0.28, 0.18, 0.15, 0.05]))
    length, width, height = {
        "van": (rng.uniform(4.6, 5.8), rng.uniform(1.9, 2.1), rng.uniform(2.0, 2.6)),
        "bus": (rng.uniform(9.0, 12.0), 2.5, rng.uniform(2.9, 3.6)),
    }.get(kind, (rng.uniform(3.6, 4.8), rng.uniform(1.65, 1.9), rng.uniform(1.4, 1.72)))
    along, roof = _SHAPES[kind]
    paint = shade_of(
        rng,
        *[(0.5, 0.51, 0.53), (0.3, 0.31, 0.33), (0.85, 0.85, 0.85), (0.08, 0.08, 0.1)] * 2,
        *[(0.65, 0.08, 0.08), (0.12, 0.22, 0.5), (0.15, 0.32, 0.2), (0.75, 0.6, 0.1)],
        *[(0.5, 0.45, 0.35), (0.75, 0.35, 0.08), (0.35, 0.55, 0.7)],
    )
    return Car(
        length=length,
        width=width,
        height=height,
        belt=height * (0.5 if kind == "bus" else 0.45 if kind == "van" else 0.6),
        along=np.array(along) * length,
        roof=np.array(roof) * height,
        paint=paint,
        stripe=shade_of(rng, (0.9, 0.9, 0.9), (0.1, 0.1, 0.4), (0.8, 0.7, 0.1))
        if rng.random() < 0.12
        else None,
        glass=(glass * rng.uniform(0.15, 0.45)).astype(np.float32),
        wheel=0.3 if height < 1.9 else 0.36 if height < 2.8 else 0.48,
        lights_on=bool(rng.random() < 0.15 + night),
        night=night,
    )


def car_side(body: Car, *, towards: bool) -> Look:
    """The flank; `towards` says that s counts from the nose instead of the rear."""
    hubs = (0.19 * body.length, 0.81 * body.length)
    pillars = np.array([0.3, 0.46, 0.63]) * body.length
    van = 1.9 < body.height < 2.8

    def look(patch: Patch) -> Paint:
        s = body.length - patch.s if towards else patch.s
        y = patch.y
        roof = np.interp(s, body.along, body.roof).astype(np.float32)
        rgb = flat(patch, body.paint) * (0.7 + 0.45 * np.clip(y / body.height, 0, 1))[:, None]
        shell = (y < roof) & (y > 0.22)
        window = (y > body.belt) & (y < roof - 0.1) & (s > 0.08 * body.length)
        window &= s < 0.9 * body.length
        if van:
            window &= s > 0.6 * body.length
        for pillar in pillars:
            window &= np.abs(s - pillar) > 0.05
        rgb[window] = body.glass * (0.8 + 0.5 * (y[window, None] > body.belt + 0.25))
        if body.stripe is not None:
            rgb[np.abs(y - body.belt + 0.2) < 0.12] = body.stripe
        seam = shell & ~window & (np.min(np.abs(s - pillars[:, None]), 0) < 0.025) & (y > 0.35)
        rgb[seam | (shell & (y < 0.32))] *= 0.45
        rgb[(s < 0.14) & (np.abs(y - body.belt * 0.85) < 0.13)] = (0.6, 0.05, 0.05)
        rgb[(s > body.length - 0.2) & (np.abs(y - body.belt * 0.75) < 0.1)] = (0.9, 0.9, 0.8)
        wheels = np.zeros(len(s), bool)
        for hub in hubs:
            away = np.hypot(s - hub, y - body.wheel)
            rgb[shell & (away < body.wheel * 1.22)] = 0.03
            tyre = away < body.wheel
            rgb[tyre] = (0.06, 0.06, 0.065)
            rgb[away < body.wheel * 0.6] = (0.5, 0.5, 0.52)
            wheels |= tyre
        return Paint(rgb, (shell | wheels).astype(np.float32))

    return look


def car_face(body: Car, *, front: bool) -> Look:
    """Bonnet or boot with lights, grille, number plate and wheels, up to the lower window edge."""
    half, tall = body.width / 2, body.belt
    lamp = color(0.9, 0.9, 0.85) if front else color(0.55, 0.04, 0.04)
    if body.lights_on:
        lamp = lamp * (1.3 + body.night)
    plate = color(0.85, 0.85, 0.8) if front else color(0.8, 0.68, 0.15)

    def look(patch: Patch) -> Paint:
        x, y = np.abs(patch.s - half), patch.y
        rgb = flat(patch, body.paint) * (0.65 + 0.4 * y / tall)[:, None]
        shell = (y > 0.25) & (x < half - 0.12 * np.clip(y / tall - 0.75, 0, 1))
        rgb[y < 0.42] = (0.12, 0.12, 0.13)
        if front:
            rgb[(x < half * 0.6) & (np.abs(y - tall * 0.62) < 0.1)] = (0.08, 0.08, 0.09)
        else:
            rgb[np.abs(y - tall * 0.55) < 0.03] *= 0.5
        rgb[(x > half * 0.62) & (x < half * 0.95) & (np.abs(y - tall * 0.75) < 0.1)] = lamp
        rgb[(x < 0.27) & (np.abs(y - tall * 0.42) < 0.075)] = plate
        tyre = (x > half - 0.28) & (x < half - 0.03) & (y < 0.4)
        rgb[tyre & (y < 0.3)] = (0.05, 0.05, 0.055)
        return Paint(rgb, (shell | tyre).astype(np.float32))

    return look


def car_cabin(body: Car, *, front: bool) -> Look:
    """What rises behind the bonnet or boot: the pane in its frame, and the roof."""
    half, low, high = body.width / 2, body.belt, body.height
    box = body.height > 1.9
    blind = box and not front and body.height < 2.8

    def look(patch: Patch) -> Paint:
        x, y = np.abs(patch.s - half), patch.y
        rise = np.clip((y - low) / (high - low), 0, 1)
        edge = half - (0.06 if box else 0.28) * rise**1.3
        rgb = flat(patch, body.paint) * (0.95 + 0.25 * (y > high - 0.12))[:, None]
        pane = (y > low + 0.06) & (y < high - 0.13) & (x < edge - 0.1)
        if blind:
            pane &= (x > 0.06) & (y > high * 0.6)
        rgb[pane] = body.glass * (0.7 + 0.9 * rise[pane, None])
        seats = pane & (np.abs(x - half * 0.45) < 0.16) & (rise < 0.5)
        rgb[seats] = body.glass * 0.4
        return Paint(rgb, (x < edge).astype(np.float32))

    return look
