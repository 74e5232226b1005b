"""CamVid at 180x240 with a short schedule, for CPUs and quick studies.

    s4al train camvid_small --workdir=runs/camvid_small --config.data.root=CamVid \\
        --config.model.pretrained=mobilenet_v2_imagenet.safetensors
    python -m s4al_jax.main --config=configs/camvid_small.py --workdir=runs/camvid_small ...
"""

from pathlib import Path

from ml_collections import ConfigDict

from s4al_jax.config import defaults, loader


def get_config(study: str | None = None) -> ConfigDict:
    """The small protocol, or one of its studies."""
    config = loader.load(Path(__file__).with_name("camvid.py")).unlock()
    config.data.height, config.data.width = 180, 240
    config.regions.kwargs.update(cell_height=15, cell_width=15)
    # Pseudo-labels of a network that has not met all classes yet would unteach the rare ones: as
    # many steps of warm-up as in the long protocol, not the same share.
    config.schedule.update(iterations=25, epochs=16, last_epochs=32)
    config.method.kwargs.update(warmup_epochs=12, replay_start_epoch=14)
    config.method.kwargs.update(ema_decay=0.97, teacher_statistics="running")
    config.batch.unlabeled = 2
    config.evaluate.every_epochs = 16
    return defaults.study(config, study, supervised={"iterations": 25, "epochs": 32})
