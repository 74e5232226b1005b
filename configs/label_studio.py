"""What Label Studio exported as JSON, beside its images: docs/how_to/own_data.md.

    s4al train label_studio --workdir=runs/label_studio --config.data.root=photos \\
        --config.model.pretrained=mobilenet_v2_imagenet.safetensors
    python -m s4al_jax.main --config=configs/label_studio.py --workdir=runs/label_studio ...

Images that nobody has annotated are asked about; `folder` says who answers.
"""

from pathlib import Path

from ml_collections import ConfigDict

from s4al_jax.config import defaults, loader


def get_config(study: str | None = None) -> ConfigDict:
    """As `folder`, or one of its studies."""
    config = loader.load(Path(__file__).with_name("folder.py")).unlock()
    config.data.name = "label_studio"
    config.data.kwargs = ConfigDict({"export": "", "image": "image"})
    config.data.kwargs.update(outside="void", overlap="void", unannotated="unlabeled")
    config.data.kwargs.update(val_share=0.1, test_share=0.1, seed=0)
    return defaults.study(config, study, supervised={"iterations": 50, "epochs": 32})
