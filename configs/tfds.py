"""A data set that your own TFDS builder wrote with `file_format="array_record"`.

    TFDS_DATA_DIR=... python -m s4al_jax.main --config=configs/tfds.py:streets \\
        --workdir=runs/streets --config.data.kwargs.label=segmentation

After the colon stands the data set's name (`streets`, `streets/config`, `streets/config:1.0.0`),
and perhaps, after a comma, a study: `configs/tfds.py:streets,random`. What its features, splits and
classes are called is set with `--config.data.kwargs...`, as described in `data/tfds.py`. The
protocol is CamVid's; set the size with `--config.data.height` and `--config.data.width`.
"""

import os

from ml_collections import ConfigDict

from s4al_jax.config import defaults


def get_config(argument: str | None = None) -> ConfigDict:
    """The data set of that name under the paper's protocol, or one of its studies."""
    name, _, study = (argument or "").partition(",")
    if name in ("supervised", "supervised_initial", *defaults.QUESTIONS):
        name, study = "", name
    config = defaults.default()
    config.data.name = "tfds"
    config.data.root = os.environ.get("TFDS_DATA_DIR", "")
    config.data.kwargs = ConfigDict({"dataset": name, "image": "image", "label": "label"})
    config.data.kwargs.update(id="id", train="train", val="val", test="test")
    config.data.kwargs.update(classes=(), void=(255,))
    config.model.pretrained = os.environ.get("S4AL_WEIGHTS", "")
    return defaults.study(config, study or None, supervised={"iterations": 100, "epochs": 100})
