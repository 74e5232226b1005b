"""S4AL: a mean teacher labels what nobody has labeled, ClassMix makes the student work for it.

One step, in the order of the method's description: the supervised loss; the teacher's labels;
a strong view mixed inside the batch; replayed images mixed onto it, head and tail classes drawn
apart; the sum of the losses; gradient descent; and the teacher moves towards the student.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from s4al_jax.learn.augment import Augmentation, View, plain_view
from s4al_jax.learn.class_balance import class_groups
from s4al_jax.learn.ema import copy_tree, ema_momentum, raw_key, step_key, update_teacher
from s4al_jax.learn.grad_accumulation import Objective, Share, accumulated_gradient
from s4al_jax.learn.losses import pseudo_label_loss, pseudo_labels, sum_whole, supervised_loss
from s4al_jax.learn.mixing import (
    balanced_classes,
    classmix_classes,
    mixed_from_replay,
    mixed_in_batch,
)
from s4al_jax.learn.optimizer import apply_updates
from s4al_jax.learn.predict import predict_with
from s4al_jax.types import (
    UNLABELED,
    InputError,
    Method,
    Metrics,
    Network,
    Phase,
    StepInputs,
    TrainState,
    Tree,
)

TEACHER_STATISTICS = ("batch", "running")
STUDENT_PASSES = ("separate", "joint")


class Keys(NamedTuple):
    """One random key for everything that chance decides in a step, in every phase the same."""

    labeled: jax.Array
    weak: jax.Array
    weak_replayed: jax.Array
    teacher: jax.Array
    strong: jax.Array
    replay: jax.Array
    student: jax.Array


def _require(option: str, value: Any, fits: bool, hint: str) -> None:
    if not fits:
        raise InputError(f"{option} is {value!r}: {hint}")


def _require_word(option: str, word: str, words: tuple[str, ...]) -> None:
    _require(option, word, word in words, f"give one of {', '.join(words)}")


def _check_classes(num_classes: int, head: Sequence[int], tail: Sequence[int]) -> None:
    _require("num_classes", num_classes, 1 <= num_classes < UNLABELED, "give 1 to 253 classes")
    for option, ids in (("head", head), ("tail", tail)):
        inside = all(0 <= i < num_classes for i in ids)
        _require(option, tuple(ids), inside, f"give class ids from 0 to {num_classes - 1}")
    _require("tail", tuple(tail), not set(head) & set(tail), "name a class in head or in tail")


def taught(
    network: Network,
    teacher: Tree,
    views: Sequence[View],
    key: jax.Array,
    *,
    statistics: str,
) -> tuple[list[View], Tree]:
    """Each view with the teacher's labels and confidence, and the teacher after its passes.

    What `view.label` knows already stands. With "batch" statistics the teacher is in train mode:
    it normalizes each view by itself, drops units, and its own running statistics move on.
    """
    sizes = _sizes(views)
    images = jnp.concatenate([view.image for view in views])
    if statistics == "batch":
        prediction, stats = network.apply(teacher, images, train=True, key=key, groups=sizes)
        teacher = {**teacher, "batch_stats": stats}
    else:
        prediction, _ = network.apply(teacher, images, train=False, key=None, groups=None)
    logits = _apart(jax.lax.stop_gradient(prediction.logits), sizes)
    return [
        View(view.image, *pseudo_labels(guess, view.label))
        for view, guess in zip(views, logits, strict=True)
    ], teacher


def student_logits(
    network: Network,
    student: Tree,
    views: Sequence[View],
    key: jax.Array,
    *,
    passes: str,
) -> tuple[list[jax.Array], Tree]:
    """The logits of each view as the losses want them, and the batch statistics after all.

    "separate": each view is normalized by its own statistics, as in a pass of its own; "joint":
    all by common ones.
    """
    sizes = _sizes(views)
    groups = sizes if passes == "separate" else (sum(sizes),)
    images = jnp.concatenate([view.image for view in views])
    size = {"full_size": False} if network.summed else {}
    prediction, stats = network.apply(student, images, train=True, key=key, groups=groups, **size)
    return _apart(prediction.logits, sizes), stats


def _sizes(views: Sequence[View]) -> tuple[int, ...]:
    return tuple(len(view.image) for view in views)


def _apart(logits: jax.Array, sizes: Sequence[int]) -> list[jax.Array]:
    return jnp.split(logits, np.cumsum(sizes)[:-1].tolist())


def _seen(
    network: Network,
    views: Augmentation,
    *,
    num_classes: int,
    teacher_statistics: str,
    head_draws: int,
    tail_draws: int,
    balanced: bool,
) -> Callable[..., tuple[list[View], Tree]]:
    """The function that makes what the student sees in a step, and the teacher after its passes."""
    _require_word("teacher_statistics", teacher_statistics, TEACHER_STATISTICS)
    _require("head_draws", head_draws, head_draws >= 0, "give 0 or more classes")
    _require("tail_draws", tail_draws, tail_draws >= 0, "give 0 or more classes")

    draw = partial(balanced_classes, head_draws=head_draws, tail_draws=tail_draws)
    teach = partial(taught, network, statistics=teacher_statistics)

    def classmix_view(key: jax.Array, weak: View) -> View:
        scale_key, mix_key, color_key = jax.random.split(key, 3)
        mixed = mixed_in_batch(mix_key, *views.beside(scale_key, weak), num_classes)
        return views.colored(color_key, mixed)

    def replay_view(
        key: jax.Array, replayed: View, weak: View, shown: jax.Array, state: TrainState
    ) -> View:
        class_key, color_key = jax.random.split(key)
        if balanced:
            head, tail = state.extra["head"], state.extra["tail"]
            classes = draw(class_key, head, tail, batch=len(shown))
        else:
            classes = classmix_classes(class_key, replayed.label, num_classes)
        mixed = mixed_from_replay(replayed, weak, classes, shown)
        return views.colored(color_key, mixed)

    def seen(
        state: TrainState, inputs: StepInputs, phase: Phase, keys: Keys
    ) -> tuple[list[View], Tree]:
        made = [views.labeled(keys.labeled, plain_view(inputs.labeled))]
        if phase is Phase.WARMUP:
            return made, state.teacher
        assert inputs.unlabeled is not None, phase
        weak = [views.weak(keys.weak, plain_view(inputs.unlabeled))]
        if phase is Phase.REPLAY:
            assert inputs.replayed is not None, phase
            weak.append(views.weak(keys.weak_replayed, plain_view(inputs.replayed)))
        (current, *replayed), teacher = teach(state.teacher, weak, keys.teacher)
        made.append(classmix_view(keys.strong, current))
        if inputs.replayed is not None and replayed:
            shown = inputs.replayed.valid
            made.append(replay_view(keys.replay, replayed[0], current, shown, state))
        return made, teacher

    return seen


def _objective(
    network: Network,
    *,
    confidence_threshold: float,
    confidence_weighting: bool,
    warmup_weight: float,
    student_passes: str,
) -> Objective:
    """The loss of the views, the student's statistics after it, and its summands."""
    _require_word("student_passes", student_passes, STUDENT_PASSES)
    fits = 0.0 <= confidence_threshold <= 1.0
    _require("confidence_threshold", confidence_threshold, fits, "give a number from 0 to 1")
    _require("warmup_weight", warmup_weight, warmup_weight > 0.0, "give a number above 0")

    summed = network.summed or sum_whole
    unsupervised_loss = partial(
        pseudo_label_loss,
        threshold=confidence_threshold,
        confidence_weighting=confidence_weighting,
        summed=summed,
    )

    def objective(
        params: Tree, stats: Tree, seen: Sequence[View], key: jax.Array, share: Share
    ) -> tuple[jax.Array, tuple[Tree, dict[str, jax.Array]]]:
        variables = {"params": params, "batch_stats": stats}
        logits, stats = student_logits(network, variables, seen, key, passes=student_passes)
        supervised = supervised_loss(logits[0], seen[0].label, summed) * share.pixels[0]
        loss = supervised * (warmup_weight if len(seen) == 1 else 1.0)
        metrics = {"loss_supervised": supervised}
        for number, name in enumerate(("classmix", "replay"), start=1):
            part = trust = jnp.zeros(())
            if number < len(seen):
                part, trust = unsupervised_loss(logits[number], *seen[number][1:])
                part, trust = part * share.pixels[number], trust * share.images
            loss += part
            metrics |= {f"loss_{name}": part, f"eta_{name}": trust}
        return loss, (stats, {"loss": loss, **metrics})

    return objective


