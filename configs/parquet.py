"""Parquet files of Hugging Face datasets, which needs pyarrow: docs/how_to/own_data.md.

    s4al train parquet --workdir=runs/parquet --config.data.root=snapshot \\
        --config.model.pretrained=mobilenet_v2_imagenet.safetensors
    python -m s4al_jax.main --config=configs/parquet.py --workdir=runs/parquet ...

Images without a mask are asked about; `folder` says who answers.
"""

from pathlib import Path

from ml_collections import ConfigDict

from s4al_jax.config import defaults, loader


def get_config(study: str | None = None) -> ConfigDict:
    """As `folder`, or one of its studies."""
    config = loader.load(Path(__file__).with_name("folder.py")).unlock()
    config.data.name = "parquet"
    config.data.kwargs = ConfigDict({"image": "image", "mask": ""})
    config.data.kwargs.update(val_share=0.1, test_share=0.1, seed=0)
    return defaults.study(config, study, supervised={"iterations": 50, "epochs": 32})
