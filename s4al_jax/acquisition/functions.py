"""Ready-made acquisitions: a score for the device, paired with a choice for the host."""

import jax
import jax.numpy as jnp

from s4al_jax.acquisition.scores import PixelScore, cell_means, cell_sums
from s4al_jax.acquisition.select import choice
from s4al_jax.regions import RegionGrid
from s4al_jax.types import UNLABELED, Acquisition, Array, InputError, Method, TrainState


def uncertainty(
    pixel_score: PixelScore, grid: RegionGrid, *, network: str, scope: str
) -> Acquisition:
    """Asks for the cells in which `network` ("teacher" or "student") is least sure."""
    if network not in ("teacher", "student"):
        raise InputError(f"network {network!r} cannot be asked: use 'teacher' or 'student'")

    def summarize(
        method: Method, state: TrainState, images: Array, known: Array, keys: Array
    ) -> Array:
        if network not in method.networks:
            trained = " or ".join(map(repr, method.networks))
            raise InputError(f"this method trains no {network!r} network to ask: use {trained}")
        logits = method.predict(getattr(state, network), images).logits
        return cell_means(pixel_score(logits), known, grid)

    return Acquisition(summarize=summarize, choose=choice(scope))


def random_regions(grid: RegionGrid, *, scope: str) -> Acquisition:
    """Asks for cells by lot: every cell of every image is as likely, and no network is run."""

    def summarize(
        method: Method, state: TrainState, images: Array, known: Array, keys: Array
    ) -> Array:
        # One number a cell: a mean over pixels would vary less in a large cell than in a small one.
        lots = jax.vmap(lambda key: jax.random.uniform(key, (grid.rows, grid.cols)))(keys)
        is_open = cell_sums((known == UNLABELED).astype(jnp.float32), grid) > 0
        return jnp.where(is_open, lots, 0.0)

    return Acquisition(summarize=summarize, choose=choice(scope))
