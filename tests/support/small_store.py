"""A store of a few answers for three tiny images, and what its tests look at."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from s4al_jax.labels.oracle import oracle
from s4al_jax.labels.store import LabelStore
from s4al_jax.regions.grid import RegionGrid, region_grid, whole_image
from s4al_jax.regions.protocol import Regions
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


def answers(refs: Sequence[RegionRef], regions: Regions, cycle: int) -> list[Annotation]:
    parcels = oracle(POOL).answers(refs, regions, cycle)
    return [answer for parcel in parcels for answer in parcel]


def cell(image: int, row: int, col: int) -> RegionRef:
    """A cell of `GRID`."""
    return RegionRef(image, row * GRID.cols + col)


def all_regions(regions: Regions) -> list[RegionRef]:
    """Every region of the pool."""
    images = range(len(NAMES))
    return [RegionRef(image, one) for image in images for one in range(regions.count(image))]


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
    store.record(answers([RegionRef(0, 0)], whole, 0), whole)
    store.record(answers([cell(2, 0, 0), cell(2, 1, 2), cell(2, 2, 2)], GRID, 1), GRID)
    return store


def rewrite_as_version_1(folder: Path, grid: RegionGrid = GRID) -> None:
    """Write a ledger of cells and whole images as version 0.1 of the package wrote it."""
    path = folder / "ledger.jsonl"
    keys = "cycle image name row col box original cost annotator time patch sha256".split()
    lines = []
    for line in path.read_text("ascii").splitlines():
        entry = json.loads(line)
        whole = entry["box"] == [0, 0, HEIGHT, WIDTH]
        row, col = (0, 0) if whole else divmod(entry["region"], grid.cols)
        values = {**entry, "row": row, "col": col}
        lines.append(json.dumps({key: values[key] for key in keys}, separators=(",", ":")) + "\n")
    path.write_text("".join(lines), "ascii")
