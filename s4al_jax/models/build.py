"""A network from the names of its parts, for training and for what was exported."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from s4al_jax.config.registry import call_with_options, lookup
from s4al_jax.files import paths
from s4al_jax.learn.features import Layout
from s4al_jax.models import deeplab, mobilenet_v2
from s4al_jax.models import weights as pretrained
from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.frozen import (
    FrozenBackbone,
    KeptFeatures,
    frozen_backbone,
    without_mirrored,
)
from s4al_jax.models.network import network_from_module
from s4al_jax.ops import formulations
from s4al_jax.ops.matmul import preferred_dtype
from s4al_jax.types import InputError, Network, Tree

BACKBONES: dict[str, Callable[..., nn.Module]] = {
    "mobilenet_v2": mobilenet_v2.MobileNetV2,
}
"""name -> (*, conv: ConvConfig, its own options) -> a module that gives features of images"""

HEADS: dict[str, Callable[..., nn.Module]] = {
    "deeplab_v3_plus": deeplab.DeepLabV3Plus,
}
"""name -> (*, backbone, num_classes, conv: ConvConfig, its own options) -> the whole network"""

COMPUTE = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}
"""What layers compute in; parameters, statistics and logits are float32 whatever it is."""


def network(
    model: Mapping[str, Any],
    *,
    num_classes: int,
    image_size: tuple[int, int],
    conventions: pretrained.Weights,
    platform: str,
    initial: Tree | None = None,
    features: Layout | None = None,
) -> Network:
    """The network that a block of options describes, for images of one size.

    Args:
      model: the block `model` of a configuration.
      num_classes: how many logits a pixel has.
      image_size: height and width.
      conventions: how the backbone's weights want images to be treated.
      platform: "cpu", "gpu" or "tpu", which decides how operations are computed.
      initial: the variables that the backbone starts from; None: random ones.
      features: of a frozen backbone, which the network then takes instead of images; it is the head
        alone. None: the network is whole.
    """
    conv = _conv_config(model, platform)
    backbone = KeptFeatures(features) if features else _backbone(model, conv, conventions)
    head = model["head"]
    module = call_with_options(
        lookup(HEADS, "model.head.name", head["name"]),
        "model.head.kwargs",
        head["kwargs"],
        backbone=backbone,
        num_classes=num_classes,
        conv=conv,
    )
    of_module = functools.partial(
        network_from_module,
        module,
        initial=initial,
        remat=model["remat"],
        loss_bands=model["loss_bands"],
        resize_formulation=conv.formulations.resize,
    )
    if features is None:
        return of_module(mean=conventions.mean, std=conventions.std, image_size=image_size)
    # Features come as they are: what was normalized is the image.
    head_alone = of_module(
        mean=(0.0,) * features.channels,
        std=(1.0,) * features.channels,
        image_size=features.grid,
        logits_size=features.logits_size,
    )
    return without_mirrored(head_alone, features.channels)


def _conv_config(model: Mapping[str, Any], platform: str) -> ConvConfig:
    compute = lookup(COMPUTE, "model.compute", model["compute"])
    matmul_dtype = preferred_dtype(platform, compute)
    return ConvConfig(
        norm_momentum=model["norm_momentum"],
        formulations=formulations.preferred_formulations(platform),
        matmul_dtype=matmul_dtype,
        # Where products round their factors themselves, layers hand on what is not rounded.
        dtype=compute if matmul_dtype is None else jnp.float32,
    )


def _backbone(
    model: Mapping[str, Any], conv: ConvConfig, conventions: pretrained.Weights
) -> nn.Module:
    """The backbone; the head is not pretrained and pads as usual."""
    conv = conv._replace(padding=conventions.padding, norm_eps=conventions.norm_eps)
    backbone = model["backbone"]
    return call_with_options(
        lookup(BACKBONES, "model.backbone.name", backbone["name"]),
        "model.backbone.kwargs",
        backbone["kwargs"],
        conv=conv,
    )


def weight_names(model: Mapping[str, Any]) -> pretrained.WeightNames:
    """What files call the variables of the network that a block of options describes."""
    return pretrained.network_names(_backbone_names(model))


def _backbone_names(model: Mapping[str, Any]) -> pretrained.WeightNames:
    return getattr(
        _backbone(model, ConvConfig(), pretrained.TORCHVISION),
        "weight_name",
        pretrained.torchvision_name,
    )


def conventions(weights: str, channels: int = 3) -> pretrained.Weights:
    """The weights in a file and how their images are treated; without a file, torchvision's way.

    Args:
      weights: the name of the file, or "".
      channels: bands of the images; where there are not three, see `weights.for_bands`.
    """
    if not weights:
        return pretrained.for_bands(pretrained.TORCHVISION, channels)
    with paths.local_copy(weights) as path:
        found = pretrained.read(path)._replace(source=weights)
    return pretrained.for_bands(found, channels)


def pretrained_network(
    model: Mapping[str, Any],
    *,
    num_classes: int,
    image_size: tuple[int, int],
    platform: str,
    channels: int = 3,
) -> tuple[Network, pretrained.Weights, str]:
    """A network that starts from `model["pretrained"]`, if it names a file, and what went in."""
    weights = conventions(model["pretrained"], channels)
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
        return plain, weights, ""
    initial, report = _fill_backbone(plain, model, weights)
    return build(initial=initial), weights, f"{weights.source}: {report}"


def frozen_network(
    model: Mapping[str, Any],
    *,
    num_classes: int,
    image_size: tuple[int, int],
    platform: str,
    channels: int = 3,
) -> tuple[Network, FrozenBackbone, pretrained.Weights, str]:
    """The head as a network by itself, the backbone that its features come from, and its weights.

    The arguments are those of `pretrained_network`.
    """
    if model["frozen"] != "backbone":
        raise InputError(
            f"config.model.frozen is {model['frozen']!r}: 'backbone', or empty to train all"
        )
    if not model["pretrained"]:
        raise InputError(
            "config.model.frozen is 'backbone', but config.model.pretrained is empty, and random "
            "features are never learned: name a file with the backbone's weights"
        )
    weights = conventions(model["pretrained"], channels)
    build = functools.partial(
        network,
        model,
        num_classes=num_classes,
        image_size=image_size,
        conventions=weights,
        platform=platform,
    )
    variables, report = _fill_backbone(build(), model, weights)
    frozen = frozen_backbone(
        _backbone(model, _conv_config(model, platform), weights),
        variables,
        weights,
        image_size=image_size,
        means=f"{model['backbone']} {model['compute']} {platform}",
    )
    return build(features=frozen.layout), frozen, weights, f"{weights.source}: {report}"


def _fill_backbone(
    whole: Network, model: Mapping[str, Any], weights: pretrained.Weights
) -> tuple[Tree, pretrained.Report]:
    fresh = jax.eval_shape(whole.init, jax.random.PRNGKey(0))
    template = {part: tree["backbone"] for part, tree in fresh.items() if "backbone" in tree}
    return pretrained.fill(weights, template, _backbone_names(model))
