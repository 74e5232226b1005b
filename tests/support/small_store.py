"""A store of a few answers for three tiny images, and what its tests look at."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from s4al_jax.labels.oracle import simulated
from s4al_jax.labels.store import LabelStore
from s4al_jax.regions import RegionGrid, region_grid, whole_image
from s4al_jax.types import VOID, Annotation, ImageSet, RegionRef

HEIGHT, WIDTH, CLASSES = 5, 7, 4
NAMES = ("a", "b", "ü")
GRID = region_grid(HEIGHT, WIDTH, 2, 3)
TRUTH = np.random.default_rng(0).choice(
    np.array([0, 1, 2, 3, VOID], np.uint8), (len(NAMES), HEIGHT, WIDTH)
)


POOL = ImageSet(NAMES, lambda image: np.zeros((1, 1, 3)), lambda image: TRUTH[image])


def opened(folder: Path) -> LabelStore:
    return LabelStore.open(folder, names=NAMES, height=HEIGHT, width=WIDTH, num_classes=CLASSES)


def answers(regions: Sequence[RegionRef], grid: RegionGrid, cycle: int) -> list[Annotation]:
    parcels = simulated(POOL).answers(regions, grid, cycle)
    return [answer for parcel in parcels for answer in parcel]


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its name."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def maps(store: LabelStore) -> np.ndarray:
    return np.stack([store.label_map(image) for image in range(len(NAMES))])


def filled(folder: Path) -> LabelStore:
    """Image 0 wholly known from cycle 0, three cells of image 2 from cycle 1."""
    store = opened(folder)
    whole = whole_image(HEIGHT, WIDTH)
    store.record(answers([RegionRef(0, 0, 0)], whole, 0), whole)
    cells = [RegionRef(2, 0, 0), RegionRef(2, 1, 2), RegionRef(2, 2, 2)]
    store.record(answers(cells, GRID, 1), GRID)
    return store
