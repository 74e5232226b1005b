"""S4AL (Rangnekar, Kanan, Hoffman, WACV 2023): a mean teacher labels what nobody has labeled.

ClassMix makes the student work for those labels, and a replay buffer keeps rare classes in sight.
`update` is one step, in the order in which docs/explanation/method.md numbers its parts.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from s4al_jax.learn.augment import Augmentation, View, plain_view
from s4al_jax.learn.class_balance import class_groups
from s4al_jax.learn.ema import copy_tree, ema_momentum, step_key, update_teacher
from s4al_jax.learn.grad_accumulation import LossParts, Share
from s4al_jax.learn.learner import Learner, descend, first_state
from s4al_jax.learn.losses import pseudo_label_loss, pseudo_labels, sum_whole, supervised_loss
from s4al_jax.learn.mixing import (
    balanced_classes,
    classmix_classes,
    mix_from_replay,
    mix_in_batch,
)
from s4al_jax.learn.optimizer import Optimizer
from s4al_jax.learn.predict import predict_with, sample_with
from s4al_jax.methods.s4al_options import DEFAULTS, Options
from s4al_jax.types import (
    InputError,
    Method,
    Metrics,
    Network,
    Replay,
    Schedule,
    Shuffle,
    Stage,
    StepInputs,
    TrainState,
    Tree,
)

WARMUP, CLASSMIX, REPLAY = "warmup", "classmix", "replay"
STREAMS = {
    WARMUP: ("labeled",),
    CLASSMIX: ("labeled", "unlabeled"),
    REPLAY: ("labeled", "unlabeled", "replay"),
}
"""The streams of each stage."""


class Keys(NamedTuple):
    """A random key for each part of a step, the same in every stage."""

    labeled: jax.Array
    weak: jax.Array
    weak_replayed: jax.Array
    teacher: jax.Array
    strong: jax.Array
    replay: jax.Array
    student: jax.Array


def update(
    learner: Learner, options: Options, state: TrainState, inputs: StepInputs, stage: str
) -> tuple[TrainState, Metrics]:
    """One step of training.

    Args:
      learner: network, optimizer and views.
      options: of the method.
      state: before the step.
      inputs: batches of the streams of the stage.
      stage: "warmup", "classmix" or "replay".

    Returns:
      The state after the step, and its metrics.
    """
    augmentation, streams = learner.augmentation, inputs.streams
    keys = Keys(*jax.random.split(step_key(state), len(Keys._fields)))
    views = [augmentation.labeled(keys.labeled, plain_view(streams["labeled"]))]
    teacher = state.teacher
    if stage != WARMUP:
        weak = [augmentation.weak(keys.weak, plain_view(streams["unlabeled"]))]
        if stage == REPLAY:
            weak.append(augmentation.weak(keys.weak_replayed, plain_view(streams["replay"])))
        # 2. The teacher labels both; what a person has labeled stands.
        (current, *replayed), teacher = teacher_labels(
            learner, options, teacher, weak, keys.teacher
        )
        # 3. A strong view: classes pasted from one image of the batch onto another.
        views.append(classmix_view(learner, keys.strong, current))
        # 5. Balanced ClassMix of replayed images onto the current ones.
        for view in replayed:
            shown = streams["replay"].valid
            views.append(
                replay_view(learner, options, keys.replay, view, current, shown, state.extra)
            )

    # 1, 4, 6. The student descends the sum of the losses of all views.
    objective = partial(loss, learner, options)
    state, metrics = descend(learner, objective, state, views, keys.student, inputs.progress)

    # 7. The teacher follows.
    updates = state.extra["ema_updates"]
    teacher = update_teacher(
        teacher,
        state.student,
        ema_momentum(updates, options.ema_decay),
        # In train mode the teacher has moved its own statistics on.
        keeps_statistics=options.teacher_statistics == "batch" and stage != WARMUP,
    )
    extra = {**state.extra, "ema_updates": updates + 1}
    return state._replace(teacher=teacher, extra=extra), metrics


def teacher_labels(
    learner: Learner, options: Options, teacher: Tree, views: Sequence[View], key: jax.Array
) -> tuple[list[View], Tree]:
    """Each view with the teacher's labels and confidence, and the teacher after its passes.

    What `view.label` knows already stands. With "batch" statistics the teacher is in train mode:
    it normalizes each view by itself, drops units, and its own running statistics move on.
    """
    sizes = _sizes(views)
    images = jnp.concatenate([view.image for view in views])
    if options.teacher_statistics == "batch":
        prediction, statistics = learner.network.apply(
            teacher, images, train=True, rngs={"dropout": key}, groups=sizes
        )
        teacher = {**teacher, **statistics}
    else:
        prediction, _ = learner.network.apply(teacher, images, train=False)
    logits = _split(jax.lax.stop_gradient(prediction.logits), sizes)
    return [
        View(view.image, *pseudo_labels(of_view, view.label))
        for view, of_view in zip(views, logits, strict=True)
    ], teacher


def classmix_view(learner: Learner, key: jax.Array, weak: View) -> View:
    """Half of the classes of each image, pasted onto the next image of the batch."""
    scale_key, mix_key, color_key = jax.random.split(key, 3)
    pair = learner.augmentation.beside(scale_key, weak)
    mixed = mix_in_batch(mix_key, *pair, learner.num_classes)
    return learner.augmentation.colored(color_key, mixed)


def replay_view(
    learner: Learner,
    options: Options,
    key: jax.Array,
    replayed: View,
    weak: View,
    shown: jax.Array,
    extra: Any,
) -> View:
    """Head and tail classes of replayed images, pasted onto the current ones.

    Rows that are not `shown` only pad the batch. Without `balanced` the classes are ClassMix's.
    """
    class_key, color_key = jax.random.split(key)
    if options.balanced:
        classes = balanced_classes(
            class_key,
            extra["head"],
            extra["tail"],
            batch=len(shown),
            head_draws=options.head_draws,
            tail_draws=options.tail_draws,
        )
    else:
        classes = classmix_classes(class_key, replayed.label, learner.num_classes)
    mixed = mix_from_replay(replayed, weak, classes, shown)
    return learner.augmentation.colored(color_key, mixed)


def loss(
    learner: Learner,
    options: Options,
    params: Tree,
    statistics: Tree,
    views: Sequence[View],
    key: jax.Array,
    share: Share,
) -> LossParts:
    """The loss of the views, the student's statistics after it, and its summands."""
    sum_over = learner.network.summed or sum_whole
    variables = {"params": params, **statistics}
    logits, statistics = student_logits(learner, options, variables, views, key)
    supervised = supervised_loss(logits[0], views[0].label, sum_over) * share.pixels[0]
    total = supervised * (options.warmup_weight if len(views) == 1 else 1.0)
    metrics = {"loss_supervised": supervised}
    for number, name in enumerate((CLASSMIX, REPLAY), start=1):
        part = eta = jnp.zeros(())
        if number < len(views):
            part, eta = pseudo_label_loss(
                logits[number],
                views[number].label,
                views[number].confidence,
                threshold=options.confidence_threshold,
                confidence_weighting=options.confidence_weighting,
                sum_over=sum_over,
            )
            part, eta = part * share.pixels[number], eta * share.images
        total += part
        metrics |= {f"loss_{name}": part, f"eta_{name}": eta}
    return total, (statistics, {"loss": total, **metrics})


