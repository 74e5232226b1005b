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
from s4al_jax.models import (
    deeplab,
    dpt,
    drn,
    efficientnet_lite,
    light,
    mobilenet_v2,
    published,
    resnet,
    unet,
    vit,
)
from s4al_jax.models import weights as pretrained
from s4al_jax.models.atrous_rates import rates_warning
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
    "dinov2_vitb14": vit.DINOv2B14,
    "dinov2_vits14": vit.DINOv2S14,
    "drn_d_22": drn.DRND22,
    "efficientnet_lite0": efficientnet_lite.EfficientNetLite0,
    "mobilenet_v2": mobilenet_v2.MobileNetV2,
    "resnet101": resnet.ResNet101,
    "resnet50": resnet.ResNet50,
    "unet": unet.UNetEncoder,
}
"""name -> (*, conv: ConvConfig, its own options) -> a module that gives features of images"""

HEADS: dict[str, Callable[..., nn.Module]] = {
    "deeplab_v3": deeplab.DeepLabV3,
    "deeplab_v3_plus": deeplab.DeepLabV3Plus,
    "dpt": dpt.DPT,
    "drn_seg": drn.DRNSeg,
    "light": light.Light,
    "unet": unet.UNet,
}
"""name -> (*, backbone, num_classes, conv: ConvConfig, its own options) -> the whole network"""

NORM_STATISTICS: dict[str, tuple[str, ...]] = {
    "batch": (),
    "frozen_backbone": ("backbone",),
    "frozen_network": ("backbone", "head"),
}
"""name -> where batch normalization keeps its running statistics, and uses them in training"""

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
    whole, head = _backbone(model, conv, conventions), model["head"]
    scales = head["kwargs"].get("scale_rates", False)
    bands = len(conventions.mean)
    # With kept features, the rates are those of the whole network all the same.
    module = call_with_options(
        lookup(HEADS, "model.head.name", head["name"]),
        "model.head.kwargs",
        head["kwargs"],
        offered={"map_size": _map_size(whole, image_size, bands) if scales else None},
        backbone=KeptFeatures(features) if features else whole,
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
        frozen_statistics="head" in _with_frozen_statistics(model),
        formulations=formulations.preferred_formulations(platform),
        matmul_dtype=matmul_dtype,
        # Where products round their factors themselves, layers hand on what is not rounded.
        dtype=compute if matmul_dtype is None else jnp.float32,
    )


def _with_frozen_statistics(model: Mapping[str, Any]) -> tuple[str, ...]:
    # A network that an earlier version exported does not say it.
    name = model.get("norm_statistics", "batch")
    return lookup(NORM_STATISTICS, "model.norm_statistics", name)


def _backbone(
    model: Mapping[str, Any],
    conv: ConvConfig | None = None,
    conventions: pretrained.Weights = pretrained.TORCHVISION,
) -> nn.Module:
    """The backbone; the head is not pretrained and pads as usual."""
    conv = (conv or ConvConfig())._replace(
        padding=conventions.padding,
        norm_eps=conventions.norm_eps,
        frozen_statistics="backbone" in _with_frozen_statistics(model),
    )
    backbone = model["backbone"]
    return call_with_options(
        lookup(BACKBONES, "model.backbone.name", backbone["name"]),
        "model.backbone.kwargs",
        backbone["kwargs"],
        conv=conv,
    )


