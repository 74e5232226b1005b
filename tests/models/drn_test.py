"""DRN-D-22's shapes and counts, and its upsampling; its numbers are in `parity_test`."""

import jax
import jax.numpy as jnp
import pytest

from s4al_jax.models.drn import DRND22, DRNSeg
from s4al_jax.types import InputError
from tests.support.plain_backbone import Plain
from tests.support.variable_shapes import variable_shapes


def test_it_has_the_published_16_4_million_parameters():
    params = variable_shapes(DRND22())["params"]
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    assert count + 512 * 1000 + 1000 == 16_393_752
    assert params["layer0"]["0"]["kernel"].shape == (7, 7, 3, 16)
    assert params["layer6_0"]["downsample_0"]["kernel"].shape == (1, 1, 256, 512)
    assert sorted(params) == ["layer0", "layer1", "layer2"] + [
        f"layer{level}_{block}" for level in range(3, 7) for block in range(2)
    ] + ["layer7", "layer8"]


def test_logits_are_cut_to_the_image_or_stay_as_many_times_larger_than_the_features():
    image = jax.ShapeDtypeStruct((1, 33, 50, 3), jnp.float32)

    def shapes(model):
        found = jax.eval_shape(
            lambda key, x: model.init_with_output(key, x, groups=None)[0], jax.random.key(0), image
        )
        return found.features.shape[1:], found.logits.shape[1:]

    assert shapes(DRNSeg(DRND22(width=0.125), 5)) == ((5, 7, 64), (33, 50, 5))
    assert shapes(DRNSeg(Plain(), 5, factor=4)) == ((3, 4, 8), (12, 16, 5))


def test_what_it_cannot_be_is_refused():
    for factor in (0, 3):
        with pytest.raises(InputError, match=f"factor is {factor}: give an even one"):
            variable_shapes(DRNSeg(Plain(), 5, factor=factor))
    with pytest.raises(InputError, match="width is -1.0: give a factor above 0"):
        variable_shapes(DRND22(width=-1.0))
