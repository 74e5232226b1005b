"""Networks by name: every backbone under every head, and training without batch norm."""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from s4al_jax.config.defaults import default
from s4al_jax.engine import devices, train
from s4al_jax.engine.checkpoint import Checkpoints, Position
from s4al_jax.input.source import open_source
from s4al_jax.methods.registry import METHODS
from s4al_jax.models import build as models_build
from s4al_jax.models import weights
from s4al_jax.run import build
from s4al_jax.types import InputError
from tests.support.plain_backbone import GroupNormed, Linear

CLASSES, SIZE = 11, (32, 48)


@pytest.fixture
def without_batch_norm(monkeypatch: pytest.MonkeyPatch) -> dict[str, ConfigDict]:
    """The options of a network that normalizes nothing by statistics of a batch."""
    monkeypatch.setitem(models_build.BACKBONES, "group_normed", GroupNormed)
    monkeypatch.setitem(models_build.HEADS, "linear", Linear)
    return {
        "model__backbone": ConfigDict({"name": "group_normed", "kwargs": {"features": 8}}),
        "model__head": ConfigDict({"name": "linear", "kwargs": {"dropout": 0.2}}),
    }


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


@pytest.mark.parametrize("name", METHODS)
def test_a_network_without_batch_norm_learns_with_every_method(
    name: str,
    without_batch_norm: dict[str, ConfigDict],
    tiny: Callable[..., ConfigDict],
    tmp_path: Path,
) -> None:
    config = tiny(method=ConfigDict({"name": name, "kwargs": {}}), **without_batch_norm)
    config.acquisition.kwargs.network = "student"
    made = build.build(config)
    source = open_source(made.spec.train, made.spec.train.read_truth)
    update_of = train.updates(made.method, source, made.mesh)
    fresh = made.fresh_state(0, np.ones(CLASSES, np.int64))
    assert fresh.student.keys() == {"params"}
    state = devices.replicate(fresh, made.mesh)
    *_, plan = made.steps(1, made.initial_pool())
    assert plan.stage == made.stages(1, made.initial_pool())[-1].name
    before = jax.tree.map(np.asarray, fresh.student)
    state, metrics = update_of(plan.stage)(
        state, devices.shard(train.fetch([plan], source), made.mesh)
    )
    assert all(np.isfinite(float(value[0])) for value in metrics.values())
    for network in made.method.networks:
        after = getattr(state, network)
        assert jax.tree.structure(after) == jax.tree.structure(before)
        moved = jax.tree.map(lambda a, b: bool(np.any(a != b)), before, after)
        assert all(jax.tree.leaves(moved))
    images = jnp.asarray(np.stack([made.spec.test.read_image(index) for index in range(2)]))
    assert made.method.predict(state.student, images).logits.shape == (2, 48, 64, CLASSES)
    kept = Checkpoints(tmp_path, keep=1, mesh=made.mesh)
    kept.save(1, Position(1, 1), state)
    jax.tree.map(np.testing.assert_array_equal, kept.state(made.state_shapes), state)
    kept.close()


def test_a_backbone_is_loaded_by_its_own_names_and_starts_another_network(
    without_batch_norm: dict[str, ConfigDict], tiny: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    about = {"num_classes": CLASSES, "image_size": SIZE, "platform": "cpu"}
    model = tiny(**without_batch_norm).model.to_dict()
    first = models_build.pretrained_network(model, **about)[0].init(jax.random.key(0))
    path = tmp_path / "w.safetensors"
    weights.write(path, first, weights.TORCHVISION, models_build.weight_names(model))
    assert "stage.1.kernel" in weights.read(path).tensors
    # Under a head with batch norm, which has statistics where the backbone has none.
    del without_batch_norm["model__head"]
    model = tiny(**without_batch_norm, model__pretrained=str(path)).model.to_dict()
    network, _, report = models_build.pretrained_network(model, **about)
    assert report == (f"{path}: 9 tensors loaded, 2 not needed (classify.bias, classify.weight)")
    started = network.init(jax.random.key(7))
    jax.tree.map(
        np.testing.assert_array_equal, started["params"]["backbone"], first["params"]["backbone"]
    )
    assert started["batch_stats"].keys() and "backbone" not in started["batch_stats"]


def test_an_unknown_part_is_refused_with_those_there_are() -> None:
    model = default().model.to_dict() | {"head": {"name": "unet", "kwargs": {}}}
    about = {"num_classes": 3, "image_size": SIZE, "platform": "cpu"}
    with pytest.raises(InputError, match="model.head.name is 'unet': one of deeplab_v3_plus"):
        models_build.pretrained_network(model, **about)
    model["backbone"] = {"name": "vgg", "kwargs": {}}
    with pytest.raises(InputError, match="model.backbone.name is 'vgg': one of mobilenet_v2"):
        models_build.pretrained_network(model, **about)
