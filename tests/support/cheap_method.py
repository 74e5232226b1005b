"""The tiny experiment with networks of one weight: a whole run in a second, nothing to compile.

    python -m s4al_jax.main --config=tests/support/cheap_method.py --workdir=WORKDIR

Not a test: what tests learn with that are about the loop and not about learning.
"""

from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from s4al_jax.methods.registry import METHODS
from s4al_jax.types import (
    Method,
    Metrics,
    Prediction,
    Replay,
    Schedule,
    Shuffle,
    Stage,
    StepInputs,
    TrainState,
    Tree,
)
from tests.support.tiny import tiny_config


def cheap(*, warm_start: bool = False) -> Method:
    """Networks of one weight that moves with the labels of every step."""

    def init(key: jax.Array, class_pixels: Any, previous: TrainState | None) -> TrainState:
        student, teacher = {"weight": jnp.ones(())}, {"weight": jnp.full((), 2.0)}
        if warm_start and previous is not None:
            student, teacher = previous.student, previous.teacher
        step, trace, own = jnp.zeros((), jnp.int32), jnp.zeros(1), jnp.zeros(2)
        return TrainState(step, student, teacher, {"trace": trace}, key, {"own": own})

    def update(state: TrainState, inputs: StepInputs, stage: str) -> tuple[TrainState, Metrics]:
        before, batch = state.student["weight"], inputs.streams["labeled"]
        after = before + batch.label.astype(jnp.float32).mean() / 1000
        teacher = {"weight": 0.5 * state.teacher["weight"] + 0.5 * after}
        later = state._replace(step=state.step + 1, student={"weight": after}, teacher=teacher)
        return later, {"loss": after, "before": before, "after": after}

    def predict(variables: Tree, images: jax.Array, *, extras: tuple[str, ...] = ()) -> Prediction:
        light = images.astype(jnp.float32).mean(axis=-1, keepdims=True) / 255
        logits = light * variables["weight"] * jnp.arange(11, dtype=jnp.float32)[None, None, None]
        return Prediction(logits, logits)

    return Method(
        init,
        update,
        predict,
        networks=("student", "teacher"),
        streams={
            "labeled": Shuffle("whole"),
            "unlabeled": Shuffle("unlabeled", "unlabeled"),
            "replay": Replay("unlabeled", capacity=4),
        },
        stages=stages,
        carries_over=warm_start,
    )


def stages(schedule: Schedule, cycle: int, unlabeled: int) -> tuple[Stage, ...]:
    """Three of them in a long cycle, as many as there are epochs in a short one.

    One, where every image is labeled.
    """
    if not unlabeled:
        return (Stage("warmup", schedule.epochs_of(cycle), ("labeled",)),)
    names = {
        "warmup": ("labeled",),
        "classmix": ("labeled", "unlabeled"),
        "replay": ("labeled", "unlabeled", "replay"),
    }
    last = schedule.epochs_of(cycle) - 2
    epochs = {"warmup": 1, "classmix": 1 if last > 0 else last + 1, "replay": last}
    return tuple(Stage(name, n, names[name]) for name, n in epochs.items() if n > 0)


def _method(
    *,
    network: Any,
    optimizer: Any,
    augmentation: Any,
    num_classes: int,
    microbatches: int,
    warm_start: bool = False,
) -> Method:
    """`cheap`, as an experiment makes its method; the networks are its own."""
    return cheap(warm_start=warm_start)


def get_config() -> ConfigDict:
    """All stages, two cycles, a checkpoint after every epoch."""
    METHODS["cheap"] = _method
    config = tiny_config(method=ConfigDict({"name": "cheap", "kwargs": {"warm_start": True}}))
    config.lock()
    return config
