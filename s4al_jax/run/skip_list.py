"""What broke the numbers, and what is left out so that a run can go on without it.

    nonfinite.json   the step, or the question, whose numbers were none, and on which images
    left_out.json    which steps have been left out since, and which images were not asked about

A run that was told to go on from its last good state notes the culprit in `left_out.json` before
anything else, so that every later start leaves out the same.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from s4al_jax.engine import score, train
from s4al_jax.engine.checkpoint import Position
from s4al_jax.rundir import directory
from s4al_jax.runtime import processes
from s4al_jax.types import InputError

BROKEN, LEFT_OUT = "nonfinite.json", "left_out.json"


class SkipList(NamedTuple):
    """(cycle, step) of steps that are not learned from, (cycle, image) of images not scored."""

    steps: tuple[tuple[int, int], ...] = ()
    images: tuple[tuple[int, int], ...] = ()

    def steps_of(self, cycle: int) -> frozenset[int]:
        """The steps of a cycle that are left out."""
        return frozenset(step for of, step in self.steps if of == cycle)

    def images_of(self, cycle: int) -> list[int]:
        """The pool images that are not asked about after a cycle."""
        return sorted(image for of, image in self.images if of == cycle)


def read_skip_list(workdir: Path) -> SkipList:
    """What a run leaves out so far."""
    kept = directory.read_json(workdir / LEFT_OUT)
    if kept is None:
        return SkipList()
    try:
        steps, images = ([(int(a), int(b)) for a, b in kept[key]] for key in ("steps", "images"))
        return SkipList(tuple(steps), tuple(images))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{workdir / LEFT_OUT} is not as a run writes it: restore it from a copy"
        ) from error


def skip_what_broke(workdir: Path) -> str:
    """Note the last culprit as left out; what was done in words, empty where nothing broke."""
    return processes.broadcast_from_primary(lambda: _leave_out(workdir))


def _leave_out(workdir: Path) -> str:
    broken, before = directory.read_json(workdir / BROKEN), read_skip_list(workdir)
    if broken is None:
        return ""
    try:
        cycle, step = int(broken["cycle"]), broken["step"]
        if step is not None:
            now, said = before._replace(steps=(*before.steps, (cycle, int(step)))), f"step {step}"
        else:
            indices = tuple((cycle, int(image)) for image in broken["indices"])
            now, said = before._replace(images=(*before.images, *indices)), "the question to images"
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{workdir / BROKEN} is not as a run writes it: remove it") from error
    content = {name: sorted(set(pairs)) for name, pairs in now._asdict().items()}
    directory.write_json(workdir / LEFT_OUT, content)
    (workdir / BROKEN).unlink()
    return f"{said} of cycle {cycle} is left out from now on, as {workdir / LEFT_OUT} says"


def step_not_finite(
    workdir: Path,
    names: Sequence[str],
    cycle: int,
    error: train.NonFiniteStep,
    position: Position | None,
) -> InputError:
    """Write down what was learned from when the numbers broke, and say how to go on.

    `position` is that of the last checkpoint, which is good.
    """
    plan = error.step
    images = {
        part: [names[index] for index in indices]
        for part, indices in (
            ("labeled", plan.labeled),
            ("unlabeled", plan.unlabeled),
            ("replayed", plan.replayed),
        )
        if indices is not None
    }
    path = _write_broken(
        workdir,
        cycle,
        step=plan.step,
        images=images,
        metrics={name: str(value) for name, value in error.metrics.items()},
        good=position._asdict() if position else None,
    )
    return InputError(
        f"the loss or its gradient is not a number in cycle {cycle}, step {plan.step}; {path} "
        f"names the images, the last good state is {position or 'the start'}; go on without this "
        "step by --resume_from=last_good, or lower config.optimizer.learning_rate in a new run"
    )


def scores_not_finite(
    workdir: Path, names: Sequence[str], cycle: int, error: score.NonFiniteScores
) -> InputError:
    """Write down which images have scores that are none, and say how to go on."""
    found = [names[image] for image in error.images]
    path = _write_broken(workdir, cycle, step=None, images={"scored": found}, indices=error.images)
    return InputError(
        f"after cycle {cycle} the score of {found[0]} is not a number: its regions cannot be "
        f"compared; {path} names all such images; look at them, or go on without asking about "
        "them by --resume_from=last_good"
    )


def _write_broken(
    workdir: Path,
    cycle: int,
    *,
    step: int | None,
    images: Mapping[str, Sequence[str]],
    **more: object,
) -> Path:
    """Write down what broke: a step, or (None) the question, and the names of its images."""
    path = workdir / BROKEN
    directory.write_json(path, {"cycle": cycle, "step": step, "images": dict(images), **more})
    return path
