"""Small backbones and a small head, for tests that are not about a network."""

import flax.linen as nn
import jax
from ml_collections import ConfigDict

from s4al_jax.models.batch_norm import BatchNorm, Groups
from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.layers import Conv
from s4al_jax.types import Prediction


class Plain(nn.Module):
    """Features at stride 4 and at stride 16."""

    features: int = 8
    conv: ConvConfig = ConvConfig()

    @nn.compact
    def __call__(self, x: jax.Array, *, groups: Groups) -> tuple[jax.Array, jax.Array]:
        """(low-level features, high-level features)."""
        features = []
        for index in range(2):
            x = Conv(self.features, 3, stride=4, conv=self.conv, name=f"conv_{index}")(x)
            x = jax.nn.relu(BatchNorm(self.conv, name=f"norm_{index}")(x, groups=groups))
            features.append(x)
        return features[0], features[1]


class GroupNormed(nn.Module):
    """Features at stride 4 and at stride 16, without batch normalization and with Flax's layers."""

    features: int = 8
    conv: ConvConfig = ConvConfig()

    @staticmethod
    def weight_name(path: tuple[str, ...]) -> str:
        """Files call a layer "stage.0.kernel" here, and the scale of positions "position"."""
        return path[0] if len(path) == 1 else f"stage.{path[0].split('_')[-1]}.{path[-1]}"

    @nn.compact
    def __call__(self, x: jax.Array, *, groups: Groups) -> tuple[jax.Array, jax.Array]:
        """(low-level features, high-level features)."""
        del groups
        position = self.param("position", nn.initializers.constant(0.5), (self.features,))
        features = []
        for index in range(2):
            x = nn.Conv(self.features, (4, 4), strides=4, name=f"conv_{index}")(x)
            x = nn.gelu(nn.GroupNorm(2, name=f"norm_{index + 2}")(x))
            x = x + position[None, None, None]
            features.append(x)
        return features[0], features[1]


class Linear(nn.Module):
    """A head of one 1x1 convolution of the coarsest features, after dropout."""

    backbone: nn.Module
    num_classes: int
    dropout: float = 0.0
    conv: ConvConfig = ConvConfig()

    @nn.compact
    def __call__(self, x: jax.Array, *, groups: Groups, extras: tuple[str, ...] = ()) -> Prediction:
        """Logits as coarse as the features."""
        *_, features = self.backbone(x, groups=groups)
        dropped = nn.Dropout(self.dropout, deterministic=not self.has_rng("dropout"))(features)
        return Prediction(nn.Dense(self.num_classes, name="classify")(dropped), features)


def without_batch_norm() -> dict[str, ConfigDict]:
    """The options of a network that normalizes nothing by statistics of a batch."""
    parts = {"backbone": ("GroupNormed", {"features": 8}), "head": ("Linear", {"dropout": 0.2})}
    return {
        f"model__{part}": ConfigDict({"name": f"{__name__}:{name}", "kwargs": kwargs})
        for part, (name, kwargs) in parts.items()
    }
