"""The outline of a region as closed lines along the edges of its pixels."""

import numpy as np

from s4al_jax.regions.protocol import Regions
from s4al_jax.types import RegionRef

Ring = list[tuple[int, int]]
"""A closed line by its corners, (row, column) counted between pixels: (0, 0) is the top left."""


def region_outline(regions: Regions, region: RegionRef) -> list[Ring]:
    """The rings around a region in its image; a hole has one of its own."""
    box, mask = regions.box(region), regions.mask(region)
    if mask is None:
        mask = np.ones((box.bottom - box.top, box.right - box.left), bool)
    return [[(box.top + row, box.left + col) for row, col in ring] for ring in outline(mask)]


def outline(mask: np.ndarray) -> list[Ring]:
    """The rings around the True pixels of a map, bool `[height, width]`; filled by the even-odd
    rule they cover exactly these.
    """
    edges = _edges(mask)
    rings = []
    while edges:
        corner = start = next(iter(edges))
        ring: Ring = []
        while True:
            ring.append(corner)
            # Where two pixels touch at a corner there are two ways on: either one closes a ring.
            ahead = edges[corner]
            following = ahead.pop()
            if not ahead:
                del edges[corner]
            corner = following
            if corner == start:
                break
        rings.append(_corners(ring))
    return rings


def _edges(mask: np.ndarray) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Start -> ends of the unit edges between inside and outside, the inside on their right."""
    inside = np.pad(mask, 1)
    edges: dict[tuple[int, int], list[tuple[int, int]]] = {}
    # (row, column) of the pixel beside each one, then the edge's start and end from its corner.
    for beside, start, end in (
        ((-1, 0), (0, 0), (0, 1)),
        ((0, 1), (0, 1), (1, 1)),
        ((1, 0), (1, 1), (1, 0)),
        ((0, -1), (1, 0), (0, 0)),
    ):
        neighbor = np.roll(inside, (-beside[0], -beside[1]), (0, 1))
        for row, col in (np.argwhere(inside & ~neighbor) - 1).tolist():
            from_corner = row + start[0], col + start[1]
            edges.setdefault(from_corner, []).append((row + end[0], col + end[1]))
    return edges


def _corners(ring: Ring) -> Ring:
    """The points of a ring at which it turns."""
    turns = []
    for before, point, after in zip([ring[-1], *ring], ring, [*ring[1:], ring[0]], strict=False):
        if (before[0] == point[0]) != (point[0] == after[0]):
            turns.append(point)
    return turns
