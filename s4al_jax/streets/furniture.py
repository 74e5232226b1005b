"""What stands on the pavements: lamp posts, signs, bollards, railings, trees and bins."""

from collections.abc import Iterator

import numpy as np

from s4al_jax.streets import figures, textures
from s4al_jax.streets.canvas import Thing
from s4al_jax.streets.place import (
    FENCE,
    POLE,
    SIGN,
    TREE,
    Item,
    Place,
    Shadow,
    blob,
    distance,
    edge,
    in_view,
    swept,
    upright,
    walk,
    world,
)
from s4al_jax.streets.textures import Paint, Patch, flat, shade_of
from s4al_jax.types import VOID


def furniture(rng: np.random.Generator, here: Place, side: int) -> Iterator[Item]:
    """All that stands along one kerb."""
    step, z = rng.uniform(14, 30), rng.uniform(7, 22)
    lamps = rng.random() < 0.55
    state = int(rng.integers(2**32))
    while z < 70 and lamps:
        x = edge(here, side, 0.6)
        same = np.random.default_rng(state)
        yield upright(here, figures.lamp_post(same, glow=here.air.night), x, z, POLE)
        yield from _thin_shadow(here, x, z, 6.0)
        z += step
    for _ in range(rng.poisson(1.0)):
        yield from _sign_post(
            rng, here, edge(here, side, rng.uniform(0.4, 1.0)), distance(rng, 6.0, 40.0)
        )
    if rng.random() < 0.12:
        first, tall = rng.uniform(9, 15), rng.uniform(0.8, 1.1)
        bollard = figures.post(rng, tall=tall)
        for i in range(rng.integers(3, 7)):
            yield upright(here, bollard, edge(here, side, 0.4), first + 1.8 * i, POLE)
    if rng.random() < 0.22:
        z, tall = distance(rng, 7.0, 25.0), rng.uniform(0.9, 1.2)
        a = world(here, edge(here, side, 0.3), z)
        b = world(here, edge(here, side, 0.3), z + rng.uniform(4, 14))
        yield Thing(a, b, 0, tall, textures.fence(rng, height=tall), FENCE, 0.5)
    if rng.random() < 0.3 and walk(here, side) > 2.5:
        first, gap = rng.uniform(7, 14), rng.uniform(7, 12)
        for i in range(rng.integers(1, 5)):
            yield from tree(rng, here, edge(here, side, 1.0), first + gap * i)
    if rng.random() < 0.3:
        yield from _clutter(rng, here, side)


def _thin_shadow(here: Place, x: float, z: float, tall: float) -> Iterator[Shadow]:
    cx, _ = world(here, x, z)
    yield from swept(here, [(cx - 0.09, z - 0.05), (cx + 0.09, z + 0.05)], tall)


def _sign_post(rng: np.random.Generator, here: Place, x: float, z: float) -> Iterator[Item]:
    tall = rng.uniform(2.6, 3.6)
    yield upright(here, figures.post(rng, tall=tall), x, z, POLE)
    yield from _thin_shadow(here, x, z, tall)
    for _ in range(rng.integers(1, 3)):
        board = figures.sign(rng)
        tall -= board.height + 0.05
        yield upright(here, board, x, z - 0.05, SIGN, base=tall)


def _clutter(rng: np.random.Generator, here: Place, side: int) -> Iterator[Item]:
    """Bins and boxes: things that belong to no class."""
    paint = shade_of(rng, (0.15, 0.2, 0.15), (0.3, 0.3, 0.32), (0.6, 0.1, 0.1), (0.2, 0.3, 0.5))
    tall, wide = rng.uniform(0.8, 1.5), rng.uniform(0.5, 1.1)

    def look(patch: Patch) -> Paint:
        rgb = flat(patch, paint) * np.where(patch.y > tall - 0.15, 0.6, 1.0)[:, None]
        return Paint(rgb.astype(np.float32), np.ones(len(rgb), np.float32))

    x, z = edge(here, side, rng.uniform(0.8, 1.6)), distance(rng, 6.0, 25.0)
    yield upright(here, figures.Figure(wide, tall, look), x, z, VOID)


def tree(rng: np.random.Generator, here: Place, x: float, z: float) -> Iterator[Item]:
    """A tree with the shade below it and, in the sun, a dappled shadow."""
    cx, _ = world(here, x, z)
    if z < 4 or not in_view((cx, z), margin=4.0):
        return
    figure = figures.tree(rng, here.tile)
    yield upright(here, figure, x, z, TREE)
    dx, dz = here.air.towards
    yield blob(cx, z, rx=figure.width * 0.35, rz=figure.width * 0.35, strength=0.25)
    if dx or dz:
        tip = figure.height * 0.6
        yield from swept(here, [(cx - 0.15, z), (cx + 0.15, z)], tip)
        for _ in range(5):
            sx, sz = rng.uniform(-0.3, 0.3, 2) * figure.width
            r = figure.width * rng.uniform(0.15, 0.3)
            yield blob(cx + dx * tip + sx, z + dz * tip + sz, rx=r, rz=r, strength=0.85)


def wall_sign(
    rng: np.random.Generator, here: Place, side: int, x: float, z: float
) -> Iterator[Item]:
    """A sign that sticks out from a wall."""
    board = figures.sign(rng)
    yield upright(here, board, x - side * board.width * 0.6, z, SIGN, base=rng.uniform(2.4, 3.4))
