"""The backbone's shapes, strides, widths and names."""

import jax
import jax.numpy as jnp
import pytest

from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.mobilenet_v2 import MobileNetV2, make_divisible, stages
from s4al_jax.types import InputError
from tests.support.variable_shapes import variable_shapes


def shapes_of(model, height, width):
    image = jax.ShapeDtypeStruct((1, height, width, 3), jnp.float32)
    variables = variable_shapes(model)
    low, high = jax.eval_shape(lambda v, x: model.apply(v, x, groups=None), variables, image)
    return low.shape[1:], high.shape[1:]


@pytest.mark.parametrize(("output_stride", "high"), [(8, (8, 12)), (16, (4, 6)), (32, (2, 3))])
def test_the_output_stride_is_what_it_says(output_stride, high):
    model = MobileNetV2(output_stride=output_stride)
    assert shapes_of(model, 64, 96) == ((16, 24, 24), (*high, 320))


@pytest.mark.parametrize("padding", ["symmetric", "same"])
def test_odd_sides_are_rounded_up(padding):
    model = MobileNetV2(width=0.35, conv=ConvConfig(padding=padding))
    assert shapes_of(model, 33, 47) == ((9, 12, 8), (3, 3, 112))


def test_widths_are_rounded_as_in_torchvision():
    assert [make_divisible(32 * w) for w in (0.35, 0.5, 1.0, 1.4)] == [16, 16, 32, 48]
    assert [make_divisible(c * 0.35) for c in (16, 24, 64, 96, 160, 320)] == [8, 8, 24, 32, 56, 112]
    assert [make_divisible(c * 1.4) for c in (16, 24, 96)] == [24, 32, 136]


def test_at_stride_16_only_the_last_block_is_dilated():
    at_16 = stages(16)
    assert [stage.dilation for stage in at_16] == [1, 1, 1, 1, 1, 1, 2]
    assert [stage.stride for stage in at_16] == [1, 2, 2, 2, 1, 1, 1]
    assert [stage.blocks for stage in at_16] == [1, 2, 3, 4, 3, 3, 1]
    assert [stage.stride for stage in stages(32)] == [1, 2, 2, 2, 1, 2, 1]
    assert [stage.dilation for stage in stages(8)] == [1, 1, 1, 2, 2, 4, 4]
    with pytest.raises(InputError, match="output_stride is 4; use 8, 16 or 32"):
        stages(4)


def test_the_parameters_are_torchvisions_without_the_last_layer_and_the_classifier():
    shapes = variable_shapes(MobileNetV2())
    count = sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))
    # 3 504 872 in all, 1 281 000 in the classifier, 412 160 in features.18
    assert count == 3_504_872 - 1_281_000 - 412_160
    assert sorted(shapes["params"]) == sorted(f"features_{i}" for i in range(18))
    assert shapes["params"]["features_17"]["conv_1_0"]["kernel"].shape == (3, 3, 1, 960)
    assert len(jax.tree.leaves(shapes)) == 51 + 4 * 51  # convolutions, and norms of four
