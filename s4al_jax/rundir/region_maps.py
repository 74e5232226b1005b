"""regions.npz: where the regions of some images lie, for a run whose regions are no grid.

An image's map says of each pixel which region it belongs to. A report needs those of the images
that it shows; each is read when it is asked for.
"""

import functools
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from s4al_jax.files.atomic import write_atomically
from s4al_jax.regions.protocol import Regions
from s4al_jax.types import Box, InputError, RegionRef

MAPS = "regions.npz"
_KEPT = 8
"""maps that are kept in memory: a report goes from image to image"""


def write_region_maps(workdir: Path, regions: Regions, images: Iterable[int]) -> None:
    """Write the id maps of some images of the pool into a run's directory."""
    buffer = io.BytesIO()
    # One map at a time: all together they may be larger than the memory.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:

        def add(name: str, array: np.ndarray) -> None:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)

        add("shape", np.array([regions.height, regions.width, regions.max_regions], np.int64))
        for image in images:
            add(str(image), regions.id_map(image))
    write_atomically(workdir / MAPS, buffer.getvalue())


def read_region_maps(path: Path) -> "RegionMaps":
    """The regions that a file of id maps describes."""
    height, width, most = map(int, _read(path, "shape"))
    return RegionMaps(path, height, width, most)


class RegionMaps:
    """Regions of any shape, known by the id maps of some images; see `regions.protocol.Regions`."""

    cell_size = None
    uniform = False

    def __init__(self, path: Path, height: int, width: int, max_regions: int) -> None:
        self.height, self.width, self.max_regions = height, width, max_regions
        self._path = path
        self._map = functools.lru_cache(_KEPT)(self._read_map)

    def id_map(self, image: int) -> np.ndarray:
        """uint16 `[height, width]`: the region of each pixel."""
        return self._map(image)

    def count(self, image: int) -> int:
        """How many regions an image has."""
        return int(self.id_map(image).max()) + 1

    def costs(self, image: int) -> np.ndarray:
        """int64 `[count]`: the pixels of each."""
        return np.bincount(self.id_map(image).ravel(), minlength=self.count(image)).astype(np.int64)

    def box(self, region: RegionRef) -> Box:
        """The smallest rectangle around a region."""
        inside = self.id_map(region.image) == region.region
        if not inside.any():
            raise InputError(
                f"image {region.image} has no region {region.region} in {self._path}: restore the "
                "file from a copy"
            )
        rows, cols = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
        return Box(int(rows[0]), int(cols[0]), int(rows[-1]) + 1, int(cols[-1]) + 1)

    def mask(self, region: RegionRef) -> np.ndarray | None:
        """bool of the box's size: the pixels of the region; None: all of its box."""
        inside = self.id_map(region.image)[self.box(region).slices] == region.region
        return None if inside.all() else inside

    def overlapping(self, image: int, box: Box, mask: np.ndarray | None) -> np.ndarray:
        """int64 `[any]`: the regions that share a pixel with a box, or with its mask."""
        inside = self.id_map(image)[box.slices]
        return np.unique(inside if mask is None else inside[mask]).astype(np.int64)

    def title(self, region: RegionRef) -> str:
        """What a message calls a region."""
        return f"region {region.region}"

    def stem(self, region: RegionRef) -> str:
        """What a file name calls a region."""
        return f"r{region.region:05d}"

    def _read_map(self, image: int) -> np.ndarray:
        found = _read(self._path, str(image))
        if found.shape != (self.height, self.width):
            raise InputError(
                f"{self._path}: the map of image {image} has another size than the images: restore "
                "the file from a copy"
            )
        return found


def _read(path: Path, name: str) -> np.ndarray:
    try:
        with np.load(path, allow_pickle=False) as file:
            return np.asarray(file[name])
    # A damaged archive can fail in many ways, and not every file is an archive.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} cannot be read ({reason}): restore it from a copy") from error
