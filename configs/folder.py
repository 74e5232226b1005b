"""Your own images, of any size, with masks for as few as you have: docs/tutorials/own_images.md.

    s4al train folder --workdir=runs/mine --config.data.root=PATH \\
        --config.model.pretrained=mobilenet_v2_imagenet.safetensors
    python -m s4al_jax.main --config=configs/folder.py --workdir=runs/mine ...

A person answers: after each cycle the run writes what it asks for into `requests/` of its
directory and stops; the same command goes on when the answers are there. With masks for all images
`--config.annotator.name=oracle` plays the person, and the studies `:supervised` and
`:supervised_initial` can be had. 3600 steps in three cycles.
"""

from ml_collections import ConfigDict

from s4al_jax.config import defaults


def get_config(study: str | None = None) -> ConfigDict:
    """Two acquisitions of four cells an image, or one of the studies."""
    config = defaults.default()
    config.data.name = "folder"
    config.data.kwargs = ConfigDict({"split": "auto", "val_share": 0.1, "test_share": 0.1})
    config.annotator.name = "files"
    config.schedule.update(iterations=50, epochs=20, last_epochs=32)
    config.method.kwargs.update(warmup_epochs=4, replay_start_epoch=8)
    return defaults.study(
        config,
        study,
        supervised={"iterations": 50, "epochs": 32},
        data="the folder is named with --config.data.root=PATH",
    )
