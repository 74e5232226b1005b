"""The light decoder: how little it computes, and what it sees."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.models.deeplab import DeepLabV3, DeepLabV3Plus
from s4al_jax.models.light import Light
from s4al_jax.models.mobilenet_v2 import MobileNetV2
from s4al_jax.types import InputError
from tests.support.plain_backbone import Plain
from tests.support.variable_shapes import drawn, variable_shapes


def own_parameters(model):
    params = variable_shapes(model)["params"]
    return sum(
        x.size for name in params if name != "backbone" for x in jax.tree.leaves(params[name])
    )


def test_it_has_a_seventieth_of_the_parameters_of_the_usual_head():
    light, usual = (own_parameters(head(MobileNetV2(), 11)) for head in (Light, DeepLabV3Plus))
    # context and gate: 2 x 320 x 64, low: 24 x 64, depthwise: 9 x 64, classifier: 64 x 11
    assert light == 40_960 + 1_536 + 576 + 704 + 64 + 11 + 3 * 128 == 44_235
    assert usual > 70 * light


def test_logits_have_the_size_of_the_fine_map_and_see_the_whole_image_through_the_gate():
    model = Light(Plain(), 5, channels=8)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 32, 160, 3)), jnp.float32)
    variables = drawn(variable_shapes(model))
    run = jax.jit(lambda x: model.apply(variables, x, groups=None, extras=("embedding",)))
    found, other = run(x), run(x.at[:, :, 140:].add(3.0))
    assert found.logits.shape == (1, 8, 40, 5) and found.extras["embedding"].shape == (1, 8, 40, 8)
    kernel, bias = (variables["params"]["classify"][name] for name in ("kernel", "bias"))
    logits = np.asarray(found.extras["embedding"]) @ np.asarray(kernel)[0, 0] + np.asarray(bias)
    np.testing.assert_allclose(logits, found.logits, atol=1e-5)
    # 100 pixels away: no convolution reaches as far.
    assert jnp.abs(found.logits - other.logits)[:, :, :5].max() > 1e-4


def test_without_a_decoder_logits_are_as_coarse_as_the_features():
    model = DeepLabV3(MobileNetV2(), 11)
    image = jax.ShapeDtypeStruct((1, 64, 96, 3), jnp.float32)
    found = jax.eval_shape(
        lambda key, x: model.init_with_output(key, x, groups=None)[0], jax.random.key(0), image
    )
    assert found.logits.shape == (1, 4, 6, 11) and found.features.shape == (1, 4, 6, 256)
    # As `DeepLabV3Plus` without "low" and "decode".
    own = set(variable_shapes(model)["params"])
    assert own == set(variable_shapes(DeepLabV3Plus(MobileNetV2(), 11))["params"]) - {
        "low",
        "decode",
    }


def test_what_it_cannot_be_is_refused():
    with pytest.raises(InputError, match="channels are 0 and its embedding_dropout 0.0: give 1"):
        variable_shapes(Light(Plain(), 5, channels=0))
    with pytest.raises(InputError, match="embedding_dropout 1.0"):
        variable_shapes(Light(Plain(), 5, embedding_dropout=1.0))
    with pytest.raises(InputError, match="aspp_channels are 0: give 1 or more"):
        variable_shapes(DeepLabV3(Plain(), 5, aspp_channels=0))
