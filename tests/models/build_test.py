"""Networks by name: every backbone under every head, and weights by a backbone's own names."""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from s4al_jax.config.defaults import default
from s4al_jax.models import build as models_build
from s4al_jax.models import weights
from s4al_jax.types import InputError
from tests.support.plain_backbone import without_batch_norm

CLASSES, SIZE = 11, (32, 48)


@pytest.mark.parametrize("head", models_build.HEADS)
@pytest.mark.parametrize("backbone", models_build.BACKBONES)
def test_every_backbone_goes_under_every_head(backbone: str, head: str) -> None:
    model = default().model.to_dict()
    model |= {"backbone": {"name": backbone, "kwargs": {}}, "head": {"name": head, "kwargs": {}}}
    names = models_build.weight_names(model)
    for platform in ("cpu", "gpu", "tpu"):
        network = models_build.network(
            model,
            num_classes=CLASSES,
            image_size=SIZE,
            conventions=weights.TORCHVISION,
            platform=platform,
        )
        variables = jax.eval_shape(network.init, jax.random.key(0))
        images = jax.ShapeDtypeStruct((2, *SIZE, 3), jnp.float32)
        for is_training in (True, False):
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
    network, _, report = models_build.pretrained_network(model, **about)
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
    with pytest.raises(InputError, match="model.backbone.name is 'vgg': one of mobilenet_v2"):
        models_build.pretrained_network(model, **about)


@pytest.mark.parametrize("statistics", models_build.NORM_STATISTICS)
def test_statistics_are_kept_where_the_option_says(
    tiny: Callable[..., ConfigDict], statistics: str
) -> None:
    """Running statistics move in training, and normalize, in all parts that are not frozen."""
    options = {"model__norm_statistics": statistics, "model__pretrained": "any"}
    model = tiny(**options).model.to_dict()
    network = models_build.network(
        model,
        num_classes=CLASSES,
        image_size=SIZE,
        conventions=weights.TORCHVISION,
        platform="cpu",
    )
    variables = network.init(jax.random.key(0))
    images = jax.random.uniform(jax.random.key(1), (2, *SIZE, 3))
    apply = jax.jit(network.apply, static_argnames="train")
    trained, changed = apply(variables, images, train=True)
    found = jax.tree.map(lambda a, b: bool((a != b).all()), variables, {**variables, **changed})
    backbone, head = found["batch_stats"].pop("backbone"), found["batch_stats"]
    assert set(jax.tree.leaves(backbone)) == {
        "backbone" not in models_build.NORM_STATISTICS[statistics]
    }
    assert set(jax.tree.leaves(head)) == {"head" not in models_build.NORM_STATISTICS[statistics]}
    same = np.array_equal(trained.logits, apply(variables, images, train=False)[0].logits)
    assert same == (statistics == "frozen_network")


def test_layers_of_mobilenet_lie_from_the_stem_to_the_last_block() -> None:
    model = default().model.to_dict()
    depth = models_build.layer_depth(model)
    network = models_build.network(
        model,
        num_classes=CLASSES,
        image_size=SIZE,
        conventions=weights.TORCHVISION,
        platform="cpu",
    )
    params = jax.eval_shape(network.init, jax.random.key(0))["params"]["backbone"]
    paths = [
        tuple(s.key for s in steps) for steps, _ in jax.tree_util.tree_leaves_with_path(params)
    ]
    assert {path[0]: depth(path) for path in paths} == {f"features_{i}": i for i in range(18)}


def test_a_backbone_that_does_not_say_how_deep_layers_lie_is_refused_by_name() -> None:
    model = default().model.to_dict()
    model["backbone"] = {"name": "tests.support.plain_backbone:Plain", "kwargs": {}}
    with pytest.raises(
        InputError, match="backbone.name is 'tests.support.plain_backbone:Plain', w"
    ):
        models_build.layer_depth(model)
