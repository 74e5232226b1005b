"""The tiny experiment: the whole method on a handful of small scenes, in seconds.

    python -m s4al_jax.main --config=tests/support/tiny.py --workdir=WORKDIR

Not a test: its `get_config` is what `processes_test.py` gives to several processes.
"""

from ml_collections import ConfigDict

from s4al_jax.config import defaults
from s4al_jax.models import build
from tests.support.plain_backbone import Plain

build.BACKBONES["plain"] = Plain


def tiny_config(**changes: object) -> ConfigDict:
    """A configuration whose network is two convolutions under DeepLabv3+."""
    config = defaults.default()
    config.data.height, config.data.width = 48, 64
    config.data.initial_share = 0.34
    config.data.kwargs.update(train=6, val=2, test=3)
    config.model.backbone = ConfigDict({"name": "plain", "kwargs": {"features": 8}})
    config.model.head.kwargs.update(aspp_channels=16, low_level_channels=8, rates=(1, 2, 3))
    config.devices = 1
    config.batch.update(labeled=2, unlabeled=2)
    config.schedule.update(acquisitions=1, iterations=2, epochs=3, last_epochs=4)
    config.method.kwargs.update(warmup_epochs=1, replay_start_epoch=2, replay_capacity=4)
    config.regions.kwargs.update(cell_height=12, cell_width=16)
    config.budget.regions_per_image = 2
    config.evaluate.update(every_epochs=2, batch=2)
    config.score.batch = 4
    config.checkpoint.every_epochs = 1
    # Looking at images is one more program to compile: left to the tests that are about it.
    config.report.update(pool_images=0, measured_images=0)
    for name, value in changes.items():
        *path, last = name.split("__")
        place = config
        for part in path:
            place = place[part]
        place[last] = value
    return config


def get_config() -> ConfigDict:
    """For up to four devices, numbers that rounding moves little, and little to compile."""
    config = tiny_config(
        devices=0,
        batch__labeled=4,
        batch__unlabeled=4,
        evaluate__batch=4,
        optimizer__learning_rate=1e-3,
        schedule__epochs=2,
        schedule__last_epochs=2,
        method__kwargs__warmup_epochs=0,
        method__kwargs__replay=False,
        evaluate__splits=("val",),
        report__pool_images=3,
        report__measured_images=1,
    )
    config.lock()
    return config
