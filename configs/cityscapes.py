"""Cityscapes as in the paper: 2675/300/500 at 688x688, 10 % labeled, five acquisitions of 1.4 %.

    s4al train cityscapes --workdir=runs/cityscapes --config.data.root=Cityscapes \\
        --config.model.pretrained=mobilenet_v2_imagenet.safetensors
    python -m s4al_jax.main --config=configs/cityscapes.py --workdir=runs/cityscapes ...

The folder (or `S4AL_CITYSCAPES`) holds the two archives as they are downloaded, or what
`s4al prepare cityscapes` made of them. Expected of the paper's teacher: 64.8 % mIoU on test, 65.3 %
with all labels. Pixels paid for: 10 % + 5 x 1.56 % of the other 90 % = 17.0 %, which the paper
gives as 16 %. 70,000 steps: for a GPU. Images at full size, of which a step sees crops:
`--config.data.height=1024 --config.data.width=2048 --config.augment.crop_height=688
--config.augment.crop_width=688 --config.regions.kwargs.cell_height=64
--config.regions.kwargs.cell_width=128`. Studies: `:supervised`, `:supervised_initial`, `:random`,
`:least_confidence`, `:entropy`, `:margin`.
"""

import os

from ml_collections import ConfigDict

from s4al_jax.config import defaults


def get_config(study: str | None = None) -> ConfigDict:
    """The paper's protocol, or one of its studies."""
    config = defaults.default()
    config.data.name = "cityscapes"
    config.data.root = os.environ.get("S4AL_CITYSCAPES", "")
    config.data.height, config.data.width = 688, 688
    config.data.kwargs = ConfigDict({"val": 300, "seed": 0})
    config.model.pretrained = os.environ.get("S4AL_WEIGHTS", "")
    config.augment.scale_range = (0.5, 2.0)
    config.schedule.update(acquisitions=5, iterations=100, epochs=100, last_epochs=200)
    # Head and tail by the rule.
    config.method.kwargs.update(replay_capacity=500, head_draws=3, tail_draws=3)
    config.regions.kwargs.update(cell_height=43, cell_width=43)
    return defaults.study(config, study, supervised={"iterations": 200, "epochs": 100})
