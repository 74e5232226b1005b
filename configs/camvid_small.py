"""CamVid at 180x240 with a short schedule, for CPUs and quick studies.

    S4AL_CAMVID=... python -m s4al_jax.main --config=configs/camvid_small.py \\
        --workdir=runs/camvid_small --config.model.pretrained=mobilenet_v2_imagenet.safetensors
"""

from ml_collections import ConfigDict

from configs import camvid
from s4al_jax import config as knobs


def get_config(argument: str | None = None) -> ConfigDict:
    """The small protocol, or one of its studies."""
    config = camvid.get_config()
    config.unlock()
    config.data.height, config.data.width = 180, 240
    config.acquisition.update(cell_height=15, cell_width=15)
    config.schedule.update(iterations=25, epochs=16, last_epochs=32)
    config.schedule.update(warmup_epochs=4, replay_start_epoch=6)
    # A teacher that remembers 100 steps would lag behind for a quarter of such a cycle.
    config.method.kwargs.update(ema_decay=0.9, teacher_statistics="running")
    config.batch.unlabeled = 2
    config.evaluate.every_epochs = 16
    return knobs.study(config, argument, supervised={"iterations": 25, "epochs": 32})
