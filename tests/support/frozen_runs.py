"""The tiny experiment on features that are kept. Not a test."""

from pathlib import Path

import jax
from ml_collections import ConfigDict

from s4al_jax.models import weights
from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.init import initializer
from tests.support.plain_backbone import Plain
from tests.support.tiny import tiny_config


def backbone_file(folder: Path) -> Path:
    """A file with weights of the tiny backbone, whose statistics are not those it begins with."""
    image = jax.ShapeDtypeStruct((1, 48, 64, 3), jax.numpy.float32)
    fresh = initializer(Plain(8, ConvConfig()), image, groups=None)(jax.random.PRNGKey(3))
    moved = jax.tree.map(lambda leaf: leaf + 0.25, fresh["batch_stats"])
    path = folder / "backbone.safetensors"
    weights.write(path, {**fresh, "batch_stats": moved}, weights.TORCHVISION)
    return path


def frozen_config(folder: Path, **changes: object) -> ConfigDict:
    """The tiny experiment with a frozen backbone, whose weights lie in the folder."""
    path = folder / "backbone.safetensors"
    if not path.exists():
        backbone_file(folder)
    return tiny_config(
        **{
            "model__pretrained": str(path),
            "model__frozen": "backbone",
            "augment__scale_range": (1.0, 1.0),
            "augment__jitter_probability": 0.0,
            **changes,
        }
    )
