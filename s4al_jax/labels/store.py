"""What has been paid for: every answered region, on disk first and then in memory.

Memory holds the compressed answers only; a label map is composed when it is asked for. An image
of which nothing is known needs its name and nothing else.
"""

import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from s4al_jax.data.images import cut_to_size
from s4al_jax.labels.ledger import (
    Answer,
    Ledger,
    PoolShape,
    class_pixels,
    digest,
    not_ids,
    packed_answer,
    unpacked,
    working_labels,
)
from s4al_jax.regions import RegionGrid, in_original
from s4al_jax.types import UNLABELED, Annotation, Box, InputError, RegionRef


class _Patch(NamedTuple):
    """What stays in memory of an answer."""

    box: Box
    packed: bytes
    sha256: str
    """of the ids as they were given"""


class LabelStore:
    """The labels bought so far; made by `LabelStore.open`."""

    def __init__(self, ledger: Ledger, shape: PoolShape) -> None:
        """A store that knows nothing yet."""
        self._ledger, self._shape = ledger, shape
        self._patches: dict[int, list[_Patch]] = {}
        self._class_pixels: dict[int, np.ndarray] = {}
        self._costs: dict[int, int] = {}

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        names: Sequence[str],
        height: int,
        width: int,
        num_classes: int,
        repair: bool = True,
    ) -> "LabelStore":
        """The store in `folder`, read and verified; created where there is none.

        A torn tail of the ledger, and patches that no line speaks of, are cut off, unless `repair`
        is left to another process, which records while this one catches up. Any other damage is an
        `InputError`, and then nothing on disk is changed.
        """
        shape = PoolShape(tuple(names), height, width, num_classes)
        if not names or height < 1 or width < 1 or not 1 <= num_classes <= UNLABELED:
            raise InputError(
                f"labels of {len(names)} images of {height} x {width} pixels in {num_classes} "
                f"classes cannot be kept: use 1 or more of each, and at most {UNLABELED} classes"
            )
        store = cls(Ledger(Path(folder)), shape)
        store.catch_up()
        if repair:
            store._ledger.repair()
        return store

    def catch_up(self) -> None:
        """Learn what another process has recorded here since."""
        known = self.regions_bought
        for number, answer in enumerate(self._ledger.read(self._shape), start=1):
            if number <= known:
                continue
            if self._common_pixels(answer.region.image, answer.box):
                raise self._ledger.damage(number, "an earlier line knows pixels of this box")
            self._remember(answer)

    @property
    def known_pixels(self) -> np.ndarray:
        """int64 `[images]`: answered pixels of each image, void ones too."""
        pixels = np.zeros(len(self._shape.names), np.int64)
        for image, patches in self._patches.items():
            pixels[image] = sum(patch.box.area for patch in patches)
        return pixels

    @property
    def spent(self) -> int:
        """Pixels paid for so far."""
        return sum(self._costs.values())

    @property
    def share(self) -> float:
        """Pixels paid for, of all pixels of the pool."""
        return self.spent / (len(self._shape.names) * self._shape.height * self._shape.width)

    @property
    def fully_labeled(self) -> np.ndarray:
        """bool `[images]`: images of which every pixel was answered."""
        return self.known_pixels == self._shape.height * self._shape.width

    @property
    def regions_bought(self) -> int:
        """Answered regions of all cycles."""
        return sum(len(patches) for patches in self._patches.values())

    @property
    def class_pixels(self) -> np.ndarray:
        """int64 `[num_classes]`: bought pixels of each class; void ones are in none."""
        none = np.zeros(self._shape.num_classes, np.int64)
        return np.asarray(sum(self._class_pixels.values(), none))

    def class_pixels_of(self, cycle: int) -> np.ndarray:
        """As `class_pixels`, of the answers of one cycle."""
        none = np.zeros(self._shape.num_classes, np.int64)
        return np.array(self._class_pixels.get(cycle, none))

    def cost_of(self, cycle: int) -> int:
        """Pixels paid for in one cycle."""
        return self._costs.get(cycle, 0)

    def label_map(self, image: int) -> np.ndarray:
        """uint8 `[height, width]`, fresh: ids and `VOID` where answered, else `UNLABELED`."""
        self._check_image(image)
        labels = np.full((self._shape.height, self._shape.width), UNLABELED, np.uint8)
        for box, packed, _ in self._patches.get(image, ()):
            labels[box.slices] = unpacked(packed, box)
        return labels

    def untouched(self, grid: RegionGrid) -> np.ndarray:
        """bool `[images, rows, cols]`: cells of which no pixel is known."""
        self._check_grid(grid)
        untouched = np.ones((len(self._shape.names), grid.rows, grid.cols), bool)
        for image, patches in self._patches.items():
            for (top, left, bottom, right), *_ in patches:
                rows = slice(top // grid.cell_height, -(-bottom // grid.cell_height))
                cols = slice(left // grid.cell_width, -(-right // grid.cell_width))
                untouched[image, rows, cols] = False
        return untouched

    def missing(self, regions: Iterable[RegionRef], grid: RegionGrid) -> list[RegionRef]:
        """Those of the regions that are not wholly answered yet, in their order."""
        self._check_grid(grid)
        asked = [_plain(region) for region in regions]
        return [region for region in asked if not self._answered(region, grid)]

    def agrees(self, annotation: Annotation, grid: RegionGrid) -> bool:
        """Whether an answer is, pixel for pixel, the one that was recorded for its region."""
        image, row, col = _plain(annotation.region)
        self._check_image(image)
        asked = (grid.box(row, col), digest(annotation))
        return any((patch.box, patch.sha256) == asked for patch in self._patches.get(image, ()))

    def record(self, annotations: Sequence[Annotation], grid: RegionGrid) -> None:
        """Remember answers, on disk first: all of them, or (`InputError`) none."""
        self._check_grid(grid)
        answers = [self._answer(annotation, grid) for annotation in annotations]
        self._check_new(answers)
        if answers:
            self._ledger.append(answers, self._shape.names)
        for answer in answers:
            self._remember(answer)

    def check_valid(self) -> None:
        """Assert that what is kept agrees with itself and with the disk; for tests."""
        totals = np.zeros(self._shape.num_classes, np.int64)
        for image, pixels in enumerate(self.known_pixels):
            labels = self.label_map(image)
            known = labels[labels != UNLABELED]
            assert known.size == pixels, f"patches of image {image} overlap"
            assert not np.any(not_ids(known, self._shape.num_classes))
            totals += class_pixels(known, self._shape.num_classes)
        assert np.array_equal(totals, self.class_pixels)
        assert self.spent == self.known_pixels.sum()
        self._ledger.check_sizes()

    def _answer(self, annotation: Annotation, grid: RegionGrid) -> Answer:
        """What an annotation says, if it fits its region."""
        region = _plain(annotation.region)
        self._check_image(region.image)
        box, labels, cycle = grid.box(region.row, region.col), annotation.labels, annotation.cycle
        title = self._title(region)
        if cycle < 0:
            raise InputError(f"{title}: the cycle is {cycle}; count cycles from 0")
        shape = (box.bottom - box.top, box.right - box.left)
        if labels.shape != shape or not np.issubdtype(labels.dtype, np.integer):
            raise InputError(
                f"{title}: the labels are {labels.dtype} of shape {labels.shape}; give whole "
                f"numbers of shape {shape}"
            )
        classes = self._shape.num_classes
        wrong = labels[not_ids(labels, classes)]
        if wrong.size:
            raise InputError(
                f"{title}: {wrong[0]} is no id; use 0 to {classes - 1}, or 255 for void"
            )
        self._check_original(annotation, box, title)
        plain = annotation._replace(region=region, cycle=int(cycle))
        return packed_answer(plain, box, classes=classes)

    def _check_original(self, annotation: Annotation, box: Box, title: str) -> None:
        """What is learned from must be what was answered."""
        original, size = annotation.original, (self._shape.height, self._shape.width)
        if original is None:
            return
        fits = original.box == in_original(box, size, original.size) and original.labels.shape == (
            original.box.bottom - original.box.top,
            original.box.right - original.box.left,
        )
        if (
            not fits
            or np.any(not_ids(original.labels, self._shape.num_classes))
            or not np.array_equal(cut_to_size(original, box, size), annotation.labels)
        ):
            raise InputError(
                f"{title}: the labels do not come from those in the original pixels; resize these "
                "with data.images.cut_to_size"
            )

    def _check_new(self, answers: Sequence[Answer]) -> None:
        """Nothing may be paid for twice."""
        asked: dict[int, list[Box]] = {}
        for answer in answers:
            image, box = answer.region.image, answer.box
            now = asked.setdefault(image, [])
            twice = sum(_overlap(box, other) for other in now)
            if twice or self._common_pixels(image, box):
                raise InputError(
                    f"{self._title(answer.region)}: pixels of it are already known; ask for "
                    "other regions"
                )
            now.append(box)

    def _remember(self, answer: Answer) -> None:
        cycle, packed = answer.cycle, answer.packed
        if answer.frame:
            labels = working_labels(answer, (self._shape.height, self._shape.width))
            packed = zlib.compress(labels.tobytes())
        patches = self._patches.setdefault(answer.region.image, [])
        patches.append(_Patch(answer.box, packed, answer.sha256))
        self._class_pixels[cycle] = self.class_pixels_of(cycle) + answer.class_pixels
        self._costs[cycle] = self.cost_of(cycle) + answer.box.area

    def _answered(self, region: RegionRef, grid: RegionGrid) -> bool:
        self._check_image(region.image)
        box = grid.box(region.row, region.col)
        return self._common_pixels(region.image, box) == box.area

    def _common_pixels(self, image: int, box: Box) -> int:
        """Pixels of a box that are known; patches never overlap, so their areas add up."""
        return sum(_overlap(box, patch.box) for patch in self._patches.get(image, ()))

    def _check_image(self, image: int) -> None:
        count = len(self._shape.names)
        if not 0 <= image < count:
            raise InputError(f"there is no image {image} in a pool of {count}: count from 0")

    def _check_grid(self, grid: RegionGrid) -> None:
        if (grid.height, grid.width) != (self._shape.height, self._shape.width):
            raise InputError(
                f"a grid over {grid.height} x {grid.width} pixels does not fit labels of "
                f"{self._shape.height} x {self._shape.width}: use one size for both"
            )

    def _title(self, region: RegionRef) -> str:
        return f"answer for {self._shape.names[region.image]}, cell ({region.row}, {region.col})"


def _plain(region: RegionRef) -> RegionRef:
    """The region in Python's integers, as JSON needs them."""
    return RegionRef(int(region.image), int(region.row), int(region.col))


def _overlap(one: Box, other: Box) -> int:
    """Pixels that two boxes share."""
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    width = min(one.right, other.right) - max(one.left, other.left)
    return max(height, 0) * max(width, 0)
