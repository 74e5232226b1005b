"""Draws what a run asked for: a pool image, its cells' scores, and the chosen cells framed.

    python scripts/draw_scores.py --config=configs/demo.py --workdir=runs/demo --out=scores.png

Takes the image in which the best cell of the cycle lies, unless `--image` names another.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from absl import app, flags
from ml_collections import config_flags

from s4al_jax import experiment
from s4al_jax.engine.rundir import cycle_folder
from s4al_jax.report import figures

_CONFIG = config_flags.DEFINE_config_file("config", None, "The configuration of the run.")
_WORKDIR = flags.DEFINE_string("workdir", None, "The run's directory.", required=True)
_CYCLE = flags.DEFINE_integer("cycle", 0, "After which cycle, counted from 0.")
_IMAGE = flags.DEFINE_integer("image", -1, "Index of a pool image.")
_OUT = flags.DEFINE_string("out", "scores.png", "Where the picture goes.")


def main(_: Sequence[str]) -> None:
    """Draw one picture."""
    config = _CONFIG.value
    spec = experiment.dataset(config.data)
    grid = experiment.regions(config.acquisition, spec)
    folder = cycle_folder(Path(_WORKDIR.value), _CYCLE.value)
    if folder.scores is None or folder.chosen is None:
        raise SystemExit(f"error: {folder.path} has no scores: name an earlier --cycle")
    scores = folder.scores[0]
    image = _IMAGE.value
    if image < 0:
        image = int(np.unravel_index(scores.argmax(), scores.shape)[0])
    chosen = np.zeros((grid.rows, grid.cols), bool)
    for region in folder.chosen:
        if region.image == image:
            chosen[region.row, region.col] = True
    boxes = [[grid.box(row, col) for col in range(grid.cols)] for row in range(grid.rows)]
    figure = figures.acquisition(spec.train.read_image(image), scores[image], boxes, chosen)
    figure.savefig(_OUT.value, dpi=110)
    print(f"{_OUT.value}: pool image {spec.train.names[image]}")


if __name__ == "__main__":
    app.run(main)
