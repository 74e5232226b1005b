"""Tiny street scenes and a narrow network, to go through all of the paper's tables on a laptop.

    python -m s4al_jax.main --config=configs/quick.py --workdir=runs/quick

What `scripts/reproduce.py --profile=quick` runs: each table's comparison is made as in the paper,
in less than a minute a run, and none of its figures is expected. Studies: `:supervised`,
`:supervised_initial`, `:random`, `:least_confidence`, `:entropy`, `:margin`.
"""

from ml_collections import ConfigDict

from configs import demo
from s4al_jax.config import defaults


def get_config(argument: str | None = None) -> ConfigDict:
    """The quick protocol, or one of its studies."""
    config = demo.get_config()
    config.unlock()
    config.data.height, config.data.width = 72, 96
    config.data.kwargs.update(train=120, val=0, test=48)
    config.model.head.kwargs.update(aspp_channels=32, low_level_channels=16)
    # As many cells as the paper's grid has, 12 x 16, so that four are the same share of an image.
    config.acquisition.update(cell_height=6, cell_width=6)
    config.schedule.update(iterations=20, epochs=6, last_epochs=14)
    config.schedule.update(warmup_epochs=4, replay_start_epoch=5)
    config.evaluate.every_epochs = config.checkpoint.every_epochs = 7
    config.report.update(pool_images=8, measured_images=8)
    return defaults.study(config, argument, supervised={"iterations": 20, "epochs": 26})
