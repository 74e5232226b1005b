"""A network from the names of its parts, for training and for what was exported."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from s4al_jax.config.registry import call_with_options, lookup
from s4al_jax.files import paths
from s4al_jax.models import deeplab, mobilenet_v2
from s4al_jax.models import weights as pretrained
from s4al_jax.ops import formulations
from s4al_jax.types import Network, Tree

BACKBONES: dict[str, Callable[..., nn.Module]] = {"mobilenet_v2": mobilenet_v2.MobileNetV2}
HEADS: dict[str, Callable[..., nn.Module]] = {"deeplab_v3_plus": deeplab.DeepLabV3Plus}
COMPUTE = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}
"""What layers calculate in; parameters, statistics and logits are float32 whatever it is."""


def network(
    model: Mapping[str, Any],
    *,
    num_classes: int,
    image_size: tuple[int, int],
    conventions: pretrained.Weights,
    platform: str,
    initial: Tree | None = None,
) -> Network:
    """The network that a block of options describes, for images of one size.

    `conventions` say how images are treated, `initial` are the backbone's first variables.
    """
    backbone, head, momentum = model["backbone"], model["head"], model["norm_momentum"]
    compute = lookup(COMPUTE, "model.compute", model["compute"])
    how = formulations.preferred(platform, compute)
    # Where products round their factors themselves, layers hand on what is not rounded.
    dtype = compute if how.factors is None else jnp.float32
    seen = call_with_options(
        lookup(BACKBONES, "model.backbone.name", backbone["name"]),
        "model.backbone.kwargs",
        backbone["kwargs"],
        padding=conventions.padding,
        how=how,
        norm_eps=conventions.norm_eps,
        norm_momentum=momentum,
        dtype=dtype,
    )
    whole = call_with_options(
        lookup(HEADS, "model.head.name", head["name"]),
        "model.head.kwargs",
        head["kwargs"],
        backbone=seen,
        num_classes=num_classes,
        norm_momentum=momentum,
        how=how,
        dtype=dtype,
    )
    return deeplab.network(
        whole,
        mean=conventions.mean,
        std=conventions.std,
        image_size=image_size,
        initial=initial,
        remat=model["remat"],
        loss_bands=model["loss_bands"],
    )


def conventions(weights: str) -> pretrained.Weights:
    """The weights in a file and how their images are treated; without a file, torchvision's way."""
    if not weights:
        return pretrained.TORCHVISION
    with paths.on_disk(weights) as path:
        return pretrained.read(path)._replace(source=weights)


def pretrained_network(
    model: Mapping[str, Any], *, num_classes: int, image_size: tuple[int, int], platform: str
) -> tuple[Network, str]:
    """A network that starts from `model["pretrained"]`, if it names a file, and what went in."""
    weights = conventions(model["pretrained"])
    build = functools.partial(
        network,
        model,
        num_classes=num_classes,
        image_size=image_size,
        conventions=weights,
        platform=platform,
    )
    plain = build()
    if not weights.tensors:
        return plain, ""
    fresh = jax.eval_shape(plain.init, jax.random.PRNGKey(0))
    template = {part: tree["backbone"] for part, tree in fresh.items()}
    initial, report = pretrained.fill(weights, template)
    return build(initial=initial), f"{weights.source}: {report}"
