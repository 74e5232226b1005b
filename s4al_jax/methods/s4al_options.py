"""The options of S4AL, and what makes sense of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from s4al_jax.types import UNLABELED, InputError

TEACHER_STATISTICS = ("batch", "running")
STUDENT_PASSES = ("separate", "joint")


class Options(NamedTuple):
    """The options of S4AL; the defaults are those of the paper on CamVid."""

    ema_decay: float = 0.99
    """of the teacher's moving average (m of Eqn. 1)"""
    confidence_threshold: float = 0.97
    """a pixel whose confidence is above it counts for eta (Sec. 3.1)"""
    confidence_weighting: bool = True
    """Eqn. 5; False leaves Eqn. 3"""
    warmup_epochs: int = 10
    """of each cycle: epochs with labeled images alone (authors)"""
    warmup_weight: float = 1.5
    """on the supervised loss during warm-up (authors)"""
    teacher_statistics: str = "batch"
    """batch normalization of the teacher: "batch" (authors) or "running" """
    student_passes: str = "separate"
    """"separate": each view has its own batch statistics (authors); "joint": common ones"""
    partial_share: float = 0.0
    """of each labeled batch, from images that are labeled in some regions only"""
    replay: bool = True
    """whether images are replayed at all"""
    replay_from_cycle: int = 1
    """counted from 0: once regions have been annotated (Sec. S1)"""
    replay_start_epoch: int = 30
    """of such a cycle (authors)"""
    replay_capacity: int = 50
    """images in the buffer (M of Sec. 4.2)"""
    replay_pop: bool = False
    """whether images leave the buffer when they are drawn (authors)"""
    balanced: bool = True
    """Balanced ClassMix of replayed images (Sec. 3.3); False: plain ClassMix"""
    head: Sequence[int] = ()
    """ids of the head classes; empty: all that are not tail, or by the rule"""
    tail: Sequence[int] = ()
    """ids of the tail classes; empty: all that are not head, or by the rule"""
    head_factor: float = 0.5
    """by the rule a head class has at least this times the uniform share of the labeled pixels"""
    head_draws: int = 3
    """head classes that Balanced ClassMix pastes (authors)"""
    tail_draws: int = 2
    """tail classes that it pastes (authors)"""
    warm_start: bool = False
    """whether a cycle goes on from the networks of the cycle before"""

    def check(self, num_classes: int) -> None:
        """Raise `InputError` for what makes no sense."""
        for name in ("warmup_epochs", "replay_from_cycle", "replay_start_epoch"):
            _require(name, getattr(self, name), getattr(self, name) >= 0, "give 0 or more")
        for name in ("head_draws", "tail_draws"):
            _require(name, getattr(self, name), getattr(self, name) >= 0, "give 0 or more classes")
        for name in ("ema_decay", "confidence_threshold", "partial_share"):
            inside = 0.0 <= getattr(self, name) <= 1.0
            _require(name, getattr(self, name), inside, "give a number from 0 to 1")
        _require("warmup_weight", self.warmup_weight, self.warmup_weight > 0, "give more than 0")
        _require("head_factor", self.head_factor, self.head_factor >= 0.0, "give 0 or more")
        _require(
            "replay_capacity", self.replay_capacity, self.replay_capacity >= 1, "give 1 or more"
        )
        _require_word("teacher_statistics", self.teacher_statistics, TEACHER_STATISTICS)
        _require_word("student_passes", self.student_passes, STUDENT_PASSES)
        _check_classes(num_classes, self.head, self.tail)


DEFAULTS = Options()


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
