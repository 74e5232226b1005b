"""What an exported network sees in any images: three files for each."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from s4al_jax.cli.predict_tiles import write_tiles
from s4al_jax.engine import devices
from s4al_jax.engine.infer import Inference, predictor
from s4al_jax.engine.sliding import check_overlap
from s4al_jax.files.bands import Bands, WrongBandCount, count_bands, read_bands
from s4al_jax.files.fit import cut_frame, mean_color, uncut_frame
from s4al_jax.files.images import MAX_PIXELS, ImageFile, image_file, images_by_name
from s4al_jax.files.resize import argmax_at_size, resize_image
from s4al_jax.input.prefetch import prefetch
from s4al_jax.report.predictions import write_prediction
from s4al_jax.run.export import ExportedNetwork, read_network
from s4al_jax.types import VOID, InputError, Tree


class Loaded(NamedTuple):
    """Images of one batch that could be read, and a sentence for each that could not."""

    names: list[str]
    pictures: list[np.ndarray]
    problems: list[str]


class Tiling(NamedTuple):
    """Whether and how pictures are seen in tiles of the network's size, at their own scale."""

    always: bool = False
    """also where the network was trained on whole pictures, brought to its size"""
    overlap: float = 0.25
    """the share of a tile that the next one covers, too"""


DEFAULT_TILING = Tiling()


class Predicted(NamedTuple):
    """How many images were seen, and what is wrong with the others."""

    images: int
    problems: list[str]


def predict_images(
    model: Path,
    images: Sequence[Path],
    out: Path,
    *,
    original: bool = True,
    batch: int = 8,
    tiling: Tiling = DEFAULT_TILING,
    max_pixels: int = MAX_PIXELS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Predicted:
    """Write what a network sees: label maps, overlays, and where it is unsure.

    Args:
      model: the folder that `export_network` wrote.
      images: files, or folders with images in any sub-folders.
      out: a folder, which gets a folder for each of the three.
      original: write files of the images' own sizes, else of the network's.
      batch: images or tiles at a time.
      tiling: for images that are seen in tiles.
      max_pixels: an image with more is named and left out.
      progress: is told how many images of how many are done.
    """
    check_overlap(tiling.overlap)
    devices.enable_compilation_cache()
    mesh = devices.mesh(1)
    network = read_network(model, mesh)
    see = predictor(network.predict, mesh, batch=batch)
    named = [
        (name, image_file(path, max_pixels)._replace(limit_option="--max_pixels"))
        for name, path in images_by_name(images).items()
    ]
    if not (tiling.always or network.fit == "tile"):
        return _predict_batches(network, see, named, out, original, batch, progress)
    if not original:
        raise InputError("--size=working: images seen in tiles have maps of their own size")
    problems = []
    for done, (name, image) in enumerate(named, start=1):
        try:
            write_tiles(network, see, image, out, name, overlap=tiling.overlap, batch=batch)
        except InputError as error:
            problems.append(_problem(error, image, network.bands))
        progress(done, len(named))
    return Predicted(len(named) - len(problems), problems)


def _predict_batches(
    network: ExportedNetwork,
    see: Callable[[Tree, np.ndarray], Inference],
    named: Sequence[tuple[str, ImageFile]],
    out: Path,
    original: bool,
    batch: int,
    progress: Callable[[int, int], None],
) -> Predicted:
    """Predict whole images, brought to the network's size."""
    fill, shown = mean_color(network.bands.channels), network.bands.display
    done, problems = 0, []
    for part, loaded in _load_batches(named, batch, network.bands):
        problems += loaded.problems
        if loaded.names:
            size = network.height, network.width
            framed = [cut_frame(p, size, network.fit, fill=fill) for p in loaded.pictures]
            small = [resize_image(p, *size) for p in framed]
            seen = see(network.variables, np.stack(small))
            for row, name in enumerate(loaded.names):
                picture = (loaded.pictures if original else small)[row]
                at = (framed if original else small)[row].shape[:2]
                labels = argmax_at_size(seen.logits[row], *at)
                uncertainty = resize_image(seen.uncertainty[row], *at)
                if original:
                    whole = picture.shape[:2]
                    labels = uncut_frame(labels, whole, size, network.fit, fill=VOID)
                    uncertainty = uncut_frame(uncertainty, whole, size, network.fit, fill=0)
                write_prediction(
                    out,
                    name,
                    picture=np.take(picture, shown, axis=-1),
                    labels=labels,
                    uncertainty=uncertainty,
                    palette=network.palette,
                )
        done += len(part)
        progress(done, len(named))
    return Predicted(len(named) - len(problems), problems)


def _load_batches(
    images: Sequence[tuple[str, ImageFile]], batch: int, bands: Bands
) -> Iterator[tuple[Sequence[tuple[str, ImageFile]], Loaded]]:
    """The images, a batch at a time, read by threads a little ahead."""

    def load(part: Sequence[tuple[str, ImageFile]]) -> Loaded:
        loaded = Loaded([], [], [])
        for name, image in part:
            try:
                picture = read_bands(image, bands)
            except InputError as error:
                loaded.problems.append(_problem(error, image, bands))
                continue
            loaded.names.append(name)
            loaded.pictures.append(picture)
        return loaded

    parts = (images[start : start + batch] for start in range(0, len(images), batch))
    return prefetch(parts, load, depth=2)


def _problem(error: InputError, image: ImageFile, bands: Bands) -> str:
    """What is wrong with an image, for who has a network and no configuration."""
    if not isinstance(error, WrongBandCount):
        return str(error)
    has, sees = count_bands(error.found), count_bands(bands.channels)
    return f"{image.name} has {has}, the network sees {sees}: give it those"
