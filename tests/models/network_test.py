"""The wrapper around a Flax module, whatever its architecture and with whatever variables."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.models.deeplab import DeepLabV3Plus
from s4al_jax.models.init import initializer
from s4al_jax.models.network import network_from_module
from s4al_jax.types import InputError
from tests.support.plain_backbone import GroupNormed, Linear, Plain

KEY = jax.random.key(0)
SIZE = (16, 24)
DROPPED = {"dropout": jax.random.key(5)}
ASPP = {"aspp_channels": 4, "low_level_channels": 2, "rates": (1, 2)}


@functools.cache
def network(backbone=Plain, head=Linear, **options):
    module = head(backbone(), 3, **options)
    return network_from_module(module, mean=(0.5,) * 3, std=(0.25,) * 3, image_size=SIZE)


def pictures(count=2, seed=0):
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.uniform(size=(count, *SIZE, 3)), jnp.float32)


@pytest.mark.parametrize("backbone", [Plain, GroupNormed])
def test_any_backbone_goes_under_any_head(backbone):
    for head, options in ((Linear, {}), (DeepLabV3Plus, ASPP)):
        net = network(backbone, head, **options)
        variables = jax.eval_shape(net.init, KEY)
        for train in (True, False):
            apply = functools.partial(net.apply, train=train, rngs=DROPPED)
            prediction, statistics = jax.eval_shape(apply, variables, pictures())
            assert prediction.logits.shape == (2, *SIZE, 3)
            assert {"params": variables["params"], **statistics} == variables
        assert ("batch_stats" in variables) == (backbone is Plain or head is DeepLabV3Plus)


def test_coarse_logits_have_the_size_of_the_features_of_the_last_layer():
    variables = jax.eval_shape(network().init, KEY)
    coarse = functools.partial(network().apply, train=False, full_size=False)
    assert jax.eval_shape(coarse, variables, pictures())[0].logits.shape == (2, 1, 2, 3)


def test_without_batch_norm_images_are_treated_one_by_one_and_there_are_no_statistics():
    net = network(GroupNormed)
    variables = net.init(KEY)
    assert variables.keys() == {"params"}
    both, statistics = net.apply(variables, pictures(), train=True)
    assert statistics == {}
    for index in range(2):
        alone, _ = net.apply(variables, pictures()[index : index + 1], train=False)
        np.testing.assert_allclose(both.logits[index], alone.logits[0], atol=1e-5)


def test_dropout_works_with_running_statistics():
    net = network(dropout=0.5)
    variables = net.init(KEY)
    images, other = pictures(), pictures().at[1].set(pictures(seed=1)[1])
    apply = jax.jit(net.apply, static_argnames="train")

    def first_image(images, train, rngs=DROPPED):
        prediction, statistics = apply(variables, images, train=train, rngs=rngs)
        return np.asarray(prediction.logits[0]), statistics

    sampled, statistics = first_image(images, False)
    jax.tree.map(np.testing.assert_array_equal, statistics["batch_stats"], variables["batch_stats"])
    assert not np.allclose(sampled, first_image(images, False, None)[0])
    # The units that are dropped are those of the position in the batch; only with statistics of
    # the batch does an image depend on the others in it.
    np.testing.assert_array_equal(sampled, first_image(other, False)[0])
    assert not np.allclose(first_image(images, True)[0], first_image(other, True)[0])


def test_without_keys_nothing_is_random_in_training_either():
    net, without = network(dropout=0.5), network(dropout=0.0)
    variables = net.init(KEY)
    ours, theirs = (one.apply(variables, pictures(), train=True) for one in (net, without))
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def test_an_extra_that_is_not_offered_is_refused_with_what_is():
    variables = jax.eval_shape(network().init, KEY)
    with pytest.raises(InputError, match="no 'depth', it offers no extras:"):
        network().apply(variables, pictures(), train=False, extras=("depth",))
    deeplab = network(Plain, DeepLabV3Plus, **ASPP)
    with pytest.raises(InputError, match="no 'depth', it offers embedding:"):
        deeplab.apply(variables, pictures(), train=False, extras=("embedding", "depth"))


def test_a_backbone_without_statistics_starts_from_the_given_parameters():
    start = jax.tree.map(
        lambda leaf: np.full(leaf.shape, 0.25, np.float32),
        {"params": network(GroupNormed).init(KEY)["params"]["backbone"]},
    )
    module = DeepLabV3Plus(GroupNormed(), 3, **ASPP)
    net = network_from_module(
        module, mean=(0.5,) * 3, std=(0.25,) * 3, image_size=SIZE, initial=start
    )
    variables = net.init(KEY)
    jax.tree.map(np.testing.assert_array_equal, variables["params"]["backbone"], start["params"])
    assert (variables["params"]["low"]["norm"]["scale"] == 1).all()


def test_modules_of_others_start_from_their_own_initializers():
    image = jax.ShapeDtypeStruct((1, 16, 16, 3), jnp.float32)
    model = DeepLabV3Plus(GroupNormed(features=64), 3, aspp_channels=64)
    init = initializer(model, image, groups=None)
    params = init(KEY)["params"]
    own = params["backbone"]
    assert (own["position"] == 0.5).all()
    # Flax's own rule is 1 / fan in; ours for the head is 2 / fan out.
    np.testing.assert_allclose(jnp.std(own["conv_1"]["kernel"]), np.sqrt(1 / (16 * 64)), rtol=0.05)
    kernel = params["aspp_6"]["conv"]["kernel"]
    np.testing.assert_allclose(jnp.std(kernel), np.sqrt(2 / (9 * 64)), rtol=0.05)
    assert (params["classify"]["bias"] == 0).all()
    again = init(jax.random.key(1))["params"]
    assert not jnp.array_equal(again["aspp_6"]["conv"]["kernel"], kernel)
    assert not jnp.array_equal(again["backbone"]["conv_1"]["kernel"], own["conv_1"]["kernel"])
    shapes = jax.eval_shape(init, KEY)
    assert jax.tree.map(jnp.shape, shapes["params"]) == jax.tree.map(jnp.shape, params)


def test_where_all_layers_are_standard_only_one_draw_is_made():
    image = jax.ShapeDtypeStruct((1, 16, 16, 3), jnp.float32)
    init = initializer(DeepLabV3Plus(Plain(), 3, **ASPP), image, groups=None)
    program = str(jax.make_jaxpr(init)(KEY))
    assert program.count("random_bits") == 1