def _map_size(backbone: nn.Module, image_size: tuple[int, int], bands: int) -> tuple[int, int]:
    """Rows and columns of the coarsest features of an image."""
    if stride := getattr(backbone, "output_stride", 0):
        return -(-image_size[0] // stride), -(-image_size[1] // stride)
    image = jax.ShapeDtypeStruct((1, *image_size, bands), jnp.float32)
    call = functools.partial(backbone.init_with_output, groups=None)
    *_, coarse = jax.eval_shape(call, jax.random.key(0), image)[0]
    return coarse.shape[1], coarse.shape[2]


def network_warning(model: Mapping[str, Any], image_size: tuple[int, int], channels: int) -> str:
    """A line about options of the network that do not fit images of one size; "" if all do.

    Args:
      model: the block `model` of a configuration.
      image_size: height and width of what is trained on.
      channels: bands of the images.
    """
    head = model["head"]
    usual = getattr(lookup(HEADS, "model.head.name", head["name"]), "rates", ())
    rates = head["kwargs"].get("rates", usual) if usual else ()
    if not rates or head["kwargs"].get("scale_rates", False):
        return ""
    return rates_warning(rates, _map_size(_backbone(model), image_size, channels))


def weight_names(model: Mapping[str, Any]) -> pretrained.WeightNames:
    """What files call the variables of the network that a block of options describes."""
    return pretrained.network_names(_backbone_names(model))


def _backbone_names(model: Mapping[str, Any]) -> pretrained.WeightNames:
    return getattr(_backbone(model), "weight_name", pretrained.torchvision_name)


def layer_depth(model: Mapping[str, Any]) -> Callable[[tuple[str, ...]], int]:
    """How deep layers lie in the backbone that a block of options describes; it has to say so."""
    depth: Callable[[tuple[str, ...]], int] | None
    depth = getattr(_backbone(model), "layer_depth", None)
    if depth is None:
        raise InputError(
            f"config.model.backbone.name is {model['backbone']['name']!r}, which does not say how "
            "deep its layers lie (layer_depth): leave config.optimizer.layer_decay 1.0"
        )
    return depth


def conventions(model: Mapping[str, Any], channels: int = 3) -> pretrained.Weights:
    """How the images of a network are treated, which its weights decide.

    What a file does not say of that is what the backbone says of its published weights in an
    attribute `conventions`, and without one torchvision's way. Published weights are all files
    that say nothing, so they need not be there.

    Args:
      model: the block `model` of a configuration.
      channels: bands of the images; where there are not three, see `weights.for_bands`.

    Returns:
      That, and the weights in the file where `model["pretrained"]` is the name of one.
    """
    usual = getattr(_backbone(model), "conventions", pretrained.TORCHVISION)
    name = model["pretrained"]
    if name in ("", published.IMAGENET):
        return pretrained.for_bands(usual, channels)
    with paths.local_copy(name) as path:
        found = pretrained.read(path, usual)._replace(source=name)
    return pretrained.for_bands(found, channels)


def _initial_weights(model: Mapping[str, Any], channels: int) -> tuple[pretrained.Weights, str]:
    """What a network starts from, and where that comes from; no tensors and "": random numbers."""
    usual = conventions(model, channels)
    if model["pretrained"] != published.IMAGENET:
        return usual, usual.source
    found = published.find(model["backbone"]["name"])
    tensors = pretrained.read(found.path).tensors
    return usual._replace(tensors=tensors, source=str(found.path)), found.origin


def pretrained_network(
    model: Mapping[str, Any],
    *,
    num_classes: int,
    image_size: tuple[int, int],
    platform: str,
    channels: int = 3,
    starts: bool = True,
) -> tuple[Network, pretrained.Weights, str, str]:
    """A network that starts from what `model["pretrained"]` names.

    Args:
      model: the block `model` of a configuration.
      num_classes: how many logits a pixel has.
      image_size: height and width.
      platform: "cpu", "gpu" or "tpu".
      channels: bands of the images.
      starts: whether it will be trained; if not, published weights need not be there.

    Returns:
      The network, how images are treated, where its weights come from ("": they are random), and a
      line that says what of them went in.
    """
    if starts:
        weights, origin = _initial_weights(model, channels)
    else:
        weights, origin = conventions(model, channels), ""
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
        return plain, weights, origin, ""
    initial, report = _fill_backbone(plain, model, weights)
    return build(initial=initial), weights, origin, f"{origin}: {report}"


def frozen_network(
    model: Mapping[str, Any],
    *,
    num_classes: int,
    image_size: tuple[int, int],
    platform: str,
    channels: int = 3,
) -> tuple[Network, FrozenBackbone, pretrained.Weights, str, str]:
    """The head as a network by itself, and the backbone that its features come from.

    Arguments, and the rest of what comes out, are those of `pretrained_network`.
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
    weights, origin = _initial_weights(model, channels)
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
    return build(features=frozen.layout), frozen, weights, origin, f"{origin}: {report}"


def _fill_backbone(
    whole: Network, model: Mapping[str, Any], weights: pretrained.Weights
) -> tuple[Tree, pretrained.Report]:
    fresh = jax.eval_shape(whole.init, jax.random.PRNGKey(0))
    template = {part: tree["backbone"] for part, tree in fresh.items() if "backbone" in tree}
    return pretrained.fill(weights, template, _backbone_names(model))
