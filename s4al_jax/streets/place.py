"""Where a scene is: the run of its street, its classes, and how things are put into it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from s4al_jax.streets import figures
from s4al_jax.streets.canvas import WIDEST, Thing
from s4al_jax.streets.ground import Street
from s4al_jax.streets.weather import Weather

CLASSES = (
    *("sky", "building", "pole", "road", "pavement", "tree"),
    *("sign", "fence", "car", "pedestrian", "bicyclist"),
)


SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST = range(11)


class Shadow(NamedTuple):
    """A dark patch of the ground: its outline `[n, 2]` of x and z, and how dark."""

    outline: np.ndarray
    strength: float


class Place(NamedTuple):
    """What everything that is put into a scene needs to know of it."""

    street: Street
    air: Weather
    tile: np.ndarray
    built: float
    """share of the plots with a house"""
    setback: float
    """meters between pavement and house"""
    storeys: tuple[float, float]


Item = Thing | Shadow


Spot = tuple[float, float]


def place(rng: np.random.Generator, air: Weather, tile: np.ndarray) -> Place:
    """A street in a city, a suburb or a park."""
    kind = rng.choice(4, p=[0.4, 0.3, 0.2, 0.1])
    built, setback, storeys = [
        (0.9, 0.0, (2.0, 6.0)),
        (0.62, rng.uniform(2, 6), (1.0, 2.8)),
        (0.22, rng.uniform(0, 5), (1.0, 4.0)),
        (0.6, rng.uniform(0, 8), (1.5, 5.0)),
    ][kind]
    wide = rng.uniform(5.0, 9.5)
    own = rng.choice([0.27, 0.5, 0.73], p=[0.42, 0.16, 0.42]) + rng.uniform(-0.06, 0.06)
    start = rng.uniform(9, 40)
    crossing = (start, start + rng.uniform(6, 10)) if rng.random() < 0.4 else None
    curved = rng.random() < 0.65
    street = Street(
        left=-own * wide,
        right=(1 - own) * wide,
        walk_left=rng.uniform(1.8, 5.5),
        walk_right=rng.uniform(1.8, 5.5),
        heading=rng.normal(0, 0.08),
        bend=rng.normal(0, 0.006) if curved else 0.0,
        crossing=crossing,
    )
    return Place(street, air, tile, built, setback, storeys)


def world(here: Place, x: float, z: float) -> tuple[float, float]:
    """Where a place of the street lies as the camera sees it, x and z."""
    return float(x + here.street.shift(max(z, 0.0))), float(z)


def edge(here: Place, side: int, out: float = 0.0) -> float:
    """x of a place `out` meters behind the kerb on one side."""
    return here.street.left - out if side < 0 else here.street.right + out


def walk(here: Place, side: int) -> float:
    """Meters of pavement on one side."""
    return here.street.walk_left if side < 0 else here.street.walk_right


def facing(here: Place, nx: int, nz: int) -> float:
    """How much of the sun a wall with that normal gets."""
    dx, dz = here.air.towards
    far = np.hypot(dx, dz) or 1.0
    return 0.1 + 1.1 * max(0.0, -(nx * dx + nz * dz) / far)


def in_view(*spots: Spot, margin: float = 0.0) -> bool:
    """Whether any camera may see what lies between: not all of it is on one side of its view."""
    reach = [WIDEST * z + margin for _, z in spots]
    right = all(x > far for (x, _), far in zip(spots, reach, strict=True))
    left = all(-x > far for (x, _), far in zip(spots, reach, strict=True))
    return not (right or left)


def blob(x: float, z: float, *, rx: float, rz: float, strength: float) -> Shadow:
    """A round shadow."""
    turn = np.arange(10) * (np.pi / 5)
    outline = np.stack([x + rx * np.cos(turn), z + rz * np.sin(turn)], 1)
    return Shadow(outline, strength)


def swept(here: Place, footprint: Sequence[Spot], tall: float) -> Iterator[Shadow]:
    """The shadow of a box: its footprint moved along the sun, and what lies between."""
    dx, dz = here.air.towards
    if dx or dz:
        tip = [(x + tall * dx, z + tall * dz) for x, z in footprint]
        yield Shadow(np.array(_hull([*footprint, *tip])), 0.9)


def _hull(points: Sequence[Spot]) -> list[Spot]:
    """The convex outline of points."""
    outline: list[Spot] = []
    for row in (sorted(points), sorted(points, reverse=True)):
        chain: list[Spot] = []
        for x, y in row:
            while len(chain) > 1:
                (x0, y0), (x1, y1) = chain[-2:]
                if (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) > 0:
                    break
                chain.pop()
            chain.append((x, y))
        outline += chain[:-1]
    return outline


def upright(
    here: Place,
    figure: figures.Figure,
    x: float,
    z: float,
    label: int,
    *,
    base: float = 0.0,
    turn: float = 0.0,
) -> Thing:
    """A cut-out centered on x, z of the street, turned away from the camera by an angle."""
    cx, _ = world(here, x, z)
    dx, dz = figure.width / 2 * np.cos(turn), figure.width / 2 * np.sin(turn)
    ends = (float(cx - dx), float(z - dz)), (float(cx + dx), float(z + dz))
    return Thing(*ends, base, base + figure.height, figure.look, label)


def distance(rng: np.random.Generator, near: float, far: float) -> float:
    """A distance: near ones are as likely as their share of the picture is large."""
    return float(near * (far / near) ** rng.random())
