"""Draws what a run chose: a pool image, the scores of its regions, and the chosen ones outlined.

    python tools/draw_scores.py runs/demo --out=scores.png

Takes the image in which the best region of the cycle lies, unless `--image` names another.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from s4al_jax.config.options import of_run
from s4al_jax.report.figures import acquisition
from s4al_jax.run.task import build_dataset, build_regions
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
    spec = build_dataset(config.data)
    folder = cycle_folder(given.run, given.cycle)
    status = folder.status()
    if not status.has_scores or status.chosen is None:
        raise InputError(f"{folder.path} has no scores: name an earlier --cycle")
    scores = np.where(folder.read_open(), folder.read_scores()["score"], np.nan)
    image = given.image
    if image is None:
        image = int(np.unravel_index(np.nanargmax(scores), scores.shape)[0])
    if not 0 <= image < len(scores):
        raise InputError(f"--image={image}: the pool has the images 0 to {len(scores) - 1}")
    figure = acquisition.acquisition(
        spec.train.picture(image),
        scores[image],
        build_regions(config.regions, spec),
        image,
        status.chosen,
    )
    acquisition.save(figure, given.out)
    print(f"{given.out}: pool image {spec.train.names[image]}")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
