"""Which images come when: a pure function of the seed, the cycle and the step."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from s4al_jax.input.replay import ReplayBuffer
from s4al_jax.types import InputError, Phase

# What a stream of random numbers is for; each has its own, so none shifts another.
_LABELED, _UNLABELED, _REPLAY = 0, 1, 2


class Schedule(NamedTuple):
    """How long everything takes. Cycles, epochs and steps are counted from 0."""

    cycles: int
    """trainings; between them lie `cycles - 1` acquisitions"""
    iterations: int
    """steps of an epoch"""
    epochs: int
    """of every cycle but the last"""
    last_epochs: int
    """of the last cycle"""
    warmup_epochs: int
    """at the start of each cycle, with labeled images alone"""
    replay_start_epoch: int
    """the first epoch of a cycle that draws from the replay buffer"""
    replay_from_cycle: int = 1
    """the first cycle that replays; `cycles` or more switches replay off"""
    steps_together: int = 1
    """steps that the device does without asking the host in between"""

    def epochs_of(self, cycle: int) -> int:
        """Epochs of one cycle."""
        return self.last_epochs if cycle >= self.cycles - 1 else self.epochs

    def steps_of(self, cycle: int) -> int:
        """Steps of one cycle."""
        return self.epochs_of(cycle) * self.iterations

    def first_step(self, cycle: int) -> int:
        """Steps of all cycles before this one."""
        return sum(self.steps_of(earlier) for earlier in range(cycle))

    @property
    def total_steps(self) -> int:
        """Steps of all cycles."""
        return self.first_step(self.cycles)

    def validate(self) -> None:
        """Raise `InputError` unless the numbers make sense together."""
        for name in ("cycles", "iterations", "epochs", "last_epochs", "steps_together"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}: use at least 1")
        for name in ("warmup_epochs", "replay_start_epoch", "replay_from_cycle"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name)}: use at least 0")
        if self.iterations % self.steps_together:
            raise InputError(
                f"steps_together is {self.steps_together}, which does not divide the "
                f"{self.iterations} iterations of an epoch: choose one that does"
            )
        if self.replay_from_cycle < self.cycles and self.replay_start_epoch <= self.warmup_epochs:
            raise InputError(
                f"replay_start_epoch is {self.replay_start_epoch}, but the buffer is empty until "
                f"the warm-up of {self.warmup_epochs} epochs is over: use at least "
                f"{self.warmup_epochs + 1}"
            )


class StepPlan(NamedTuple):
    """One step's phase and images; the indices count in the full pool."""

    step: int
    phase: Phase
    progress: float
    labeled: np.ndarray
    unlabeled: np.ndarray | None
    replayed: np.ndarray | None

    @property
    def images(self) -> int:
        """How many images it learns from."""
        parts = (self.labeled, self.unlabeled, self.replayed)
        return sum(len(part) for part in parts if part is not None)


def phase(
    schedule: Schedule,
    cycle: int,
    step: int,
    phases: tuple[Phase, ...],
    *,
    has_unlabeled: bool = True,
) -> Phase:
    """The phase of a step, or the last earlier one of `phases`, those the method tells apart."""
    if not has_unlabeled:
        return Phase.WARMUP
    order = tuple(Phase)
    due = order.index(_due(schedule, cycle, step // schedule.iterations))
    known = sorted(phases, key=order.index)
    return next((p for p in reversed(known) if order.index(p) <= due), known[0])


def progress(schedule: Schedule, cycle: int, step: int) -> float:
    """The share of the cycle's epochs that are done: constant within an epoch, 0 in the first."""
    return (step // schedule.iterations) / schedule.epochs_of(cycle)


def steps(
    schedule: Schedule,
    *,
    seed: int,
    cycle: int,
    labeled_images: np.ndarray,
    unlabeled_images: np.ndarray,
    batch_labeled: int,
    batch_unlabeled: int,
    replay_capacity: int,
    replay_pop: bool,
    phases: tuple[Phase, ...],
    start: int = 0,
) -> Iterator[StepPlan]:
    """The steps of a cycle from `start` on, the same whether or not the earlier ones are asked for.

    A step replays what earlier steps have put into the buffer; its own images go in afterwards.
    """
    schedule.validate()
    labeled, unlabeled = (np.asarray(i, np.int32) for i in (labeled_images, unlabeled_images))
    _check(phases, labeled=labeled, seed=seed, batches=(batch_labeled, batch_unlabeled))
    if not (0 <= cycle < schedule.cycles and 0 <= start <= schedule.steps_of(cycle)):
        raise ValueError(f"the schedule has no step {start} of cycle {cycle}")
    timeline = [
        phase(
            schedule, cycle, epoch * schedule.iterations, phases, has_unlabeled=unlabeled.size > 0
        )
        for epoch in range(schedule.epochs_of(cycle))
    ]
    warm = sum(due is Phase.WARMUP for due in timeline) * schedule.iterations
    labeled_batch = _shuffled(labeled, batch_labeled, [seed, cycle, _LABELED])
    unlabeled_batch = _shuffled(unlabeled, batch_unlabeled, [seed, cycle, _UNLABELED])
    buffer = (
        ReplayBuffer(capacity=replay_capacity, pop=replay_pop) if Phase.REPLAY in timeline else None
    )

    def plan() -> Iterator[StepPlan]:
        # The buffer depends on every step that filled it; nothing else depends on earlier steps.
        begin = start if buffer is None else min(start, warm)
        for step in range(begin, schedule.steps_of(cycle)):
            due = timeline[step // schedule.iterations]
            fresh = replayed = None
            if due is not Phase.WARMUP:
                fresh = unlabeled_batch(step - warm)
            if fresh is not None and buffer is not None:
                rng = np.random.default_rng([seed, cycle, _REPLAY, step])
                replayed = buffer.draw(batch_unlabeled, rng) if due is Phase.REPLAY else None
                buffer.add(fresh, rng)
            if step >= start:
                done = progress(schedule, cycle, step)
                yield StepPlan(step, due, done, labeled_batch(step), fresh, replayed)

    return plan()


def _due(schedule: Schedule, cycle: int, epoch: int) -> Phase:
    """The phase that the schedule alone asks for."""
    if epoch < schedule.warmup_epochs:
        return Phase.WARMUP
    if cycle >= schedule.replay_from_cycle and epoch >= schedule.replay_start_epoch:
        return Phase.REPLAY
    return Phase.CLASSMIX


def _shuffled(images: np.ndarray, batch: int, entropy: list[int]) -> Callable[[int], np.ndarray]:
    """turn -> `batch` images; all come once, in an order of their own, before any comes again."""
    count = len(images)

    @lru_cache(maxsize=2)
    def order(number: int) -> np.ndarray:
        return images[np.random.default_rng([*entropy, number]).permutation(count)]

    def turn(number: int) -> np.ndarray:
        positions = range(number * batch, (number + 1) * batch)
        return np.array([order(p // count)[p % count] for p in positions], np.int32)

    return turn


def _check(
    phases: tuple[Phase, ...], *, labeled: np.ndarray, seed: int, batches: tuple[int, int]
) -> None:
    if not len(labeled):
        raise InputError("no image is labeled: training needs at least 1 to start from")
    if seed < 0:
        raise InputError(f"seed is {seed}: use 0 or more")
    if min(batches) < 1:
        raise InputError(f"batches of {batches[0]} and {batches[1]} images: use at least 1")
    if Phase.REPLAY in phases and Phase.CLASSMIX not in phases:
        raise ValueError("a method that replays must also tell CLASSMIX apart, or nothing is seen")
