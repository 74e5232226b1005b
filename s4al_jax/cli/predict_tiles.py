"""What an exported network sees in an image of any size, by tiles that slide over it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from s4al_jax.engine.infer import Inference
from s4al_jax.engine.sliding import classes_and_uncertainty, slide
from s4al_jax.files.bands import Bands, read_bands
from s4al_jax.files.images import ImageFile
from s4al_jax.files.tiff_windows import Rows, open_windows
from s4al_jax.report.predictions import open_prediction
from s4al_jax.run.export import ExportedNetwork
from s4al_jax.types import Tree


def write_tiles(
    network: ExportedNetwork,
    see: Callable[[Tree, np.ndarray], Inference],
    image: ImageFile,
    out: Path,
    name: str,
    *,
    overlap: float,
    batch: int,
) -> None:
    """Write the three files of an image, row by row.

    Args:
      network: any; its size is that of a tile.
      see: its predictor, for `batch` tiles.
      image: the file.
      out: a folder, which gets a folder for each of the three.
      name: of the image.
      overlap: the share of a tile that the next one covers, too.
      batch: tiles at a time.
    """
    with _open_rows(image, network.bands) as rows:
        bands = slide(
            rows.read,
            rows.size,
            (network.height, network.width),
            lambda tiles: see(network.variables, tiles).logits,
            overlap=overlap,
            batch=batch,
        )
        with open_prediction(out, name, rows.size, network.palette) as write:
            for band in bands:
                shown = band.picture[..., list(network.bands.display)]
                write(shown, *classes_and_uncertainty(band.logits))


@contextmanager
def _open_rows(image: ImageFile, bands: Bands) -> Iterator[Rows]:
    """The rows of any image; what cannot be read in parts is read whole."""
    if bands.is_plain_rgb:
        with open_windows(image) as rows:
            if rows is not None:
                yield rows
                return
    picture = read_bands(image, bands)
    yield Rows((picture.shape[0], picture.shape[1]), lambda top, bottom: picture[top:bottom])
