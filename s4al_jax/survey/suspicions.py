"""What looks wrong in a dataset though nothing in it is an error: masks that were mixed up, moved,
or have other classes, and pictures that are there twice.

Each is found from sketches alone, with thresholds at which clean datasets raise nearly none;
docs/how_to/errors.md has the measured rates.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from s4al_jax.data.near_duplicates import near_duplicates
from s4al_jax.survey import class_fit, mask_fit
from s4al_jax.survey.sketches import Sketch


class Suspicion(NamedTuple):
    """What looks wrong with a picture or its mask."""

    label: str
    """split/name; empty where it is about all"""
    text: str
    """one line: which file, what looks wrong, what to do"""
    title: str
    """the same in a few words"""


def suspicions(sketches: Sequence[Sketch], classes: Sequence[str]) -> tuple[Suspicion, ...]:
    """Everything that looks wrong, worst first: wrong labels, then pictures that repeat.

    A mask is named once, by the first reason that is found.
    """
    neighbors, shifts = list(_neighbors(sketches)), list(_shifts(sketches))
    # Where most masks are other images', how well masks fit says nothing about a shift.
    mixed_up = any(not one.label for one in neighbors)
    found: dict[str, Suspicion] = {}
    for one in (
        *(neighbors if mixed_up else shifts),
        *(shifts if mixed_up else neighbors),
        *_exchanges(sketches, classes),
        *_misfits(sketches),
        *_lacking(sketches, classes),
    ):
        found.setdefault(one.label or one.text, one)
    return (*found.values(), *_repeats(sketches))


def _neighbors(sketches: Sequence[Sketch]) -> Iterator[Suspicion]:
    found = mask_fit.better_neighbors(sketches)
    masks = sum(one.outlines is not None for one in sketches)
    for step in sorted({one.step for one in found}):
        of_step = [one for one in found if one.step == step]
        if len(of_step) > masks / 2:
            first = of_step[0]
            where = f"{abs(step)} {'after' if step > 0 else 'before'} theirs in the order of names"
            yield Suspicion(
                "",
                f"{len(of_step)} of {masks} masks fit the image {where} better than their own, "
                f"as that of {sketches[first.mask].label} does {sketches[first.other].label}: "
                "compare how images and masks are numbered",
                "",
            )
    for one in found:
        label, other = sketches[one.mask].label, sketches[one.other].label
        yield Suspicion(
            label,
            f"the mask of {label} fits the image {other} better than its own: compare the three, "
            "and rename what was mixed up",
            f"fits {other} better",
        )


def _exchanges(sketches: Sequence[Sketch], classes: Sequence[str]) -> Iterator[Suspicion]:
    labeled, traits = _traits(sketches)
    for one in class_fit.exchanged_classes(traits):
        label, shares = labeled[one.mask].label, traits[one.mask, :, 0]
        wrong = [a for a in np.argsort(-shares) if shares[a] > 0 and one.meant[a] != a]
        looks = [f"{classes[a]!r} looks like {classes[one.meant[a]]!r}" for a in wrong[:3]]
        if looks:
            yield Suspicion(
                label,
                f"the mask of {label} seems to have exchanged classes ({', '.join(looks)}): look "
                "at it, and correct its numbers or colors",
                f"exchanged classes? {looks[0]}",
            )


def _shifts(sketches: Sequence[Sketch]) -> Iterator[Suspicion]:
    for one in mask_fit.shifted_masks(sketches):
        label = sketches[one.mask].label if one.mask >= 0 else ""
        who = f"the mask of {label} fits its image" if label else "all masks fit their images"
        it = "it" if label else "them"
        height, width = sketches[max(one.mask, 0)].size
        way = _way(round(one.down * height), round(one.right * width))
        yield Suspicion(
            label,
            f"{who} better when moved {way} (of {height} x {width}): export {it} again without a "
            "border or an offset",
            f"fits better {way}",
        )


def _way(down: int, right: int) -> str:
    steps = []
    if down:
        steps.append(f"{abs(down)} pixels {'down' if down > 0 else 'up'}")
    if right:
        steps.append(f"{abs(right)} pixels {'right' if right > 0 else 'left'}")
    return " and ".join(steps)


def _misfits(sketches: Sequence[Sketch]) -> Iterator[Suspicion]:
    for index, part in mask_fit.misfits(sketches):
        label = sketches[index].label
        yield Suspicion(
            label,
            f"the mask of {label} has its boundaries on no edges of its image (it fits "
            f"{max(part, 0):.0%} as well as usual): see whether it is another image's",
            "boundaries on no edges",
        )


def _lacking(sketches: Sequence[Sketch], classes: Sequence[str]) -> Iterator[Suspicion]:
    labeled, traits = _traits(sketches)
    for index in class_fit.lacking_classes(traits):
        label, shares = labeled[index].label, traits[index, :, 0]
        yield Suspicion(
            label,
            f"the mask of {label} has none of the classes that nearly all others have, but "
            f"{classes[int(shares.argmax())]!r} in {shares.max():.0%} of its pixels: look at it",
            "has no usual class",
        )


def _traits(sketches: Sequence[Sketch]) -> tuple[list[Sketch], np.ndarray]:
    """The sketches with a mask that shows a class, and the traits of all these masks."""
    labeled = [s for s in sketches if s.traits is not None and s.traits[:, 0].any()]
    traits = [np.asarray(one.traits) for one in labeled]
    return labeled, np.stack(traits) if traits else np.zeros((0, 0, 7), np.float32)


def _repeats(sketches: Sequence[Sketch]) -> Iterator[Suspicion]:
    """Groups of nearly the same pictures: first those in several splits, then the largest."""
    if not sketches:
        return
    groups = near_duplicates(np.stack([one.thumb for one in sketches]))
    by_labels = [[sketches[index].label for index in group] for group in groups]
    splits = [{label.split("/")[0] for label in group} for group in by_labels]
    order = sorted(range(len(groups)), key=lambda i: (-len(splits[i]), -len(groups[i]), i))
    for at in order:
        group, across = by_labels[at], len(splits[at]) > 1
        if across:  # one of each split comes first
            firsts = [next(g for g in group if g.startswith(f"{s}/")) for s in sorted(splits[at])]
            group = [*firsts, *(label for label in group if label not in firsts)]
        more = f" and {len(group) - 2} more" if len(group) > 2 else ""
        what = (
            "what is measured was learned: keep them in one split"
            if across
            else "label one of them, and leave the others out"
        )
        yield Suspicion(
            group[0],
            f"{group[0]}, {group[1]}{more} are nearly the same picture: {what}",
            f"nearly the same as {group[1]}",
        )
