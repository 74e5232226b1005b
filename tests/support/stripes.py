"""Regions that are no grid, for tests of what shows them: slanted stripes."""

from pathlib import Path

import numpy as np

from s4al_jax.rundir.region_maps import RegionMaps

REGIONS = 4


class Stripes(RegionMaps):
    """Slanted stripes, different in each image; image 0 has one region less than the others."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__(Path("stripes"), height, width, REGIONS)

    def _read_map(self, image: int) -> np.ndarray:
        rows, cols = np.indices((self.height, self.width))
        ids = (2 * cols + rows + self.width * image) * REGIONS // (2 * self.width) % REGIONS
        return np.minimum(ids, 2 if image == 0 else REGIONS).astype(np.uint16)
