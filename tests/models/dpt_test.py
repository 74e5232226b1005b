"""DPT over a transformer's maps and over a pyramid; bands and recomputing change nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.dpt import DPT, Upscale
from s4al_jax.models.mobilenet_v2 import MobileNetV2
from s4al_jax.models.network import network_from_module
from s4al_jax.models.resnet import ResNet50
from s4al_jax.models.unet import UNetEncoder
from s4al_jax.models.vit import Block, DINOv2B14, DINOv2S14
from s4al_jax.ops.remat import remat
from s4al_jax.types import InputError
from tests.support.variable_shapes import drawn, variable_shapes

NARROW_VIT = {"dim": 32, "depth": 4, "heads": 2, "grid": 5}
NARROW = {"features": 8, "channels": (6, 8, 10, 12)}


def outputs(model, height, width, **call):
    image = jax.ShapeDtypeStruct((2, height, width, 3), jnp.float32)
    return jax.eval_shape(
        lambda key, x: model.init_with_output(key, x, groups=None, **call)[0],
        jax.random.key(0),
        image,
    )


@pytest.mark.parametrize(
    ("model", "own"),
    [
        (DPT(DINOv2S14(depth=4), 21), 2_665_205),
        (DPT(DINOv2B14(depth=4), 21, features=128, channels=(96, 192, 384, 768)), 10_653_141),
    ],
)
def test_it_has_the_parameters_of_the_published_head_but_the_unit_that_is_never_used(model, own):
    params = variable_shapes(model, (98, 126))["params"]
    mine = {name: tree for name, tree in params.items() if name != "backbone"}
    assert sum(leaf.size for leaf in jax.tree.leaves(mine)) == own
    wide, channels, features = params["backbone"]["cls_token"].size, model.channels, model.features
    unit = 2 * (9 * features**2 + features)
    count = sum(wide * c + c for c in channels) + sum(9 * c * features for c in channels)
    count += 16 * channels[0] ** 2 + channels[0]
    count += 4 * channels[1] ** 2 + channels[1] + 9 * channels[3] ** 2 + channels[3]
    count += 7 * unit + 4 * (features**2 + features)
    count += 9 * features**2 + features + 21 * features + 21
    assert count == own
    assert "unit1" not in params["refine4"] and "unit1" in params["refine3"]


def test_logits_have_eight_times_the_size_of_a_transformer_s_map():
    found = outputs(DPT(DINOv2S14(**NARROW_VIT), 5, **NARROW), 30, 61, extras=("embedding",))
    # 28x56: 2x4 patches
    assert found.logits.shape == (2, 16, 32, 5) and found.logits.dtype == jnp.float32
    assert found.features.shape == (2, 2, 4, 32)
    assert found.extras["embedding"].shape == (2, 16, 32, 8)


def test_a_pyramid_is_taken_as_it_is_and_never_made_larger_than_the_image():
    resnet = ResNet50(width=0.125, blocks=(1, 1, 1, 1), output_stride=32)
    model = DPT(resnet, 5, **NARROW)
    assert outputs(model, 65, 99).logits.shape == (2, 34, 50, 5)
    assert not {name for name in variable_shapes(model)["params"] if "resize" in name}
    assert outputs(DPT(UNetEncoder(channels=2, depth=3), 5, **NARROW), 21, 30).logits.shape == (
        2,
        21,
        30,
        5,
    )


def test_a_backbone_with_other_than_four_maps_is_refused_by_name():
    with pytest.raises(
        InputError, match="dpt needs 4 maps .* backbone MobileNetV2 gives 2: choose"
    ):
        variable_shapes(DPT(MobileNetV2(), 5))


def test_upscaling_writes_each_pixel_into_a_square_of_its_own():
    layer = Upscale(features=3, factor=2)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 2, 3, 4)), jnp.float32)
    variables = drawn(jax.eval_shape(layer.init, jax.random.key(0), x))
    kernel, bias = (np.asarray(variables["params"][name]) for name in ("kernel", "bias"))
    assert kernel.shape == (2, 2, 3, 4)
    wanted = np.zeros((1, 4, 6, 3))
    for row in range(4):
        for col in range(6):
            pixel = np.asarray(x)[0, row // 2, col // 2]
            wanted[0, row, col] = kernel[row % 2, col % 2] @ pixel + bias
    np.testing.assert_allclose(layer.apply(variables, x), wanted, atol=1e-5)


def test_a_network_of_both_is_trained_in_bands_and_recomputes_what_is_cheap():
    def total(logits, label):
        chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), label[..., None], axis=-1)
        return -chosen.sum()

    network = network_from_module(
        DPT(DINOv2S14(**NARROW_VIT), 5, **NARROW),
        mean=(0.5,) * 3,
        std=(0.2,) * 3,
        image_size=(28, 42),
        remat=True,
        loss_bands=4,
    )

    def loss(params, images, label):
        found, _ = network.apply({"params": params}, images, train=True, full_size=False)
        assert found.logits.shape == (2, 16, 24, 5)
        return network.summed(total, found.logits, label)

    params = jax.eval_shape(network.init, jax.random.PRNGKey(0))["params"]
    images = jax.ShapeDtypeStruct((2, 28, 42, 3), jnp.float32)
    label = jax.ShapeDtypeStruct((2, 28, 42), jnp.int32)
    program = str(jax.make_jaxpr(jax.grad(loss))(params, images, label))
    # The GELU of each of 4 blocks: in the forward pass, and again for the gradient.
    assert program.count(" erfc ") == 8
    # Logits of the images' size are never there, only bands of them.
    assert "f32[2,7,42,5]" in program and "f32[2,28,42,5]" not in program


def test_a_recomputed_block_has_the_gradients_of_one_that_is_kept():
    block = Block(2, ConvConfig())
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 5, 8)), jnp.float32)
    variables = drawn(jax.eval_shape(block.init, jax.random.key(0), x))

    def square(variables):
        return jnp.square(block.apply(variables, x)).sum()

    kept, again = jax.jit(lambda v: (jax.grad(square)(v), jax.grad(remat(square))(v)))(variables)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3), kept, again)


def test_what_it_cannot_be_is_refused():
    vit = DINOv2S14(**NARROW_VIT)
    with pytest.raises(InputError, match=r"channels are \(1, 2\): give 4 numbers, from 1"):
        variable_shapes(DPT(vit, 5, channels=(1, 2)))
    with pytest.raises(InputError, match="features are 0 and its dropout 0.0"):
        variable_shapes(DPT(vit, 5, features=0))
    with pytest.raises(InputError, match="dropout 1.0: give"):
        variable_shapes(DPT(vit, 5, dropout=1.0))