def _starting(
    network: Network,
    optimizer: optax.GradientTransformation,
    *,
    head: Sequence[int],
    tail: Sequence[int],
    head_factor: float,
    warm_start: bool,
) -> Callable[..., TrainState]:
    """The function that makes a cycle's first state."""

    def init(
        key: jax.Array, class_pixels: np.ndarray, previous: TrainState | None = None
    ) -> TrainState:
        network_key, cycle_key = jax.random.split(key)
        if warm_start and previous is not None:
            student, teacher = copy_tree(previous.student), copy_tree(previous.teacher)
            updates = copy_tree(previous.extra["ema_updates"])
        else:
            student, updates = network.init(network_key), jnp.zeros((), jnp.int32)
            teacher = copy_tree(student)
        in_head, in_tail = map(jnp.asarray, class_groups(class_pixels, head, tail, head_factor))
        return TrainState(
            step=jnp.zeros((), jnp.int32),
            student=student,
            teacher=teacher,
            opt_state=optimizer.init(student["params"]),
            key=raw_key(cycle_key),
            extra={"head": in_head, "tail": in_tail, "ema_updates": updates},
        )

    return init


def _updating(
    optimizer: optax.GradientTransformation,
    learning_rate: Callable[[jax.Array], jax.Array],
    *,
    seen: Callable[..., tuple[list[View], Tree]],
    slope_of: Callable[..., tuple[Tree, tuple[Tree, dict[str, jax.Array]]]],
    teacher_statistics: str,
    ema_decay: float,
) -> Callable[[TrainState, StepInputs, Phase], tuple[TrainState, Metrics]]:
    """The function that does one step."""

    def update(state: TrainState, inputs: StepInputs, phase: Phase) -> tuple[TrainState, Metrics]:
        keys = Keys(*jax.random.split(step_key(state), len(Keys._fields)))
        images, teacher = seen(state, inputs, phase, keys)

        params, stats = state.student["params"], state.student["batch_stats"]
        slope, (stats, metrics) = slope_of(params, stats, images, keys.student)
        direction, opt_state = optimizer.update(slope, state.opt_state, params)
        rate = learning_rate(inputs.progress)
        student = {"params": apply_updates(params, direction, rate), "batch_stats": stats}

        updates = state.extra["ema_updates"]
        momentum = ema_momentum(updates, ema_decay)
        keeps_statistics = teacher_statistics == "batch" and phase is not Phase.WARMUP
        teacher = update_teacher(teacher, student, momentum, keeps_statistics=keeps_statistics)
        after = state._replace(
            step=state.step + 1,
            student=student,
            teacher=teacher,
            opt_state=opt_state,
            extra={**state.extra, "ema_updates": updates + 1},
        )
        return after, {**metrics, "learning_rate": rate, "grad_norm": optax.tree.norm(slope)}

    return update


