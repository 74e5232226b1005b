"""What lies behind the pavements: houses, gardens, parks, and what closes the view."""

from collections.abc import Iterator

import numpy as np

from s4al_jax.streets import facades, figures, textures, vehicles
from s4al_jax.streets.canvas import Thing
from s4al_jax.streets.furniture import tree, wall_sign
from s4al_jax.streets.place import (
    BUILDING,
    FENCE,
    TREE,
    Item,
    Place,
    Spot,
    edge,
    facing,
    in_view,
    swept,
    walk,
    world,
)
from s4al_jax.streets.textures import Paint, Patch

FARTHEST = 70.0


def skyline(rng: np.random.Generator, here: Place) -> Iterator[Item]:
    """Houses and trees far behind the street, and sometimes a row that closes it."""
    x, z = -80.0, FARTHEST + 15
    while x < 80:
        wide = rng.uniform(12, 40)
        if rng.random() < max(here.built - 0.15, 0.15):
            yield from _across(rng, here, (x, z), (x + wide, z), rng.uniform(6, 18))
        else:
            tall = rng.uniform(4, 12)
            look = textures.hedge(rng, here.tile, height=tall)
            yield Thing((x, z), (x + wide, z), 0, tall, look, TREE)
        x += wide
    if rng.random() < 0.7:
        return
    x, z = -40.0, rng.uniform(42, 60)
    while x < 40:
        wide = rng.uniform(8, 16)
        if rng.random() < here.built + 0.2:
            a, b = world(here, x, z), world(here, x + wide, z)
            yield from _across(rng, here, a, b, rng.uniform(5, 14))
        x += wide


def _across(
    rng: np.random.Generator, here: Place, a: Spot, b: Spot, eaves: float
) -> Iterator[Thing]:
    """A house that faces the camera, most often with a roof."""
    yield _wall(rng, here, a, b, eaves, facing(here, 0, -1))
    if rng.random() < 0.65:
        tall = rng.uniform(1.5, 4)
        look = facades.roof(rng, here.tile, length=b[0] - a[0], hip=rng.uniform(0, 1.2))
        lean = (0.0, 4 / tall)
        yield Thing(a, b, eaves, eaves + tall, look, BUILDING, 0.7, lean)


def _wall(
    rng: np.random.Generator,
    here: Place,
    a: Spot,
    b: Spot,
    eaves: float,
    facing: float,
    *,
    gable: float = 0.0,
    blank: bool = False,
) -> Thing:
    length = float(np.hypot(b[0] - a[0], b[1] - a[1]))
    look = facades.facade(
        rng,
        here.tile,
        length=length,
        eaves=eaves,
        gable=gable,
        glass=here.air.zenith * 0.6 + 0.1,
        lit=0.03 + 0.5 * here.air.night,
        blank=blank,
    )
    return Thing(a, b, 0, eaves + gable, look, BUILDING, facing)


def plots(rng: np.random.Generator, here: Place, side: int) -> Iterator[Item]:
    """Houses with gardens and green plots in a row along one side."""
    z = rng.uniform(-6, 4)
    while z < FARTHEST:
        long = rng.uniform(7, 18)
        crossing = here.street.crossing
        if crossing and z < crossing[1] + 2 and z + long > crossing[0] - 2:
            if z < crossing[0] - 6:
                long = crossing[0] - 2 - z
            else:
                z = crossing[1] + 2
                continue
        if rng.random() < here.built:
            yield from _building_plot(rng, here, side, z, long)
        else:
            yield from _green_plot(rng, here, side, z, long)
        z += long


