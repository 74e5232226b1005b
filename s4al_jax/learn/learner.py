"""What methods that train a student by gradients share: their parts, first state and descent."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from s4al_jax.learn.augment import Augmentation, View
from s4al_jax.learn.ema import raw_key, split_variables
from s4al_jax.learn.grad_accumulation import LossParts, Objective, Share, accumulated_gradient
from s4al_jax.learn.optimizer import Optimizer
from s4al_jax.types import Metrics, Network, TrainState, Tree


class Learner(NamedTuple):
    """What a step needs besides its state and inputs."""

    network: Network
    optimizer: Optimizer
    augmentation: Augmentation
    num_classes: int
    microbatches: int = 1


Loss = Callable[[Learner, Tree, Tree, Sequence[View], jax.Array, Share], LossParts]
"""(learner, params, statistics, views, key, share) -> loss and metrics, weighted by the share"""


def first_state(
    learner: Learner,
    student: Tree,
    key: jax.Array,
    *,
    teacher: Tree | None = None,
    extra: Mapping[str, Tree] | None = None,
) -> TrainState:
    """The state at step 0 of a cycle.

    Args:
      learner: whose optimizer begins anew.
      student: the variables to begin with.
      key: of the cycle's steps.
      teacher: its variables, in arrays of their own; None: there is no teacher.
      extra: what the method keeps for itself.
    """
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        student=student,
        teacher=teacher or {},
        opt_state=learner.optimizer.init(student["params"]),
        key=raw_key(key),
        extra=extra or {},
    )


def descend(
    learner: Learner,
    objective: Objective,
    state: TrainState,
    views: Sequence[View],
    key: jax.Array,
    progress: jax.Array,
) -> tuple[TrainState, Metrics]:
    """Take one step of the student down the gradient of an objective.

    Args:
      learner: what the step needs.
      objective: what is minimized.
      state: before the step.
      views: what the network sees, `[batch, ...]` each.
      key: of the objective.
      progress: the share of the training that is done, for the learning rate.

    Returns:
      The state with the student after the step, and the metrics: the objective's, "learning_rate"
      and "grad_norm".
    """
    params, statistics = split_variables(state.student)
    grads, (statistics, metrics) = accumulated_gradient(
        objective,
        params,
        statistics,
        views,
        key,
        microbatches=learner.microbatches,
        num_classes=learner.num_classes,
    )
    params, opt_state, rate = learner.optimizer.step(grads, state.opt_state, params, progress)
    student = {"params": params, **statistics}
    after = state._replace(step=state.step + 1, student=student, opt_state=opt_state)
    return after, {**metrics, "learning_rate": rate, "grad_norm": optax.tree.norm(grads)}
