"""ResNet's shapes, strides, names and counts; its numbers are in `parity_test`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.models.layers import max_pool3x3
from s4al_jax.models.resnet import ResNet50, ResNet101, strides_and_dilations
from s4al_jax.types import InputError
from tests.support.variable_shapes import variable_shapes

CLASSIFIER = 2048 * 1000 + 1000


def maps(model, height, width):
    image = jax.ShapeDtypeStruct((1, height, width, 3), jnp.float32)
    found = jax.eval_shape(
        lambda key, x: model.init_with_output(key, x, groups=None)[0], jax.random.key(0), image
    )
    return [leaf.shape[1:] for leaf in found]


def test_the_parameters_are_torchvisions_without_the_classifier():
    for model, count, blocks in ((ResNet50(), 25_557_032, 16), (ResNet101(), 44_549_160, 33)):
        params = variable_shapes(model)["params"]
        assert sum(leaf.size for leaf in jax.tree.leaves(params)) == count - CLASSIFIER
        assert len(params) == 2 + blocks
    assert params["layer3_22"]["conv2"]["kernel"].shape == (3, 3, 256, 256)
    assert params["layer4_0"]["downsample_0"]["kernel"].shape == (1, 1, 1024, 2048)
    assert "downsample_0" not in params["layer4_1"] and "downsample_0" in params["layer1_0"]


@pytest.mark.parametrize(
    ("output_stride", "late"),
    [(32, ((5, 7), (3, 4))), (16, ((5, 7), (5, 7))), (8, ((9, 13), (9, 13)))],
)
def test_maps_are_at_the_strides_that_the_output_stride_leaves(output_stride, late):
    model = ResNet50(width=0.125, blocks=(1, 1, 1, 1), output_stride=output_stride)
    found = maps(model, 66, 99)
    assert found[:2] == [(17, 25, 32), (9, 13, 64)]
    assert found[2:] == [(*late[0], 128), (*late[1], 256)]


def test_a_stride_that_is_left_out_dilates_all_blocks_but_the_first_of_its_stage():
    assert strides_and_dilations(16)[2:] == ((2, 1, 1), (1, 1, 2))
    assert strides_and_dilations(8)[2:] == ((1, 1, 2), (1, 2, 4))
    assert strides_and_dilations(32)[:2] == ((1, 1, 1), (2, 1, 1))


def test_pooling_leaves_out_what_is_outside_of_the_image():
    x = -jnp.arange(1.0, 13.0).reshape(1, 3, 4, 1)
    # At symmetric padding windows begin one pixel outside; a zero there would be the largest.
    np.testing.assert_array_equal(max_pool3x3(x, "symmetric")[0, ..., 0], [[-1, -2], [-5, -6]])
    # TensorFlow has a whole pixel of padding behind the last of four columns, and none before.
    np.testing.assert_array_equal(max_pool3x3(x, "same")[0, ..., 0], [[-1, -3], [-5, -7]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output_stride": 4}, "output_stride is 4; use 8, 16 or 32"),
        ({"width": 0.0}, "width is 0.0: give a factor above 0"),
        ({"blocks": (3, 4, 6)}, r"blocks are \(3, 4, 6\): give 4 from 1 on"),
        ({"blocks": (3, 4, 0, 3)}, "give 4 from 1 on"),
    ],
)
def test_what_it_cannot_be_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        variable_shapes(ResNet50(**options))
