"""Draws what a run asked for: a pool image, its cells' scores, and the chosen cells framed.

    python tools/draw_scores.py runs/demo --out=scores.png

Takes the image in which the best cell of the cycle lies, unless `--image` names another.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from s4al_jax.config.defaults import of_run
from s4al_jax.report.figures import acquisition
from s4al_jax.run import build
from s4al_jax.rundir.directory import cycle_folder
from s4al_jax.types import InputError


def main() -> None:
    """Draw one picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path, help="the run's directory")
    parser.add_argument("--cycle", type=int, default=0, help="after which cycle, counted from 0")
    parser.add_argument("--image", type=int, help="index of a pool image")
    parser.add_argument("--out", type=Path, default=Path("scores.png"))
    given = parser.parse_args()
    config = of_run(given.run)
    spec = build.dataset(config.data)
    grid = build.regions(config.acquisition, spec)
    folder = cycle_folder(given.run, given.cycle)
    if folder.scores is None or folder.chosen is None:
        raise InputError(f"{folder.path} has no scores: name an earlier --cycle")
    scores, eligible = folder.scores
    image = given.image
    if image is None:
        image = int(np.unravel_index(scores.argmax(), scores.shape)[0])
    if not 0 <= image < len(scores):
        raise InputError(f"--image={image}: the pool has the images 0 to {len(scores) - 1}")
    chosen = np.zeros((grid.rows, grid.cols), bool)
    for region in folder.chosen:
        if region.image == image:
            chosen[region.row, region.col] = True
    left = np.where(eligible[image], scores[image], np.nan)
    figure = acquisition.acquisition(spec.train.read_image(image), left, grid.boxes, chosen)
    acquisition.save(figure, given.out)
    print(f"{given.out}: pool image {spec.train.names[image]}")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
