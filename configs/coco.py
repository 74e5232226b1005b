"""A folder of images and JSON files in COCO's form: docs/how_to/own_data.md.

    s4al train coco --workdir=runs/coco --config.data.root=photos \\
        --config.model.pretrained=mobilenet_v2_imagenet.safetensors
    python -m s4al_jax.main --config=configs/coco.py --workdir=runs/coco ...

Images without an area are asked about; `folder` says who answers.
"""

from pathlib import Path

from ml_collections import ConfigDict

from s4al_jax.config import defaults, loader


def get_config(study: str | None = None) -> ConfigDict:
    """As `folder`, or one of its studies."""
    config = loader.load(Path(__file__).with_name("folder.py")).unlock()
    config.data.name = "coco"
    config.data.kwargs = ConfigDict({"images": "", "train": "", "val": "", "test": ""})
    config.data.kwargs.update(
        outside="void", overlap="void", unannotated="unlabeled", crowd="class"
    )
    config.data.kwargs.update(val_share=0.1, test_share=0.1, seed=0)
    return defaults.study(config, study, supervised={"iterations": 50, "epochs": 32})
