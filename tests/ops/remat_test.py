"""Computing twice keeps less and changes nothing."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from s4al_jax.models.deeplab import DeepLabV3Plus
from s4al_jax.models.mobilenet_v2 import MobileNetV2
from s4al_jax.models.network import network_from_module
from tests.support.plain_backbone import Plain

HALF = (0.5, 0.5, 0.5)
SIZE = (16, 24)
KEY = jax.random.key(0)


@functools.cache
def net(backbone, remat):
    head = {"aspp_channels": 8, "low_level_channels": 4, "rates": (1, 2, 3)}
    model = DeepLabV3Plus(backbone, 3, **head)
    return network_from_module(model, mean=HALF, std=HALF, image_size=SIZE, remat=remat)


def loss(network, params, stats, images):
    variables = {"params": params, "batch_stats": stats}
    rngs = {"dropout": KEY}
    prediction, stats = network.apply(variables, images, train=True, rngs=rngs, groups=(1, 1))
    return jnp.square(prediction.logits).mean(), stats


def kept(network):
    """Bytes that the gradient's function holds, for pictures that make parameters look small."""
    variables = jax.eval_shape(network.init, KEY)
    images = jax.ShapeDtypeStruct((2, 96, 128, 3), jnp.float32)
    residuals = jax.eval_shape(
        lambda params, stats, images: jax.vjp(lambda p: loss(network, p, stats, images)[0], params)[
            1
        ],
        variables["params"],
        variables["batch_stats"],
        images,
    )
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(residuals))


def test_a_third_is_kept():
    backbone = MobileNetV2(width=0.35)
    assert kept(net(backbone, True)) < kept(net(backbone, False)) / 3


def test_loss_statistics_and_gradients_are_the_same():
    plain, remat = net(Plain(), False), net(Plain(), True)
    variables = plain.init(KEY)
    images = jnp.asarray(np.random.default_rng(0).uniform(size=(2, *SIZE, 3)), jnp.float32)
    # As for users: the compiler's other way of fusing rounds the two networks differently.
    as_usual = {"xla_cpu_use_fusion_emitters": True}
    ours, theirs = (
        jax.jit(
            jax.value_and_grad(functools.partial(loss, network), has_aux=True),
            compiler_options=as_usual,
        )(variables["params"], variables["batch_stats"], images)
        for network in (remat, plain)
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), ours, theirs)
