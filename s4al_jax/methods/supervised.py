"""Plain supervised learning: the student on labeled images, and nothing else."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax

from s4al_jax.learn.augment import Augmentation, View, plain_view
from s4al_jax.learn.ema import raw_key, step_key
from s4al_jax.learn.grad_accumulation import Share, accumulated_gradient
from s4al_jax.learn.losses import sum_whole, supervised_loss
from s4al_jax.learn.optimizer import apply_updates
from s4al_jax.learn.predict import predict_with
from s4al_jax.types import (
    InputError,
    Method,
    Metrics,
    Network,
    Phase,
    StepInputs,
    TrainState,
    Tree,
)


def supervised(
    network: Network,
    optimizer: optax.GradientTransformation,
    learning_rate: Callable[[jax.Array], jax.Array],
    views: Augmentation,
    *,
    num_classes: int,
    parts: int = 1,
) -> Method:
    """A learner without a teacher; every cycle starts from the network's first weights.

    `learning_rate` maps the progress of a cycle to a rate; `optimizer` gives a direction only;
    `views` are how images are shown; `parts` divides the batch, see `learn.grad_accumulation`.
    """

    def init(
        key: jax.Array, class_pixels: np.ndarray, previous: TrainState | None = None
    ) -> TrainState:
        del class_pixels, previous
        network_key, cycle_key = jax.random.split(key)
        student = network.init(network_key)
        return TrainState(
            step=jnp.zeros((), jnp.int32),
            student=student,
            teacher={},
            opt_state=optimizer.init(student["params"]),
            key=raw_key(cycle_key),
            extra={},
        )

    def update(
        state: TrainState, inputs: StepInputs, phase: Phase = Phase.WARMUP
    ) -> tuple[TrainState, Metrics]:
        del phase
        view_key, pass_key = jax.random.split(step_key(state))
        view = views.labeled(view_key, plain_view(inputs.labeled))

        def objective(
            params: Tree, stats: Tree, views: Sequence[View], key: jax.Array, share: Share
        ) -> tuple[jax.Array, tuple[Tree, dict[str, jax.Array]]]:
            variables = {"params": params, "batch_stats": stats}
            size = {"full_size": False} if network.summed else {}
            prediction, stats = network.apply(
                variables, views[0].image, train=True, key=key, **size
            )
            if prediction.logits.shape[-1] != num_classes:
                raise InputError(f"num_classes is {num_classes}: the network has another number")
            summed = network.summed or sum_whole
            loss = supervised_loss(prediction.logits, views[0].label, summed) * share.pixels[0]
            return loss, (stats, {"loss": loss, "loss_supervised": loss})

        params, stats = state.student["params"], state.student["batch_stats"]
        slope, (stats, metrics) = accumulated_gradient(
            objective, params, stats, [view], pass_key, parts=parts, num_classes=num_classes
        )
        direction, opt_state = optimizer.update(slope, state.opt_state, params)
        rate = learning_rate(inputs.progress)
        params = apply_updates(params, direction, rate)
        metrics |= {"learning_rate": rate, "grad_norm": optax.tree.norm(slope)}
        student = {"params": params, "batch_stats": stats}
        return state._replace(step=state.step + 1, student=student, opt_state=opt_state), metrics

    predict = predict_with(network)
    return Method(
        init,
        update,
        predict,
        networks=("student",),
        phases=(Phase.WARMUP,),
        carries_over=False,
    )
