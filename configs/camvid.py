"""CamVid as in the paper: 367/101/233 frames at 360x480, 10 % labeled, two acquisitions to 13.8 %.

    s4al train camvid --workdir=runs/camvid --config.data.root=CamVid \\
        --config.model.pretrained=mobilenet_v2_imagenet.safetensors
    python -m s4al_jax.main --config=configs/camvid.py --workdir=runs/camvid ...

Expected of the paper's teacher: 61.4 to 62.3 % mIoU on test, 64.5 % with all labels. 20,000 steps:
for a GPU; `camvid_small.py` is for CPUs. Studies: `:supervised`, `:supervised_initial`, `:random`,
`:least_confidence`, `:entropy`, `:margin`. `S4AL_CAMVID` and `S4AL_WEIGHTS` may name the folder and
the weights instead.
"""

import os

from ml_collections import ConfigDict

from s4al_jax.config import defaults

# The authors' head classes; the rule would also count cars, with 6 % of the pixels.
HEAD, TAIL = (0, 1, 3, 4, 5), (2, 6, 7, 8, 9, 10)


def get_config(study: str | None = None) -> ConfigDict:
    """The paper's protocol, or one of its studies."""
    config = defaults.default()
    config.data.name = "camvid"
    config.data.root = os.environ.get("S4AL_CAMVID", "")
    config.data.kwargs = ConfigDict()
    config.model.pretrained = os.environ.get("S4AL_WEIGHTS", "")
    config.method.kwargs.update(head=HEAD, tail=TAIL)
    return defaults.study(config, study, supervised={"iterations": 100, "epochs": 100})
