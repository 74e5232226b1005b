"""A data set that your own TFDS builder wrote with `file_format="array_record"`.

    s4al train tfds --workdir=runs/streets --config.data.root=DIR \\
        --config.data.kwargs.dataset=streets --config.data.kwargs.label=segmentation
    python -m s4al_jax.main --config=configs/tfds.py --workdir=runs/streets ...

The data set is `streets`, `streets/config` or `streets/config:1.0.0` in the folder (or
`TFDS_DATA_DIR`). What its features, splits and classes are called is set with
`--config.data.kwargs...`, as described in `data/tfds.py`. The protocol is CamVid's; set the size
with `--config.data.height` and `--config.data.width`. Studies: as of `camvid.py`.
"""

import os

from ml_collections import ConfigDict

from s4al_jax.config import defaults


def get_config(study: str | None = None) -> ConfigDict:
    """Any data set under the paper's protocol, or one of its studies."""
    config = defaults.default()
    config.data.name = "tfds"
    config.data.root = os.environ.get("TFDS_DATA_DIR", "")
    config.data.kwargs = ConfigDict({"dataset": "", "image": "image", "label": "label"})
    config.data.kwargs.update(id="id", train="train", val="val", test="test")
    config.data.kwargs.update(classes=(), void=(255,))
    config.model.pretrained = os.environ.get("S4AL_WEIGHTS", "")
    return defaults.study(
        config,
        study,
        supervised={"iterations": 100, "epochs": 100},
        data="the data set is named with --config.data.kwargs.dataset=NAME",
    )