def s4al(
    network: Network,
    optimizer: optax.GradientTransformation,
    learning_rate: Callable[[jax.Array], jax.Array],
    views: Augmentation,
    *,
    num_classes: int,
    ema_decay: float = 0.99,
    confidence_threshold: float = 0.97,
    confidence_weighting: bool = True,
    warmup_weight: float = 1.5,
    teacher_statistics: str = "batch",
    student_passes: str = "separate",
    head: Sequence[int] = (),
    tail: Sequence[int] = (),
    head_factor: float = 0.5,
    head_draws: int = 3,
    tail_draws: int = 2,
    warm_start: bool = False,
    balanced: bool = True,
    parts: int = 1,
) -> Method:
    """The learner of the paper; its defaults are those of CamVid.

    `learning_rate` maps the progress of a cycle to a rate; `optimizer` gives a direction only;
    `views` are how images are shown.
    Without `balanced`, replayed images are mixed by ordinary ClassMix. `parts` divides the batches
    that the student learns from, see `learn.grad_accumulation`.
    """
    _check_classes(num_classes, head, tail)
    _require("head_factor", head_factor, head_factor >= 0.0, "give 0 or more")
    _require("ema_decay", ema_decay, 0.0 <= ema_decay <= 1.0, "give a number from 0 to 1")
    seen = _seen(
        network,
        views,
        num_classes=num_classes,
        teacher_statistics=teacher_statistics,
        head_draws=head_draws,
        tail_draws=tail_draws,
        balanced=balanced,
    )
    objective = _objective(
        network,
        confidence_threshold=confidence_threshold,
        confidence_weighting=confidence_weighting,
        warmup_weight=warmup_weight,
        student_passes=student_passes,
    )

    init = _starting(
        network,
        optimizer,
        head=head,
        tail=tail,
        head_factor=head_factor,
        warm_start=warm_start,
    )
    update = _updating(
        optimizer,
        learning_rate,
        seen=seen,
        slope_of=partial(accumulated_gradient, objective, parts=parts, num_classes=num_classes),
        teacher_statistics=teacher_statistics,
        ema_decay=ema_decay,
    )

    predict = predict_with(network)
    return Method(
        init,
        update,
        predict,
        networks=("student", "teacher"),
        phases=tuple(Phase),
        carries_over=warm_start,
    )
