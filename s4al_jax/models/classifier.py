"""The end of a head: a linear classifier, and what a caller asked for besides the logits."""

import jax
import jax.numpy as jnp
from jaxtyping import Float

from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.layers import Conv
from s4al_jax.types import Prediction


def classify(
    embedding: Float[jax.Array, "b h w c"],
    features: Float[jax.Array, "b h2 w2 c2"],
    extras: tuple[str, ...],
    *,
    num_classes: int,
    conv: ConvConfig,
) -> Prediction:
    """The prediction of the head that calls this, which gets a layer of the name "classify".

    Args:
      embedding: what the classifier is applied to; it is offered as an extra of that name.
      features: what the prediction has as `features`.
      extras: the names of the maps that are asked for.
      num_classes: how many logits a pixel has.
      conv: how layers compute.

    Returns:
      The logits in float32, at the size of the embedding, and the rest as it came.
    """
    logits = Conv(num_classes, bias=True, conv=conv, name="classify")(embedding)
    offered = {"embedding": embedding}
    return Prediction(
        logits.astype(jnp.float32), features, {name: offered[name] for name in extras}
    )
