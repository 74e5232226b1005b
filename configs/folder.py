"""Your own images, of any size, with masks for as few of them as you have. See docs/own_data.md.

    python -m s4al_jax.main --config=configs/folder.py:PATH --workdir=runs/mine \\
        --config.model.pretrained=mobilenet_v2_imagenet.safetensors

A person answers: after each cycle the run writes what it asks for into `requests/` of its
directory and stops; the same command goes on when the answers are there. With masks for all images
`--config.oracle.name=simulated` plays the person, and the studies `:supervised` and
`:supervised_initial` can be had, after the path. 3600 steps in three cycles.
"""

from ml_collections import ConfigDict

from s4al_jax.config import defaults


def get_config(argument: str | None = None) -> ConfigDict:
    """Two acquisitions of four cells an image; the argument is PATH or PATH:study."""
    # A path may have a colon of its own: only the name of a study stands behind the last one.
    path, colon, study = (argument or "").rpartition(":")
    if not colon or study not in ("", *defaults.STUDIES):
        path, study = argument or "", ""
    config = defaults.default()
    config.data.name = "folder"
    config.data.root = path
    config.data.kwargs = ConfigDict({"split": "auto", "val_share": 0.1, "test_share": 0.1})
    config.oracle.name = "folder"
    config.schedule.update(iterations=50, epochs=20, last_epochs=32)
    config.schedule.update(warmup_epochs=4, replay_start_epoch=8)
    return defaults.study(config, study or None, supervised={"iterations": 50, "epochs": 32})
