"""The whole network: shapes, finite numbers, randomness, and where it starts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.deeplab import DeepLabV3Plus
from s4al_jax.models.mobilenet_v2 import MobileNetV2
from s4al_jax.models.network import network_from_module
from s4al_jax.ops.formulations import Formulations
from s4al_jax.types import Prediction
from tests.support.variable_shapes import variable_shapes

KEY = jax.random.key(0)
HALF = (0.5, 0.5, 0.5)


def small(**changes):
    conv = ConvConfig(formulations=Formulations(depthwise="shifted"), **changes.pop("conv", {}))
    backbone = MobileNetV2(width=0.35, conv=conv)
    settings = {"aspp_channels": 16, "low_level_channels": 8, "rates": (1, 2, 3), "conv": conv}
    return DeepLabV3Plus(backbone, 5, **(settings | changes))


@pytest.fixture(scope="module")
def net():
    return network_from_module(small(), mean=HALF, std=HALF, image_size=(33, 47))


@pytest.fixture(scope="module")
def variables(net):
    return net.init(KEY)


@pytest.fixture(scope="module")
def apply(net):
    return jax.jit(net.apply, static_argnames=("train", "full_size", "extras"))


def pictures(count=1):
    return jnp.asarray(np.random.default_rng(0).uniform(size=(count, 33, 47, 3)), jnp.float32)


def test_logits_have_the_images_size_and_features_a_quarter_of_it(apply, variables):
    prediction, stats = apply(variables, pictures(), train=False)
    assert isinstance(prediction, Prediction)
    assert prediction.logits.shape == (1, 33, 47, 5)
    assert prediction.logits.dtype == jnp.float32
    assert prediction.features.shape == (1, 9, 12, 16 + 8)
    assert stats.keys() == {"batch_stats"}
    kept = variables["batch_stats"]
    assert jax.tree.all(jax.tree.map(jnp.array_equal, stats["batch_stats"], kept))


def test_a_batch_of_one_trains_to_finite_numbers_and_moves_the_statistics(apply, variables):
    prediction, stats = apply(variables, pictures(), train=True, rngs={"dropout": KEY})
    assert jnp.isfinite(prediction.logits).all()
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(stats))
    assert jax.tree.structure(stats) == jax.tree.structure(
        {"batch_stats": variables["batch_stats"]}
    )
    stats = stats["batch_stats"]
    # One pixel has no variance: 0.9 of the 1 that was there is left.
    np.testing.assert_allclose(stats["aspp_image"]["norm"]["var"], 0.9, atol=1e-6)
    stem = stats["backbone"]["features_0"]["1"]["mean"]
    assert jnp.abs(stem).max() > 0

    def loss(params):
        return net_loss(apply, {**variables, "params": params})

    gradient = jax.grad(loss)(variables["params"])
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def net_loss(apply, variables):
    return jnp.mean(apply(variables, pictures(), train=True, rngs={"dropout": KEY})[0].logits ** 2)


@pytest.mark.parametrize("train", [True, False])
def test_dropout_follows_the_key_and_is_on_wherever_one_is_given(apply, variables, train):
    def logits(key):
        return apply(variables, pictures(), train=train, rngs={"dropout": key})[0].logits

    assert jnp.array_equal(logits(KEY), logits(KEY))
    assert not jnp.allclose(logits(KEY), logits(jax.random.key(1)))
    without = apply(variables, pictures(), train=train)[0].logits
    assert not jnp.allclose(without, logits(KEY))


def test_the_embedding_is_what_the_classifier_reads_and_comes_only_when_asked_for(apply, variables):
    plain, prediction = (
        apply(variables, pictures(), train=False, full_size=False, extras=extras)[0]
        for extras in ((), ("embedding",))
    )
    assert plain.extras == {} and prediction.extras["embedding"].shape == (1, 9, 12, 16)
    classify = variables["params"]["classify"]
    kernel, bias = (np.asarray(classify[name]) for name in ("kernel", "bias"))
    logits = np.asarray(prediction.extras["embedding"]) @ kernel[0, 0] + bias
    np.testing.assert_allclose(logits, prediction.logits, atol=1e-5)
    np.testing.assert_allclose(plain.logits, prediction.logits, atol=1e-6)


def test_images_are_normalized_by_the_given_mean_and_deviation(apply, variables):
    shifted = network_from_module(
        small(), mean=(0.5, 0.25, 0.0), std=(0.25, 0.5, 1.0), image_size=(33, 47)
    )
    x = pictures()
    ours = jax.jit(shifted.apply, static_argnames="train")(variables, x, train=False)[0].logits
    normal = (x - jnp.asarray([[[[0.5, 0.25, 0.0]]]])) / jnp.asarray([[[[0.25, 0.5, 1.0]]]])
    theirs = apply(variables, normal * 0.5 + 0.5, train=False)[0].logits
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert not jnp.allclose(ours, apply(variables, x, train=False)[0].logits)


def test_init_gives_new_arrays_and_starts_the_backbone_from_the_given_ones(net, variables):
    start = jax.tree.map(
        lambda leaf: np.full(leaf.shape, 0.25, np.float32),
        {kind: part["backbone"] for kind, part in variables.items()},
    )
    told = network_from_module(small(), mean=HALF, std=HALF, image_size=(33, 47), initial=start)
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


def test_the_head_at_full_width_has_the_papers_sizes():
    shapes = variable_shapes(DeepLabV3Plus(MobileNetV2(), 11))["params"]
    assert shapes["decode"]["conv"]["kernel"].shape == (3, 3, 304, 256)
    assert shapes["project"]["conv"]["kernel"].shape == (1, 1, 5 * 256, 256)
    assert shapes["aspp_18"]["conv"]["kernel"].shape == (3, 3, 320, 256)
    assert shapes["low"]["conv"]["kernel"].shape == (1, 1, 24, 48)
    assert shapes["classify"]["bias"].shape == (11,)
    assert "bias" not in shapes["decode"]["conv"]


def test_half_precision_inside_gives_full_precision_logits():
    model = small(conv={"dtype": jnp.bfloat16})
    image = jax.ShapeDtypeStruct((2, 32, 48, 3), jnp.float32)
    shapes = variable_shapes(model)
    prediction = jax.eval_shape(lambda v, x: model.apply(v, x, groups=None), shapes, image)
    assert prediction.logits.dtype == jnp.float32
    assert prediction.features.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes)} == {jnp.dtype(jnp.float32)}
