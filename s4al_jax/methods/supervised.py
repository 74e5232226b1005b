"""Supervised learning: a student on labeled pixels, and nothing else."""

from collections.abc import Sequence
from functools import partial

import jax
import numpy as np

from s4al_jax.learn.augment import Augmentation, View, plain_view
from s4al_jax.learn.ema import step_key
from s4al_jax.learn.grad_accumulation import LossParts, Share
from s4al_jax.learn.learner import Learner, Loss, descend, first_state
from s4al_jax.learn.losses import sum_whole, supervised_loss
from s4al_jax.learn.optimizer import Optimizer
from s4al_jax.learn.predict import predict_with, sample_with
from s4al_jax.types import (
    InputError,
    Method,
    Metrics,
    Network,
    Schedule,
    Shuffle,
    Stage,
    StepInputs,
    TrainState,
    Tree,
)

LABELED_FROM = ("known", "whole")


def init(
    learner: Learner, key: jax.Array, class_pixels: np.ndarray, previous: TrainState | None = None
) -> TrainState:
    """A cycle's first state: a new network."""
    del class_pixels, previous
    network_key, cycle_key = jax.random.split(key)
    return first_state(learner, learner.network.init(network_key), cycle_key)


def update(
    learner: Learner,
    loss: Loss,
    state: TrainState,
    inputs: StepInputs,
    stage: str = "supervised",
) -> tuple[TrainState, Metrics]:
    """One step of training on the stream "labeled"; see `types.Method`."""
    del stage
    view_key, dropout_key = jax.random.split(step_key(state))
    view = learner.augmentation.labeled(view_key, plain_view(inputs.streams["labeled"]))
    return descend(learner, partial(loss, learner), state, [view], dropout_key, inputs.progress)


def cross_entropy(
    learner: Learner,
    params: Tree,
    statistics: Tree,
    views: Sequence[View],
    key: jax.Array,
    share: Share,
) -> LossParts:
    """Cross-entropy over the pixels that have a class, and the student's statistics after it."""
    network = learner.network
    prediction, statistics = network.apply(
        {"params": params, **statistics},
        views[0].image,
        train=True,
        rngs={"dropout": key},
        full_size=not network.summed,
    )
    if prediction.logits.shape[-1] != learner.num_classes:
        raise InputError(f"num_classes is {learner.num_classes}: the network has another number")
    sum_over = network.summed or sum_whole
    total = supervised_loss(prediction.logits, views[0].label, sum_over) * share.pixels[0]
    return total, (statistics, {"loss": total, "loss_supervised": total})


def stages(schedule: Schedule, cycle: int, unlabeled: int) -> tuple[Stage, ...]:
    """One for all epochs."""
    return (Stage("supervised", schedule.epochs_of(cycle), ("labeled",)),)


def supervised(
    network: Network,
    optimizer: Optimizer,
    augmentation: Augmentation,
    *,
    num_classes: int,
    microbatches: int = 1,
    labeled_from: str = "known",
) -> Method:
    """A learner without a teacher; every cycle starts from the network's first weights.

    Args:
      network: of the student.
      optimizer: of the student.
      augmentation: the random views.
      num_classes: labels below it are classes.
      microbatches: into which a batch is cut, see `learn.grad_accumulation`.
      labeled_from: "known": every image of which some pixel is labeled is learned from, in these
        pixels; "whole": only images that are labeled in every pixel, as long as there are any.
    """
    learner = Learner(network, optimizer, augmentation, num_classes, microbatches)
    return supervised_with(cross_entropy, learner, labeled_from=labeled_from)


def supervised_with(loss: Loss, learner: Learner, *, labeled_from: str = "known") -> Method:
    """A supervised learner with another loss, of one view of the labeled images."""
    if labeled_from not in LABELED_FROM:
        raise InputError(f"labeled_from is {labeled_from!r}: one of {', '.join(LABELED_FROM)}")
    return Method(
        partial(init, learner),
        partial(update, learner, loss),
        predict_with(learner.network),
        networks=("student",),
        streams={"labeled": Shuffle(labeled_from, "labeled")},
        stages=stages,
        sample=sample_with(learner.network),
        carries_over=False,
    )
