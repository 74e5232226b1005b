"""A street scene as a list of things: the ground it stands on and all that stands there."""

from collections.abc import Iterator

import numpy as np

from s4al_jax.streets.furniture import furniture
from s4al_jax.streets.ground import Ground, Street
from s4al_jax.streets.place import PAVEMENT, ROAD, TREE, Item, Place
from s4al_jax.streets.plots import plots, skyline
from s4al_jax.streets.textures import shade_of
from s4al_jax.streets.traffic import cyclists, parked_cars, people, traffic


def ground(rng: np.random.Generator, here: Place) -> Ground:
    """Colors and patterns of the ground, and the paint on the road."""
    tar = [(0.33, 0.33, 0.34), (0.24, 0.24, 0.26), (0.43, 0.42, 0.41), (0.4, 0.36, 0.35)]
    road = shade_of(rng, *tar)
    stone = [(0.55, 0.54, 0.52), (0.45, 0.44, 0.44), (0.5, 0.36, 0.3), (0.6, 0.55, 0.45)]
    pavement = shade_of(rng, *stone, *tar[:2])
    colors = np.array(
        [
            road,
            shade_of(rng, (0.8, 0.8, 0.78)),
            shade_of(rng, (0.75, 0.6, 0.15)),
            shade_of(rng, (0.65, 0.64, 0.62), (0.5, 0.5, 0.5)),
            pavement,
            shade_of(rng, (0.27, 0.36, 0.13), (0.35, 0.38, 0.18), (0.42, 0.38, 0.2)),
            shade_of(rng, *stone),
            shade_of(rng, (0.5, 0.22, 0.18), (0.2, 0.36, 0.25), (0.25, 0.3, 0.42)),
            road * rng.uniform(0.7, 1.25),
        ],
        np.float32,
    )
    street = here.street
    wide = street.right - street.left
    lanes = [(street.left + street.right) / 2] if rng.random() < 0.75 else []
    if wide > 8.5 and rng.random() < 0.5:
        lanes = [street.left + wide / 3, street.left + 2 * wide / 3]
    zebra = None
    if rng.random() < 0.25:
        start = street.crossing[0] - 4 if street.crossing else rng.uniform(7, 22)
        zebra = (start, start + 2.5)
    lane = None
    if rng.random() < 0.2:
        edge = rng.choice([street.left, street.right - 1.6])
        lane = (edge, edge + 1.6)
    grassy = here.built < 0.5 or (here.setback > 0 and rng.random() < 0.7)
    return Ground(
        colors=colors,
        labels=np.array(
            [ROAD, ROAD, ROAD, PAVEMENT, PAVEMENT, TREE, PAVEMENT, ROAD, ROAD], np.uint8
        ),
        rough=rng.uniform(0.1, 0.4),
        slab=(rng.uniform(0.25, 1.0), rng.uniform(0.4, 1.1)),
        cobbles=bool(rng.random() < 0.1),
        dash=((3.0, 4.0), (1.5, 1.5), (100.0, 0.0))[rng.integers(3)],
        lanes=tuple(lanes),
        edges=int(rng.integers(3)),
        zebra=zebra,
        lane=lane,
        green=(bool(grassy), bool(grassy and rng.random() < 0.8)),
        patches=_draw_patches(rng, street),
        verge=rng.uniform(0.8, 1.5) if here.setback > 0 and rng.random() < 0.25 else 0.0,
    )


def _draw_patches(rng: np.random.Generator, street: Street) -> np.ndarray:
    low, high = (street.left, 3, 0.2, 0.3), (street.right, 25, 1.3, 3.0)
    return rng.uniform(low, high, (rng.integers(4), 4)).astype(np.float32)


def items(rng: np.random.Generator, here: Place) -> Iterator[Item]:
    """Everything that stands in the street, with the shadows it throws."""
    yield from skyline(rng, here)
    for side in (-1, 1):
        yield from plots(rng, here, side)
        yield from furniture(rng, here, side)
        yield from parked_cars(rng, here, side)
    yield from traffic(rng, here)
    yield from cyclists(rng, here)
    yield from people(rng, here)
