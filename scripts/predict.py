"""Shows what an exported network sees in any images: label maps, overlays, where it is unsure.

    python scripts/predict.py --model=models/photos photos/images more.jpg --out=seen

Images are files, or folders with images in any sub-folders. One that cannot be read is named and
left out, and the command ends with 1.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from s4al_jax.console.terminal import Terminal
from s4al_jax.data.images import likeliest, named_pictures, on_disk, resized, rgb
from s4al_jax.engine import devices
from s4al_jax.engine.predict import Seen, predictor
from s4al_jax.input.prefetch import prefetch
from s4al_jax.report.predictions import write_prediction
from s4al_jax.run import export
from s4al_jax.types import InputError, Tree


class Loaded(NamedTuple):
    """Images of one batch that could be read, and a sentence for each that could not."""

    names: list[str]
    pictures: list[np.ndarray]
    problems: list[str]


def main() -> None:
    """Read the flags and write three files for each image."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("images", nargs="+", type=Path, help="files or folders")
    parser.add_argument("--model", type=Path, required=True, help="what scripts/export.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="a folder for what is seen")
    parser.add_argument("--size", choices=("original", "working"), default="original")
    parser.add_argument("--batch", type=int, default=8, help="images at a time")
    given = parser.parse_args()
    if given.batch < 1:
        parser.error("--batch must be at least 1")
    devices.enable_compilation_cache()
    mesh = devices.mesh(1)
    model = export.read_network(given.model, mesh)
    images = named_pictures(given.images)
    see = predictor(model.predict, mesh, batch=given.batch)
    with Terminal(sys.stderr) as terminal:
        problems = _written(given, images, model, see, terminal.countdown("images"))
    print(f"{given.out}: {len(images) - len(problems)} images")
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if problems:
        sys.exit(1)


def _written(
    given: argparse.Namespace,
    images: Mapping[str, Path],
    model: export.ExportedNetwork,
    see: Callable[[Tree, np.ndarray], Seen],
    progress: Callable[[int, int], None],
) -> list[str]:
    """See the images, write what is seen, and give what is wrong with them."""
    done, problems = 0, []
    for part, loaded in _loaded(list(images.items()), given.batch):
        problems += loaded.problems
        if loaded.names:
            small = [resized(p, model.height, model.width) for p in loaded.pictures]
            seen = see(model.variables, np.stack(small))
            for row, name in enumerate(loaded.names):
                picture = (small if given.size == "working" else loaded.pictures)[row]
                write_prediction(
                    given.out,
                    name,
                    picture=picture,
                    labels=likeliest(seen.logits[row], *picture.shape[:2]),
                    uncertainty=resized(seen.uncertainty[row], *picture.shape[:2]),
                    palette=model.palette,
                )
        done += len(part)
        progress(done, len(images))
    return problems


def _loaded(
    images: Sequence[tuple[str, Path]], batch: int
) -> Iterator[tuple[Sequence[tuple[str, Path]], Loaded]]:
    """The images, a batch at a time, read by threads a little ahead."""

    def load(part: Sequence[tuple[str, Path]]) -> Loaded:
        loaded = Loaded([], [], [])
        for name, path in part:
            try:
                picture = rgb(on_disk(path))
            except InputError as error:
                loaded.problems.append(str(error))
                continue
            loaded.names.append(name)
            loaded.pictures.append(picture)
        return loaded

    parts = (images[start : start + batch] for start in range(0, len(images), batch))
    return prefetch(parts, load, depth=2)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
