"""Tiny street scenes and a narrow network, to go through all of the paper's tables on a laptop.

    s4al train quick --workdir=runs/quick
    python -m s4al_jax.main --config=configs/quick.py --workdir=runs/quick

What `s4al reproduce --profile=quick` runs: each table's comparison is made as in the paper, in less
than a minute a run, and none of its figures is expected. Studies: `:supervised`,
`:supervised_initial`, `:random`, `:least_confidence`, `:entropy`, `:margin`.
"""

from pathlib import Path

from ml_collections import ConfigDict

from s4al_jax.config import defaults, loader


def get_config(study: str | None = None) -> ConfigDict:
    """The quick protocol, or one of its studies."""
    config = loader.load(Path(__file__).with_name("demo.py")).unlock()
    config.data.height, config.data.width = 72, 96
    config.data.kwargs.update(train=120, val=0, test=48)
    config.model.head.kwargs.update(aspp_channels=32, low_level_channels=16)
    # As many cells as the paper's grid has, 12 x 16, so that four are the same share of an image.
    config.regions.kwargs.update(cell_height=6, cell_width=6)
    config.schedule.update(iterations=20, epochs=6, last_epochs=14)
    config.method.kwargs.update(warmup_epochs=4, replay_start_epoch=5)
    config.evaluate.every_epochs = config.checkpoint.every_epochs = 7
    config.report.update(pool_images=8, measured_images=8)
    return defaults.study(config, study, supervised={"iterations": 20, "epochs": 26})
