"""The whole network: shapes, finite numbers, randomness, and where it starts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.models.deeplab import DeepLabV3Plus, network, variable_shapes
from s4al_jax.models.init import initial_variables
from s4al_jax.models.mobilenet_v2 import MobileNetV2
from s4al_jax.ops.formulations import Formulations
from s4al_jax.types import Prediction

KEY = jax.random.key(0)
HALF = (0.5, 0.5, 0.5)


def small(**changes):
    backbone = MobileNetV2(
        width=0.35, how=Formulations(depthwise="shifted"), **changes.pop("backbone", {})
    )
    settings = {"aspp_channels": 16, "low_level_channels": 8, "rates": (1, 2, 3)}
    return DeepLabV3Plus(backbone, 5, **(settings | changes))


@pytest.fixture(scope="module")
def net():
    return network(small(), mean=HALF, std=HALF, image_size=(33, 47))


@pytest.fixture(scope="module")
def variables(net):
    return net.init(KEY)


@pytest.fixture(scope="module")
def apply(net):
    return jax.jit(net.apply, static_argnames="train")


def pictures(count=1):
    return jnp.asarray(np.random.default_rng(0).uniform(size=(count, 33, 47, 3)), jnp.float32)


def test_logits_have_the_images_size_and_features_a_quarter_of_it(apply, variables):
    prediction, stats = apply(variables, pictures(), train=False)
    assert isinstance(prediction, Prediction)
    assert prediction.logits.shape == (1, 33, 47, 5)
    assert prediction.logits.dtype == jnp.float32
    assert prediction.features.shape == (1, 9, 12, 16 + 8)
    assert jax.tree.all(jax.tree.map(jnp.array_equal, stats, variables["batch_stats"]))


def test_a_batch_of_one_trains_to_finite_numbers_and_moves_the_statistics(apply, variables):
    prediction, stats = apply(variables, pictures(), train=True, key=KEY)
    assert jnp.isfinite(prediction.logits).all()
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(stats))
    assert jax.tree.structure(stats) == jax.tree.structure(variables["batch_stats"])
    # One pixel has no variance: 0.9 of the 1 that was there is left.
    np.testing.assert_allclose(stats["aspp_image"]["norm"]["var"], 0.9, atol=1e-6)
    stem = stats["backbone"]["features_0"]["1"]["mean"]
    assert jnp.abs(stem).max() > 0

    def loss(params):
        return net_loss(apply, {**variables, "params": params})

    gradient = jax.grad(loss)(variables["params"])
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def net_loss(apply, variables):
    return jnp.mean(apply(variables, pictures(), train=True, key=KEY)[0].logits ** 2)


def test_dropout_follows_the_key_and_only_in_training(apply, variables):
    first = apply(variables, pictures(), train=True, key=KEY)[0].logits
    again = apply(variables, pictures(), train=True, key=KEY)[0].logits
    other = apply(variables, pictures(), train=True, key=jax.random.key(1))[0].logits
    assert jnp.array_equal(first, again)
    assert not jnp.allclose(first, other)


def test_images_are_normalized_as_told(apply, variables):
    shifted = network(small(), mean=(0.5, 0.25, 0.0), std=(0.25, 0.5, 1.0), image_size=(33, 47))
    x = pictures()
    ours = jax.jit(shifted.apply, static_argnames="train")(variables, x, train=False)[0].logits
    normal = (x - jnp.asarray([[[[0.5, 0.25, 0.0]]]])) / jnp.asarray([[[[0.25, 0.5, 1.0]]]])
    theirs = apply(variables, normal * 0.5 + 0.5, train=False)[0].logits
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert not jnp.allclose(ours, apply(variables, x, train=False)[0].logits)


def test_init_gives_fresh_arrays_and_starts_the_backbone_where_told(net, variables):
    start = jax.tree.map(
        lambda leaf: np.full(leaf.shape, 0.25, np.float32),
        {kind: part["backbone"] for kind, part in variables.items()},
    )
    told = network(small(), mean=HALF, std=HALF, image_size=(33, 47), initial=start)
    first, second = told.init(KEY), told.init(KEY)
    assert jax.tree.structure(first) == jax.tree.structure(variables)
    assert (first["params"]["backbone"]["features_0"]["0"]["kernel"] == 0.25).all()
    assert (first["batch_stats"]["backbone"]["features_5"]["conv_3"]["var"] == 0.25).all()
    head, same = first["params"]["decode"]["conv"], variables["params"]["decode"]["conv"]
    assert jnp.array_equal(head["kernel"], same["kernel"])
    places = [
        leaf.unsafe_buffer_pointer() for tree in (first, second) for leaf in jax.tree.leaves(tree)
    ]
    assert len(set(places)) == len(places)
    assert {type(first), type(first["params"]), type(first["params"]["backbone"])} == {dict}


def test_kernels_start_kaiming_normal_and_keys_matter(net, variables):
    decode = variables["params"]["decode"]["conv"]["kernel"]
    depthwise = variables["params"]["backbone"]["features_17"]["conv_1_0"]["kernel"]
    np.testing.assert_allclose(jnp.std(decode), np.sqrt(2 / (9 * 16)), rtol=0.05)
    np.testing.assert_allclose(jnp.std(depthwise), np.sqrt(2 / (9 * 336)), rtol=0.05)
    norm = variables["params"]["backbone"]["features_17"]["conv_1_1"]
    assert (norm["scale"] == 1).all()
    assert (norm["bias"] == 0).all()
    assert not jnp.array_equal(
        decode, net.init(jax.random.key(1))["params"]["decode"]["conv"]["kernel"]
    )
    with pytest.raises(ValueError, match="no rule .* 'gain'"):
        initial_variables({"kernel": decode, "gain": jax.ShapeDtypeStruct((1,), jnp.float32)}, KEY)


def test_the_head_at_full_width_has_the_papers_sizes():
    shapes = variable_shapes(DeepLabV3Plus(MobileNetV2(), 11))["params"]
    assert shapes["decode"]["conv"]["kernel"].shape == (3, 3, 304, 256)
    assert shapes["project"]["conv"]["kernel"].shape == (1, 1, 5 * 256, 256)
    assert shapes["aspp_18"]["conv"]["kernel"].shape == (3, 3, 320, 256)
    assert shapes["low"]["conv"]["kernel"].shape == (1, 1, 24, 48)
    assert shapes["classify"]["bias"].shape == (11,)
    assert "bias" not in shapes["decode"]["conv"]


def test_half_precision_inside_gives_full_precision_logits():
    model = small(dtype=jnp.bfloat16, backbone={"dtype": jnp.bfloat16})
    image = jax.ShapeDtypeStruct((2, 32, 48, 3), jnp.float32)
    shapes = variable_shapes(model)
    prediction = jax.eval_shape(lambda v, x: model.apply(v, x, groups=None), shapes, image)
    assert prediction.logits.dtype == jnp.float32
    assert prediction.features.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes)} == {jnp.dtype(jnp.float32)}