def student_logits(
    learner: Learner, options: Options, student: Tree, views: Sequence[View], key: jax.Array
) -> tuple[list[jax.Array], Tree]:
    """The logits of each view as the losses take them, and the student's statistics after all.

    "separate": each view is normalized by its own statistics, as in a pass of its own; "joint":
    all by common ones.
    """
    sizes = _sizes(views)
    prediction, statistics = learner.network.apply(
        student,
        jnp.concatenate([view.image for view in views]),
        train=True,
        rngs={"dropout": key},
        groups=sizes if options.student_passes == "separate" else (sum(sizes),),
        full_size=not learner.network.summed,
    )
    return _split(prediction.logits, sizes), statistics


def _sizes(views: Sequence[View]) -> tuple[int, ...]:
    return tuple(len(view.image) for view in views)


def _split(logits: jax.Array, sizes: Sequence[int]) -> list[jax.Array]:
    return jnp.split(logits, np.cumsum(sizes)[:-1].tolist())


def init(
    learner: Learner,
    options: Options,
    key: jax.Array,
    class_pixels: np.ndarray,
    previous: TrainState | None = None,
) -> TrainState:
    """A cycle's first state: new networks, or with `warm_start` those of the previous cycle."""
    network_key, cycle_key = jax.random.split(key)
    if options.warm_start and previous is not None:
        student, teacher = copy_tree(previous.student), copy_tree(previous.teacher)
        updates = copy_tree(previous.extra["ema_updates"])
    else:
        student, updates = learner.network.init(network_key), jnp.zeros((), jnp.int32)
        teacher = copy_tree(student)
    groups = class_groups(class_pixels, options.head, options.tail, options.head_factor)
    head, tail = map(jnp.asarray, groups)
    extra = {"head": head, "tail": tail, "ema_updates": updates}
    return first_state(learner, student, cycle_key, teacher=teacher, extra=extra)


def stages(options: Options, schedule: Schedule, cycle: int, unlabeled: int) -> tuple[Stage, ...]:
    """Warm-up, ClassMix, and from `replay_from_cycle` on ClassMix with replay.

    Where every image is labeled, there is nothing to do but warm up.
    """
    epochs = schedule.epochs_of(cycle)
    warm = min(options.warmup_epochs, epochs) if unlabeled else epochs
    replays = options.replay and cycle >= options.replay_from_cycle
    if replays and options.replay_start_epoch <= options.warmup_epochs:
        raise InputError(
            f"config.method.kwargs.replay_start_epoch is {options.replay_start_epoch}, but the "
            f"buffer is empty until the warm-up of {options.warmup_epochs} epochs is over: use at "
            f"least {options.warmup_epochs + 1}"
        )
    mixed = max(warm, min(options.replay_start_epoch, epochs)) if replays else epochs
    lengths = {WARMUP: warm, CLASSMIX: mixed - warm, REPLAY: epochs - mixed}
    return tuple(Stage(name, n, STREAMS[name]) for name, n in lengths.items() if n)


def s4al(
    network: Network,
    optimizer: Optimizer,
    augmentation: Augmentation,
    *,
    num_classes: int,
    microbatches: int = 1,
    options: Options = DEFAULTS,
) -> Method:
    """The learner of the paper.

    Args:
      network: of student and teacher.
      optimizer: of the student.
      augmentation: the random views.
      num_classes: labels below it are classes.
      microbatches: into which the student's batches are cut, see `learn.grad_accumulation`.
      options: of the method.
    """
    options.check(num_classes)
    learner = Learner(network, optimizer, augmentation, num_classes, microbatches)
    return Method(
        partial(init, learner, options),
        partial(update, learner, options),
        predict_with(network),
        networks=("student", "teacher"),
        streams={
            "labeled": Shuffle("whole", "labeled", options.partial_share),
            "unlabeled": Shuffle("unlabeled", "unlabeled"),
            "replay": Replay("unlabeled", options.replay_capacity, options.replay_pop),
        },
        stages=partial(stages, options),
        sample=sample_with(network),
        carries_over=options.warm_start,
        class_groups=lambda state: {name: state.extra[name] for name in ("head", "tail")},
    )
