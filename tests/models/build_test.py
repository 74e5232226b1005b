"""Networks by name: every backbone under every head, and weights by a backbone's own names."""

import functools
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from s4al_jax.config.defaults import default
from s4al_jax.config.registry import call_with_options
from s4al_jax.models import build as models_build
from s4al_jax.models import weights
from s4al_jax.types import InputError
from tests.support.narrow_networks import narrow_model
from tests.support.plain_backbone import Plain, without_batch_norm

CLASSES, SIZE = 11, (32, 48)
TWO_MAPS = ("drn_d_22", "mobilenet_v2", "plain")
"""The backbones that "dpt" refuses; `UNetEncoder` is as deep as it is told to be."""


@pytest.mark.parametrize(
    ("backbone", "head"),
    [
        (backbone, head)
        for backbone in models_build.BACKBONES
        for head in models_build.HEADS
        if (backbone in TWO_MAPS, head) != (True, "dpt")
    ],
)
def test_every_backbone_goes_under_every_head(backbone: str, head: str) -> None:
    model = default().model.to_dict() | narrow_model(backbone, head)
    if head == "dpt" and backbone == "unet":
        model["backbone"]["kwargs"] = {"channels": 4, "depth": 3}
    names = models_build.weight_names(model)
    usual = (backbone, head) == ("mobilenet_v2", "deeplab_v3_plus")
    for platform in ("cpu", "gpu", "tpu") if usual else ("cpu",):
        network = models_build.network(
            model,
            num_classes=CLASSES,
            image_size=SIZE,
            conventions=weights.TORCHVISION,
            platform=platform,
        )
        variables = jax.eval_shape(network.init, jax.random.key(0))
        images = jax.ShapeDtypeStruct((2, *SIZE, 3), jnp.float32)
        for is_training in (True, False) if usual else (True,):
            prediction, statistics = jax.eval_shape(
                lambda v, x, n=network, t=is_training: n.apply(v, x, train=t), variables, images
            )
            assert prediction.logits.shape == (2, *SIZE, CLASSES)
            assert prediction.logits.dtype == jnp.float32 and prediction.extras == {}
            assert {"params": variables["params"], **statistics} == variables
    paths = jax.tree_util.tree_flatten_with_path(variables)[0]
    found = {names(tuple(step.key for step in steps[1:])) for steps, _ in paths}
    assert len(found) == len(paths)


def test_a_backbone_is_loaded_by_its_own_names_and_starts_another_network(
    tiny: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    about = {"num_classes": CLASSES, "image_size": SIZE, "platform": "cpu"}
    model = tiny(**without_batch_norm()).model.to_dict()
    first = models_build.pretrained_network(model, **about)[0].init(jax.random.key(0))
    path = tmp_path / "w.safetensors"
    weights.write(path, first, weights.TORCHVISION, models_build.weight_names(model))
    assert "stage.1.kernel" in weights.read(path).tensors
    # Under a head with batch norm, which has statistics where the backbone has none.
    backbone = without_batch_norm()["model__backbone"]
    model = tiny(model__backbone=backbone, model__pretrained=str(path)).model.to_dict()
    network, _, origin, report = models_build.pretrained_network(model, **about)
    assert origin == str(path)
    assert report == (f"{path}: 9 tensors loaded, 2 not needed (classify.bias, classify.weight)")
    started = network.init(jax.random.key(7))
    jax.tree.map(
        np.testing.assert_array_equal, started["params"]["backbone"], first["params"]["backbone"]
    )
    assert started["batch_stats"].keys() and "backbone" not in started["batch_stats"]


def test_an_unknown_part_is_refused_with_those_there_are() -> None:
    model = default().model.to_dict() | {"head": {"name": "nowhere", "kwargs": {}}}
    about = {"num_classes": 3, "image_size": SIZE, "platform": "cpu"}
    with pytest.raises(InputError, match="model.head.name is 'nowhere': one of .*deeplab_v3_plus"):
        models_build.pretrained_network(model, **about)
    model["backbone"] = {"name": "vgg", "kwargs": {}}
    with pytest.raises(InputError, match="model.backbone.name is 'vgg': one of .*mobilenet_v2"):
        models_build.pretrained_network(model, **about)


@pytest.mark.parametrize("backbone", models_build.BACKBONES)
def test_the_map_s_size_is_known_without_running_the_backbone(backbone: str) -> None:
    model = default().model.to_dict() | narrow_model(backbone, "deeplab_v3_plus")
    model["head"]["kwargs"] = {"rates": (1, 1000)}
    module = models_build.BACKBONES[backbone](**model["backbone"]["kwargs"])
    image = jax.ShapeDtypeStruct((1, 75, 118, 3), jnp.float32)
    call = functools.partial(module.init_with_output, groups=None)
    *_, coarse = jax.eval_shape(call, jax.random.key(0), image)[0]
    warning = models_build.network_warning(model, (75, 118), 3)
    assert f"there are {coarse.shape[1]}x{coarse.shape[2]} features" in warning
    for head, kwargs in (("light", {}), ("deeplab_v3", {"scale_rates": True})):
        model["head"] = {"name": head, "kwargs": kwargs}
        assert models_build.network_warning(model, (75, 118), 3) == ""


def test_scaled_rates_are_of_the_working_size_whatever_the_size_of_an_image_is() -> None:
    model = default().model.to_dict() | narrow_model("resnet50", "deeplab_v3")
    model["head"]["kwargs"] = {"aspp_channels": 8, "scale_rates": True}
    network = models_build.network(
        model,
        num_classes=CLASSES,
        image_size=(180, 240),
        conventions=weights.TORCHVISION,
        platform="cpu",
    )
    variables = jax.eval_shape(network.init, jax.random.key(0))
    # A map of 12x15 features, where the paper's has 23x30.
    assert {"aspp_3", "aspp_6", "aspp_9"} < set(variables["params"])
    image = jax.ShapeDtypeStruct((1, 90, 90, 3), jnp.float32)
    found = jax.eval_shape(lambda v, x: network.apply(v, x, train=False), variables, image)
    assert found[0].logits.shape == (1, 90, 90, CLASSES)


@pytest.mark.parametrize("head", models_build.HEADS)
def test_parts_can_be_chosen_by_their_names_alone(head: str) -> None:
    """The options of the usual ones, which stay in the configuration, are none of theirs."""
    config = default()
    config.model.head.name = head
    for backbone in models_build.BACKBONES:
        config.model.backbone.name = backbone
        names = models_build.weight_names(config.model.to_dict())
        assert names(("classify", "kernel")) == "classify.weight"
    block, about = "model.head.kwargs", {"backbone": Plain(), "num_classes": 3}
    made = call_with_options(
        models_build.HEADS[head], block, config.model.head.kwargs.to_dict(), **about
    )
    assert made.num_classes == 3
