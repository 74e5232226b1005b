"""U-Net at odd sizes, with and without statistics, and over other backbones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.models.group_norm import GroupNorm
from s4al_jax.models.resnet import ResNet50
from s4al_jax.models.unet import UNet, UNetEncoder
from s4al_jax.types import InputError
from tests.support.variable_shapes import drawn, variable_shapes

KEY = jax.random.key(0)


def shapes(model, height, width, **call):
    image = jax.ShapeDtypeStruct((2, height, width, 3), jnp.float32)
    return jax.eval_shape(
        lambda key, x: model.init_with_output(key, x, groups=None, **call)[0], KEY, image
    )


def test_each_map_has_half_the_size_and_twice_the_channels():
    found = [leaf.shape[1:] for leaf in shapes(UNetEncoder(channels=6, depth=3), 21, 30)]
    assert found == [(21, 30, 6), (10, 15, 12), (5, 7, 24), (2, 3, 48)]
    # The classic network, whose 31.0 million have transposed convolutions for upsampling.
    params = variable_shapes(UNet(UNetEncoder(), 2))["params"]
    assert sum(leaf.size for leaf in jax.tree.leaves(params["backbone"])) == 18_847_168
    assert params["up0"]["conv1"]["kernel"].shape == (3, 3, 64 + 128, 64)
    assert params["up3"]["conv1"]["kernel"].shape == (3, 3, 512 + 1024, 512)


def test_logits_have_the_size_of_the_finest_map_whatever_the_image_s_is():
    model = UNet(UNetEncoder(channels=2, depth=3), 5, channels=2)
    found = shapes(model, 21, 31, extras=("embedding",))
    assert found.logits.shape == (2, 21, 31, 5) and found.features.shape == (2, 2, 3, 16)
    assert found.extras["embedding"].shape == (2, 21, 31, 2)
    # Of a dilated backbone, two maps have one size.
    over = UNet(ResNet50(width=0.125, blocks=(1, 1, 1, 1), output_stride=8), 5, channels=2)
    assert shapes(over, 33, 50).logits.shape == (2, 9, 13, 5)


def test_with_group_norm_there_are_no_statistics_and_no_image_sees_another():
    model = UNet(UNetEncoder(channels=2, depth=1, norm="group"), 3, channels=2, norm="group")
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 6, 3)), jnp.float32)
    variables = drawn(variable_shapes(model, (5, 6)))
    assert variables.keys() == {"params"}
    together, alone = jax.jit(
        lambda x: (
            model.apply(variables, x, groups=(2,)).logits,
            model.apply(variables, x[1:], groups=None).logits,
        )
    )(x)
    np.testing.assert_allclose(together[1:], alone, atol=1e-5)
    assert jnp.abs(together).max() > 0.01


def test_a_group_has_mean_0_and_variance_1_in_each_image():
    x = jnp.asarray(np.random.default_rng(0).normal(3.0, 2.0, (2, 4, 5, 12)), jnp.float32)
    layer = GroupNorm()
    variables = layer.init(KEY, x)
    y = np.asarray(layer.apply(variables, x)).reshape(2, 20, 6, 2)
    # Of at most 8 groups, 6 divide 12 channels.
    np.testing.assert_allclose(y.mean((1, 3)), 0.0, atol=1e-5)
    np.testing.assert_allclose(y.var((1, 3)), 1.0, atol=1e-4)
    scaled = {"params": {"scale": jnp.full(12, 3.0), "bias": jnp.arange(12.0)}}
    expected = y.reshape(x.shape) * 3.0 + np.arange(12.0)
    np.testing.assert_allclose(layer.apply(scaled, x), expected, atol=1e-5)


def test_what_it_cannot_be_is_refused():
    with pytest.raises(InputError, match="channels are 0 and its depth 4: give 1 or more"):
        variable_shapes(UNetEncoder(channels=0))
    with pytest.raises(InputError, match="depth is 3, and images of 7x9 cannot be halved so often"):
        variable_shapes(UNetEncoder(depth=3), (7, 9))
    with pytest.raises(InputError, match="norm is 'layer': give batch or group"):
        variable_shapes(UNetEncoder(norm="layer"))
    with pytest.raises(InputError, match="head's channels are 0: give 1 or more"):
        variable_shapes(UNet(UNetEncoder(channels=2), 5, channels=0))
