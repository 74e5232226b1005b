"""A network of two small convolutions and everything that tests of methods start from."""

import jax
import jax.numpy as jnp
import numpy as np

from s4al_jax.learn.augment import augmentation
from s4al_jax.learn.learner import Learner
from s4al_jax.learn.optimizer import optimizer, poly, sgd
from s4al_jax.methods.s4al import STREAMS, s4al
from s4al_jax.methods.s4al_options import Options
from s4al_jax.types import (
    UNLABELED,
    VOID,
    Batch,
    Network,
    Prediction,
    StepInputs,
)

CLASSES = 4
PLAIN = {
    "scale_range": (1.0, 1.0),
    "jitter_probability": 0.0,
    "brightness": (1.0, 1.0),
    "contrast": (1.0, 1.0),
    "flip_probability": 0.0,
}
OPTIONS = {
    "scale_range": (0.5, 2.0),
    "jitter_probability": 0.5,
    "brightness": (0.75, 1.25),
    "contrast": (0.75, 1.25),
    "flip_probability": 0.5,
}
VIEWS = {*OPTIONS, "crop_height", "crop_width"}
KEY = jax.random.key(11)
PIXELS = np.asarray([500, 400, 50, 50])
PARTS = {f"{what}_{where}" for what in ("loss", "eta") for where in ("classmix", "replay")}
STAGES = tuple(STREAMS)
METRICS = PARTS | {"loss", "loss_supervised", "learning_rate", "grad_norm"}


def convolved(images, kernel):
    return jax.lax.conv_general_dilated(
        images, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def tiny_network(dropout=0.0, sharpness=3.0):
    """3x3 convolution, batch normalization, ReLU, dropout, 1x1 convolution."""

    def init(key):
        first, last = jax.random.split(key)
        return {
            "params": {
                "first": jax.random.normal(first, (3, 3, 3, 6)),
                "scale": jnp.ones(6),
                "last": jax.random.normal(last, (1, 1, 6, CLASSES)) * sharpness,
            },
            "batch_stats": {"mean": jnp.zeros(6), "var": jnp.ones(6)},
        }

    def apply(variables, images, *, train, rngs=None, groups=None, full_size=True, extras=()):
        params, stats = variables["params"], variables["batch_stats"]
        x = convolved(images, params["first"])
        batches = jnp.split(x, np.cumsum(groups or (len(x),))[:-1]) if train else [x]
        parts = []
        for batch in batches:
            mean, var = stats["mean"], stats["var"]
            if train:
                mean, var = batch.mean((0, 1, 2)), batch.var((0, 1, 2))
                stats = {
                    "mean": 0.9 * stats["mean"] + 0.1 * mean,
                    "var": 0.9 * stats["var"] + 0.1 * var,
                }
            slope = params["scale"] / jnp.sqrt(var + 1e-5)
            parts.append((batch - mean[None, None, None]) * slope[None, None, None])
        features = jax.nn.relu(jnp.concatenate(parts))
        if rngs and dropout:
            kept = jax.random.bernoulli(rngs["dropout"], 1.0 - dropout, features.shape)
            features = jnp.where(kept, features / (1.0 - dropout), 0.0)
        return Prediction(convolved(features, params["last"]), features), {"batch_stats": stats}

    return Network(init, apply)


def some_batch(seed, batch=2, known=0.3):
    """Labels known with a chance of `known`, some of them void."""
    chance = np.random.default_rng(seed)
    label = chance.integers(0, CLASSES, (batch, 8, 12), np.uint8)
    label[chance.random(label.shape) < 0.1] = VOID
    label[chance.random(label.shape) >= known] = UNLABELED
    return Batch(
        jnp.asarray(chance.integers(0, 256, (batch, 8, 12, 3), np.uint8)),
        jnp.asarray(label),
        jnp.arange(batch, dtype=jnp.int32),
        jnp.ones(batch, bool),
    )


def some_inputs(seed=0, batch=2, progress=0.25):
    labeled, *others = (
        some_batch(seed + number, batch, known) for number, known in enumerate((1.0, 0.3, 0.3))
    )
    streams = dict(zip(("labeled", "unlabeled", "replay"), (labeled, *others), strict=True))
    return StepInputs(streams, jnp.asarray(progress, jnp.float32))


def with_streams(inputs, **batches):
    """The inputs with other batches; None: without that stream."""
    streams = {**inputs.streams, **batches}
    kept = {name: batch for name, batch in streams.items() if batch is not None}
    return inputs._replace(streams=kept)


def parts(network, microbatches=1, **options):
    """The arguments of `s4al` for options of it and of the augmentation."""
    views = {name: value for name, value in options.items() if name in VIEWS}
    own = {name: value for name, value in options.items() if name not in VIEWS}
    return {
        "network": network,
        "optimizer": optimizer(sgd(), poly()),
        "augmentation": augmentation(**OPTIONS | views),
        "num_classes": CLASSES,
        "microbatches": microbatches,
        "options": Options(**own),
    }


def learner_of(network, **options):
    """What the functions of `methods.s4al` take first: a learner, and the options."""
    own = parts(network, **options)
    return Learner(**{name: own[name] for name in Learner._fields}), own["options"]


_LEARNERS = {}


def compiled(update, **options):
    """Compiled quickly rather than to run quickly."""
    options |= {"compiler_options": {"xla_backend_optimization_level": 0}}
    return jax.jit(update, static_argnums=2, **options)


def learner(network=None, **options):
    """A method and its compiled update, made once for each set of options."""
    name = (id(network), *sorted(options.items()))
    if name not in _LEARNERS:
        network = network or tiny_network()
        method = s4al(**parts(network, **options))
        _LEARNERS[name] = network, method, compiled(method.update)
    return _LEARNERS[name][1:]


def started(method, seed=0, different_teacher=True):
    """A state some way into training: the teacher is not the student, the average is slow."""
    state = method.init(jax.random.key(seed), PIXELS, None)
    teacher = state.teacher
    if different_teacher:
        teacher = jax.tree.map(lambda leaf: leaf * 1.3 + 0.1, teacher)
    return state._replace(
        teacher=teacher, extra={**state.extra, "ema_updates": jnp.asarray(9, jnp.int32)}
    )


def same(first, second, **tolerance):
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return all(np.allclose(a, b, **{"rtol": 2e-5, "atol": 1e-6} | tolerance) for a, b in pairs)


def identical(first, second):
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)
