"""Where statistics are kept, and how deep the layers of a backbone lie."""

from collections.abc import Callable

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from s4al_jax.config.defaults import default
from s4al_jax.models import build, weights
from s4al_jax.types import InputError, Network, Tree
from tests.support.narrow_networks import narrow_model

SIZE = (16, 32)
LAYERED = (
    "dinov2_vitb14",
    "dinov2_vits14",
    "drn_d_22",
    "mobilenet_v2",
    "resnet50",
    "resnet101",
    "unet",
)
"""Backbones that say how deep their layers lie."""


def network_of(model: Tree) -> Network:
    about = {"num_classes": 3, "image_size": SIZE, "platform": "cpu"}
    return build.network(model, conventions=weights.TORCHVISION, **about)


@pytest.mark.parametrize(("statistics", "frozen"), build.NORM_STATISTICS.items())
def test_statistics_are_kept_where_the_option_says(
    tiny: Callable[..., ConfigDict], statistics: str, frozen: tuple[str, ...]
) -> None:
    """Running statistics move in training, and do not normalize there, where none are frozen."""
    network = network_of(tiny(model__norm_statistics=statistics).model.to_dict())
    variables = network.init(jax.random.key(0))
    images = jax.random.uniform(jax.random.key(1), (2, *SIZE, 3))
    apply = jax.jit(network.apply, static_argnames="train")
    trained, changed = apply(variables, images, train=True)
    old, new = variables["batch_stats"], changed["batch_stats"]
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), old, new)
    backbone, head = moved.pop("backbone"), moved
    assert set(jax.tree.leaves(backbone)) == {"backbone" not in frozen}
    assert set(jax.tree.leaves(head)) == {"head" not in frozen}
    same = np.array_equal(trained.logits, apply(variables, images, train=False)[0].logits)
    assert same == (statistics == "frozen_network")


def depths_of(backbone: str, **kwargs: object) -> dict[str, int]:
    """How deep the modules of a backbone lie, by name."""
    model = default().model.to_dict() | narrow_model(backbone, "light")
    model["backbone"] = {"name": backbone, "kwargs": model["backbone"]["kwargs"] | kwargs}
    depth = build.layer_depth(model)
    params = jax.eval_shape(network_of(model).init, jax.random.key(0))["params"]["backbone"]
    found = jax.tree_util.tree_leaves_with_path(params)
    paths = [tuple(step.key for step in steps) for steps, _ in found]
    return {path[0]: depth(path) for path in paths}


@pytest.mark.parametrize("backbone", LAYERED)
def test_layers_are_counted_from_the_images_without_a_gap(backbone: str) -> None:
    depths = set(depths_of(backbone).values())
    assert depths == set(range(len(depths))) and len(depths) > 2


def test_depths_by_hand() -> None:
    assert depths_of("mobilenet_v2") == {f"features_{index}": index for index in range(18)}
    assert depths_of("unet") == {"level0": 0, "level1": 1, "level2": 2}
    stem = {"conv1": 0, "bn1": 0}
    blocks = {"layer1_0": 1, "layer1_1": 2, "layer2_0": 3, "layer3_0": 4, "layer3_1": 5}
    assert depths_of("resnet50", blocks=(2, 1, 2, 1)) == {**stem, **blocks, "layer4_0": 6}
    drn = depths_of("drn_d_22")
    assert (drn["layer0"], drn["layer3_0"], drn["layer3_1"], drn["layer4_0"]) == (0, 3, 4, 5)
    assert (drn["layer6_1"], drn["layer7"], drn["layer8"]) == (10, 11, 12)
    first = dict.fromkeys(("patch_embed_proj", "pos_embed", "cls_token"), 0)
    blocks = {f"blocks_{index}": index + 1 for index in range(4)}
    assert depths_of("dinov2_vits14") == {**first, **blocks, "norm": 4}


def test_a_backbone_that_does_not_say_how_deep_layers_lie_is_refused_by_name() -> None:
    model = default().model.to_dict()
    name = "tests.support.plain_backbone:Plain"
    model["backbone"] = {"name": name, "kwargs": {}}
    with pytest.raises(InputError, match=f"backbone.name is '{name}', which does not say"):
        build.layer_depth(model)
