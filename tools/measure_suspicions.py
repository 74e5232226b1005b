"""How often `s4al check` suspects a mask that is right, and finds one that is wrong.

    python tools/measure_suspicions.py [--camvid=FOLDER] [--draws=5]

Prints a table in Markdown: per dataset the suspicions of all its masks as they are, and then, for
each kind of damage, how many of the damaged masks are named and how many others. Damaged are 12 of
72 pictures, drawn anew `--draws` times; pictures that follow each other stay next to each other.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from s4al_jax.data.camvid import camvid
from s4al_jax.streets.dataset import streets
from s4al_jax.survey.sketches import Sketch, sketch
from s4al_jax.survey.suspicions import suspicions
from s4al_jax.types import DatasetSpec, ImageSet

IN_ALL, DAMAGED = 72, 12


class Labeled(NamedTuple):
    """A picture and its mask, with what is kept of both."""

    image: np.ndarray
    truth: np.ndarray
    kept: Sketch


Damage = Callable[[Sequence[Labeled], int, np.random.Generator, int], np.ndarray]
"""(the pictures, which one, chance, the number of classes) -> its mask, damaged"""


def renumber(of: Sequence[Labeled], at: int, rng: np.random.Generator, classes: int) -> np.ndarray:
    """All classes in another order, drawn until some that are there have changed."""
    truth = of[at].truth
    while True:
        order = np.arange(256, dtype=np.uint8)
        order[:classes] = rng.permutation(classes)
        if (order[truth] != truth).any():
            return order[truth]


def exchange(of: Sequence[Labeled], at: int, rng: np.random.Generator, classes: int) -> np.ndarray:
    """Two of the four most frequent classes of the mask for each other."""
    truth = of[at].truth
    shares = np.bincount(truth[truth < classes], minlength=classes)
    one, other = rng.permutation(np.argsort(-shares)[: min(4, int((shares > 0).sum()))])[:2]
    order = np.arange(256, dtype=np.uint8)
    order[[one, other]] = other, one
    return order[truth]


def move(of: Sequence[Labeled], at: int, rng: np.random.Generator, classes: int) -> np.ndarray:
    """A mask that lies 1 to 3 % of the picture's sides away, in any direction."""
    del classes
    truth, side = of[at].truth, max(of[at].truth.shape)
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.01, 0.03) * side
    down, right = round(far * np.sin(angle)), round(far * np.cos(angle))
    return np.roll(truth, (down, right), (0, 1))


def take_next(of: Sequence[Labeled], at: int, rng: np.random.Generator, classes: int) -> np.ndarray:
    """The mask of the next picture, for the last one that of the picture before."""
    del rng, classes
    return of[at + 1 if at + 1 < len(of) else at - 1].truth


def take_any(of: Sequence[Labeled], at: int, rng: np.random.Generator, classes: int) -> np.ndarray:
    """The mask of any other picture."""
    del classes
    return of[(at + int(rng.integers(5, len(of) - 5))) % len(of)].truth


DAMAGES: dict[str, Damage] = {
    "all classes renumbered": renumber,
    "two frequent classes exchanged": exchange,
    "moved by 1 to 3 %": move,
    "the next picture's mask": take_next,
    "another picture's mask": take_any,
}


def blobs(count: int, side: int = 128) -> DatasetSpec:
    """Gray pictures of bright cells on a noisy ground: nothing in them has a usual place."""

    def draw(index: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng((7, index))
        rows, cols = np.mgrid[:side, :side]
        light, mask = rng.uniform(40, 80) + np.zeros((side, side)), np.zeros((side, side), np.uint8)
        for _ in range(int(rng.integers(4, 14))):
            row, col, radius = *rng.uniform(0, side, 2), rng.uniform(5, 16)
            away = np.hypot(rows - row, (cols - col) * rng.uniform(0.7, 1.4))
            light += rng.uniform(40, 90) * np.clip((radius - away) / 2 + 0.5, 0, 1)
            mask[away < radius] = 1
        gray = (light + rng.normal(0, 8, light.shape)).clip(0, 255).astype(np.uint8)
        return np.repeat(gray[..., None], 3, 2), mask

    def images(first: int, number: int) -> ImageSet:
        return ImageSet(
            tuple(f"{first + i:04d}" for i in range(number)),
            lambda index: draw(first + index)[0],
            lambda index: draw(first + index)[1],
        )

    sets = (images(0, count), images(count, 0), images(count, 0))
    return DatasetSpec("blobs", ("ground", "cell"), ((0, 0, 0), (9, 9, 9)), side, side, *sets)


def read_all(spec: DatasetSpec) -> list[Labeled]:
    """All pictures of a dataset, in the order of their names."""
    found = []
    for split, images in (("train", spec.train), ("val", spec.val), ("test", spec.test)):
        for index, name in enumerate(images.names):
            image, truth = images.read_image(index), images.read_truth(index)
            kept = sketch(f"{split}/{name}", image, truth, len(spec.classes))
            found.append(Labeled(image, truth, kept))
    return sorted(found, key=lambda one: one.kept.label.split("/", 1)[1])


def named(sketches: Sequence[Sketch], classes: Sequence[str]) -> set[str]:
    """The pictures whose masks are suspected; "" is all of them."""
    found = suspicions(sketches, classes)
    return {one.label for one in found if "nearly the same picture" not in one.text}


def damage_and_look(
    of: Sequence[Labeled], classes: Sequence[str], damage: Damage, seed: int
) -> tuple[int, int]:
    """How many of the damaged masks are named, and how many others."""
    rng = np.random.default_rng(seed)
    start = int(rng.integers(0, max(1, len(of) - IN_ALL)))
    some = of[start : start + IN_ALL]
    chosen = rng.choice(len(some), DAMAGED, replace=False)
    sketches = [one.kept for one in some]
    for at in chosen:
        truth = damage(some, int(at), rng, len(classes))
        sketches[at] = sketch(some[at].kept.label, some[at].image, truth, len(classes))
    wrong = {some[at].kept.label for at in chosen}
    found = named(sketches, classes)
    return len(found & wrong), len(found - wrong)


def measure(spec: DatasetSpec, draws: int) -> None:
    """Print the lines of a dataset."""
    of = read_all(spec)
    suspected = sorted(named([one.kept for one in of], spec.classes))
    print(
        f"| {spec.name} {spec.height}x{spec.width} | as it is | - | {len(suspected)} of {len(of)} |"
    )
    for what, damage in DAMAGES.items():
        counts = [damage_and_look(of, spec.classes, damage, seed) for seed in range(draws)]
        hits, others = np.sum(counts, axis=0).tolist()
        right = draws * (min(IN_ALL, len(of)) - DAMAGED)
        print(f"| | {what} | {hits} of {draws * DAMAGED} | {others} of {right} |", flush=True)
    if suspected:
        print(f"suspected as it is: {', '.join(suspected)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--camvid", type=Path, metavar="FOLDER")
    parser.add_argument("--draws", type=int, default=5)
    given = parser.parse_args()
    many = partial(streets, train=240, val=0, test=0, seed=1)
    sets = [
        partial(many, height=180, width=240),
        partial(many, height=96, width=128),
        partial(blobs, 240),
    ]
    if given.camvid:
        sets.append(partial(camvid, str(given.camvid)))
    print("| dataset | masks | wrong ones named | right ones named |\n| --- | --- | ---: | ---: |")
    for make in sets:
        measure(make(), given.draws)


if __name__ == "__main__":
    main()
