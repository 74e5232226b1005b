"""The kinds of regions that a configuration can name."""

from collections.abc import Callable

from s4al_jax.regions.grid import region_grid, whole_image
from s4al_jax.regions.protocol import Regions

REGIONS: dict[str, Callable[..., Regions]] = {"grid": region_grid, "image": whole_image}
"""name -> (height, width, the pool's images if it wants them, its own options) -> regions"""
