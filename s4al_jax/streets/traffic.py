"""Cars, cyclists and pedestrians."""

from collections.abc import Iterator

import numpy as np

from s4al_jax.streets import figures, vehicles
from s4al_jax.streets.canvas import Thing
from s4al_jax.streets.place import (
    BICYCLIST,
    CAR,
    PEDESTRIAN,
    Item,
    Place,
    Shadow,
    blob,
    distance,
    edge,
    facing,
    swept,
    upright,
    walk,
    world,
)
from s4al_jax.streets.textures import Color, Look, Paint, flat


def _car(
    rng: np.random.Generator, here: Place, x: float, z: float, *, away: bool
) -> Iterator[Item]:
    """A car along the street with its near end at z, driving away from the camera or towards it."""
    body = vehicles.car(rng, glass=here.air.zenith, night=here.air.night)
    low, high = x - body.width / 2, x + body.width / 2
    inner = high if world(here, x, z)[0] < 0 else low
    front = not away
    set_in = 0.15 if body.height > 1.9 else 1.0 if front else 0.3
    label, face_light = CAR, facing(here, 0, -1)
    a, b = world(here, low, z), world(here, high, z)
    c, d = world(here, low, z + set_in), world(here, high, z + set_in)
    e, f = world(here, inner, z), world(here, inner, z + body.length)
    yield Thing(
        c,
        d,
        body.belt,
        body.height,
        _lift(vehicles.car_cabin(body, front=front), body.belt),
        label,
        face_light,
    )
    yield Thing(
        (c[0], z + 0.1), (d[0], z + 0.1), 0.3, body.belt + 0.02, _bonnet(body.paint), label, 0.8
    )
    side_light = facing(here, 1 if inner == high else -1, 0)
    yield Thing(e, f, 0, body.height, vehicles.car_side(body, towards=front), label, side_light)
    yield Thing(a, b, 0, body.belt, vehicles.car_face(body, front=front), label, face_light)
    g = world(here, x + (x - inner), z + body.length)
    corners = [a, b, (f if inner == high else g), (g if inner == high else f)]
    yield Shadow(np.array(corners), 0.8)
    yield from swept(here, corners, body.height * 0.9)


def _lift(look: Look, by: float) -> Look:
    return lambda patch: look(patch._replace(y=patch.y + by))


def _bonnet(paint: Color) -> Look:
    return lambda patch: Paint(flat(patch, paint), np.ones(len(patch.s), np.float32))


def parked_cars(rng: np.random.Generator, here: Place, side: int) -> Iterator[Item]:
    """A row of parked cars along one kerb, with gaps."""
    if rng.random() < 0.42:
        return
    z, busy = rng.uniform(5, 16), rng.uniform(0.25, 0.85)
    while z < 55:
        if rng.random() < busy:
            yield from _car(rng, here, edge(here, side, -1.15), z, away=side > 0)
        z += rng.uniform(6, 8)


def traffic(rng: np.random.Generator, here: Place) -> Iterator[Item]:
    """Cars that drive ahead, that come towards the camera, or that cross."""
    street = here.street
    middle = (street.left + street.right) / 2
    if rng.random() < 0.55:
        lane = min(max(0.0, street.left + 1.6), street.right - 1.6)
        yield from _car(rng, here, lane, distance(rng, 8.0, 40.0), away=True)
    if abs(middle) > 1 and rng.random() < 0.7:
        for _ in range(rng.integers(1, 4)):
            yield from _car(rng, here, 2 * middle, distance(rng, 7.0, 55.0), away=False)
    if street.crossing and rng.random() < 0.55:
        body = vehicles.car(rng, glass=here.air.zenith, night=here.air.night)
        look = vehicles.car_side(body, towards=rng.random() < 0.5)
        figure = figures.Figure(body.length, body.height, look)
        x, z = rng.uniform(-9, 9), rng.uniform(street.crossing[0] + 1, street.crossing[1] - 1)
        yield upright(here, figure, x, z, CAR)
        cx, _ = world(here, x, z)
        yield blob(cx, z + 0.8, rx=body.length / 2, rz=0.9, strength=0.8)


def cyclists(rng: np.random.Generator, here: Place) -> Iterator[Item]:
    """Cyclists along the kerbs or on their way across."""
    for _ in range(rng.poisson(1.3)):
        side, z = int(rng.choice([-1, 1])), distance(rng, 5.5, 28.0)
        x = edge(here, side, rng.uniform(-3.0, -0.8))
        if rng.random() < 0.35:
            figure, turn = figures.bicyclist_ahead(rng), 0.0
        else:
            figure, turn = figures.bicyclist(rng), float(rng.uniform(-1.1, 1.1))
        yield from _walker(here, figure, x, z, BICYCLIST, turn)


def people(rng: np.random.Generator, here: Place) -> Iterator[Item]:
    """Pedestrians, alone or in twos, mostly on the pavement."""
    rain = here.air.rain > 0
    for _ in range(rng.poisson(2.6)):
        side = int(rng.choice([-1, 1]))
        z, out = distance(rng, 6.0, 30.0), rng.uniform(0.5, walk(here, side) - 0.3)
        if rng.random() < 0.15:
            out = -rng.uniform(1, 4)
        for i in range(1 if rng.random() < 0.7 else 2):
            x = edge(here, side, out) + 0.65 * i
            yield from _walker(
                here, figures.pedestrian(rng, rain=rain), x, z + 0.3 * i, PEDESTRIAN, 0.0
            )


def _walker(
    here: Place, figure: figures.Figure, x: float, z: float, label: int, turn: float
) -> Iterator[Item]:
    yield upright(here, figure, x, z, label, turn=turn)
    cx, _ = world(here, x, z)
    yield blob(cx, z, rx=figure.width * 0.35, rz=0.25, strength=0.6)
    yield from swept(here, [(cx - 0.2, z - 0.05), (cx + 0.2, z + 0.05)], figure.height * 0.95)