def _building_plot(
    rng: np.random.Generator, here: Place, side: int, z: float, long: float
) -> Iterator[Item]:
    setback = here.setback * rng.uniform(0.6, 1.2)
    x = edge(here, side, walk(here, side) + setback)
    deep = x + side * rng.uniform(7, 14)
    eaves = rng.uniform(*here.storeys) * 3.0 + 2.0
    gap = min(rng.uniform(0, 4), long / 3) if here.setback > 0 else 0.0
    a, b = world(here, x, z), world(here, x, z + long - gap)
    far = (a[0] + deep - x, a[1])
    style, blank = int(rng.integers(2**32)), rng.random() < 0.5
    rise = rng.uniform(1.5, 4.5) if rng.random() < 0.65 else 0.0
    light, end_light = facing(here, -side, 0), facing(here, 0, -1)
    if in_view(a, b):
        yield _wall(np.random.default_rng(style), here, a, b, eaves, light)
    if in_view(a, far):
        again = np.random.default_rng(style)
        yield _wall(again, here, a, far, eaves, end_light, gable=rise, blank=blank)
    if rise and in_view(a, b):
        look = facades.roof(rng, here.tile, length=long, hip=0.0)
        lean = ((far[0] - a[0]) / 2 / rise, 0.0)
        yield Thing(a, b, eaves, eaves + rise, look, BUILDING, (light + 0.8) / 2, lean)
    yield from swept(here, [a, b, (b[0] + deep - x, b[1]), far], eaves)
    if rng.random() < 0.22:
        yield _poster(rng, here, side, x, z, long - gap)
    if setback > 1.5:
        yield from _boundary(rng, here, side, z, long)
        if rng.random() < 0.5:
            yield from tree(rng, here, x - side * setback / 2, z + long / 2)
    elif rng.random() < 0.12:
        yield from wall_sign(rng, here, side, x, z + long / 2)


def _poster(
    rng: np.random.Generator, here: Place, side: int, x: float, z: float, long: float
) -> Thing:
    """A picture on a wall: it belongs to the building, whatever it shows."""
    kind = rng.integers(4)
    if kind == 0:
        picture = figures.pedestrian(rng)
    elif kind == 1:
        picture = figures.bicyclist(rng)
    elif kind == 2:
        picture = figures.tree(rng, here.tile)
    else:
        body = vehicles.car(rng, glass=here.air.zenith, night=0.0)
        picture = figures.Figure(body.length, body.height, vehicles.car_side(body, towards=False))
    tall = rng.uniform(1.6, 3.2)
    zoom = tall / picture.height
    wide = picture.width * zoom

    def shrunk(patch: Patch) -> Paint:
        return picture.look(Patch(patch.s / zoom, patch.y / zoom, patch.px * zoom))

    near = z + rng.uniform(0, max(long - wide, 0.1))
    at = x - side * 0.08
    a, b = world(here, at, near), world(here, at, near + min(wide, long))
    base = rng.uniform(0.6, 1.6)
    look = textures.poster(rng, shrunk, width=wide, height=tall)
    return Thing(a, b, base, base + tall, look, BUILDING, facing(here, -side, 0))


def _boundary(
    rng: np.random.Generator, here: Place, side: int, z: float, long: float
) -> Iterator[Thing]:
    """A fence, a hedge or nothing between the pavement and a garden."""
    x = edge(here, side, walk(here, side) + 0.15)
    a, b = world(here, x, z), world(here, x, z + long)
    drawn = rng.random()
    if drawn < 0.45:
        tall = rng.uniform(0.9, 1.7)
        yield Thing(a, b, 0, tall, textures.fence(rng, height=tall), FENCE, 0.5)
    elif drawn < 0.75:
        tall = rng.uniform(0.7, 2.2)
        yield Thing(a, b, 0, tall, textures.hedge(rng, here.tile, height=tall), TREE, 0.5)


def _green_plot(
    rng: np.random.Generator, here: Place, side: int, z: float, long: float
) -> Iterator[Item]:
    yield from _boundary(rng, here, side, z, long)
    for _ in range(rng.integers(1, 5)):
        out = walk(here, side) + rng.uniform(1.5, 12)
        yield from tree(rng, here, edge(here, side, out), z + rng.uniform(0, long))
    if rng.random() < 0.5:
        tall, out = rng.uniform(1.5, 6), walk(here, side) + 13
        a = world(here, edge(here, side, out), z)
        b = world(here, edge(here, side, out), z + long)
        yield Thing(a, b, 0, tall, textures.hedge(rng, here.tile, height=tall), TREE, 0.4)
