"""The skip list: what broke the numbers, and what a run skips so that it can go on without it.

    nonfinite.json   the step, or the scoring, that gave NaN or infinity, and on which images
    skipped.json     steps that are not trained on, and images that are not scored

A run that goes on from its last good state notes the culprit in `skipped.json` before anything
else, so that every later start skips the same.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from s4al_jax.engine import score, train
from s4al_jax.engine.checkpoint import Position
from s4al_jax.files import atomic
from s4al_jax.run import shared_directory as shared
from s4al_jax.runtime import processes
from s4al_jax.types import InputError

BROKEN, SKIPPED = "nonfinite.json", "skipped.json"


class SkipList(NamedTuple):
    """(cycle, step) of steps that are not learned from, (cycle, image) of images not scored."""

    steps: tuple[tuple[int, int], ...] = ()
    images: tuple[tuple[int, int], ...] = ()

    def steps_of(self, cycle: int) -> frozenset[int]:
        """The steps of a cycle that are skipped."""
        return frozenset(step for of, step in self.steps if of == cycle)

    def images_of(self, cycle: int) -> list[int]:
        """The pool images that are not scored after a cycle."""
        return sorted(image for of, image in self.images if of == cycle)


def read_skip_list(workdir: Path) -> SkipList:
    """What a run skips so far."""
    kept = shared.read_json(workdir / SKIPPED)
    if kept is None:
        return SkipList()
    try:
        steps, images = ([(int(a), int(b)) for a, b in kept[key]] for key in ("steps", "images"))
        return SkipList(tuple(steps), tuple(images))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{workdir / SKIPPED} is not as a run writes it: restore it from a copy"
        ) from error


def skip_what_broke(workdir: Path) -> str:
    """Add what broke last to the skip list, and say so; an empty text where nothing broke."""
    return processes.broadcast_from_primary(lambda: _skip(workdir))


def _skip(workdir: Path) -> str:
    broken, before = shared.read_json(workdir / BROKEN), read_skip_list(workdir)
    if broken is None:
        return ""
    try:
        cycle, step = int(broken["cycle"]), broken["step"]
        if step is not None:
            now, said = before._replace(steps=(*before.steps, (cycle, int(step)))), f"step {step}"
        else:
            indices = tuple((cycle, int(image)) for image in broken["indices"])
            now, said = before._replace(images=(*before.images, *indices)), "scoring the images"
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{workdir / BROKEN} is not as a run writes it: remove it") from error
    content = {name: sorted(set(pairs)) for name, pairs in now._asdict().items()}
    atomic.write_json(workdir / SKIPPED, content)
    (workdir / BROKEN).unlink()
    return f"{said} of cycle {cycle} is skipped from now on, as {workdir / SKIPPED} says"


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
        stream: [names[index] for index in indices] for stream, indices in plan.streams.items()
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
    """Write down which images have scores that are not finite, and say how to go on."""
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
    """Write down what broke: a step, or (None) the scoring, and the names of its images."""
    path = workdir / BROKEN
    shared.write_json(path, {"cycle": cycle, "step": step, "images": dict(images), **more})
    return path
