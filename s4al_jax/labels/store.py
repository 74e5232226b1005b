"""The labels that annotators have given: on disk first, then in memory.

Memory holds compressed labels only; a label map is composed when it is read. An image of which
nothing is known costs no memory but its name.
"""

import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from s4al_jax.files.fit import fill_padding
from s4al_jax.labels.answer import (
    Answer,
    PoolShape,
    class_pixels,
    labels_digest,
    misplaced_labels,
    pack_answer,
    pack_mask,
    unpack,
    unpack_mask,
    working_labels,
)
from s4al_jax.labels.ledger import Ledger
from s4al_jax.labels.original import locate
from s4al_jax.regions.protocol import Regions, region_costs
from s4al_jax.types import UNLABELED, VOID, Annotation, Box, InputError, RegionRef


class _Patch(NamedTuple):
    """What stays in memory of an answer."""

    box: Box
    bits: bytes | None
    """of the mask; None: the region is all of its box"""
    packed: bytes
    """the labels at the working size"""
    sha256: str
    """of the labels as they were given"""

    @property
    def mask(self) -> np.ndarray | None:
        return None if self.bits is None else unpack_mask(self.bits, self.box)


class LabelStore:
    """The labels that are known so far; `LabelStore.open` makes one."""

    def __init__(self, ledger: Ledger, shape: PoolShape) -> None:
        """A store that knows nothing yet."""
        self._ledger, self._shape = ledger, shape
        self._patches: dict[int, list[_Patch]] = {}
        self._known_pixels: dict[int, int] = {}
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
        contents: np.ndarray | None = None,
        repair: bool = True,
    ) -> "LabelStore":
        """The store in `folder`, read and verified; created where there is none.

        `contents` are the rows and columns of each image that are no padding: the rest of it is
        void from the start, and counts as nobody's label.
        A torn tail of the ledger, and patches that no line speaks of, are cut off, unless `repair`
        is left to another process, which records while this one catches up. Any other damage is an
        `InputError`, and then nothing on disk is changed.
        """
        shape = PoolShape(tuple(names), height, width, num_classes, contents)
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
        known = self.annotated_regions
        for number, answer in enumerate(self._ledger.read(self._shape), start=1):
            if number <= known:
                continue
            if self._common_pixels(answer.region.image, answer.box, answer.mask):
                raise self._ledger.damage(number, "an earlier line knows pixels of this region")
            self._remember(answer)

    @property
    def known_pixels(self) -> np.ndarray:
        """int64 `[images]`: labeled pixels of each image, void ones too."""
        pixels = np.zeros(len(self._shape.names), np.int64)
        pixels[list(self._known_pixels)] = list(self._known_pixels.values())
        return pixels

    @property
    def spent(self) -> int:
        """Labeled pixels of the pool: the cost of all annotations so far."""
        return sum(self._costs.values())

    @property
    def share(self) -> float:
        """Labeled pixels, of all pixels of the pool that are no padding."""
        return self.spent / int(self._shape.pixels.sum())

    @property
    def fully_labeled(self) -> np.ndarray:
        """bool `[images]`: images of which every pixel is labeled."""
        return self.known_pixels == self._shape.pixels

    @property
    def annotated_regions(self) -> int:
        """Annotated regions of all cycles."""
        return sum(len(patches) for patches in self._patches.values())

    @property
    def class_pixels(self) -> np.ndarray:
        """int64 `[num_classes]`: labeled pixels of each class; void ones are in none."""
        none = np.zeros(self._shape.num_classes, np.int64)
        return np.asarray(sum(self._class_pixels.values(), none))

    def class_pixels_of(self, cycle: int) -> np.ndarray:
        """As `class_pixels`, of the annotations of one cycle."""
        none = np.zeros(self._shape.num_classes, np.int64)
        return np.array(self._class_pixels.get(cycle, none))

    def cost_of(self, cycle: int) -> int:
        """Pixels that were annotated for one cycle."""
        return self._costs.get(cycle, 0)

    def label_map(self, image: int) -> np.ndarray:
        """uint8 `[height, width]`, fresh: ids and `VOID` where labeled, else `UNLABELED`.

        Padding is `VOID`.
        """
        self._check_image(image)
        labels = np.full(self._shape.size, UNLABELED, np.uint8)
        if self._shape.contents is not None:
            fill_padding(labels, self._shape.contents[image], VOID)
        for patch in self._patches.get(image, ()):
            known, _ = unpack(patch.packed, patch.box)
            part = labels[patch.box.slices]
            if patch.bits is None:
                part[:] = known
            else:
                np.copyto(part, known, where=known != UNLABELED)
        return labels

    def open_regions(self, regions: Regions) -> np.ndarray:
        """bool `[images, max_regions]`: regions of which no pixel is known.

        False behind the last region of an image that has fewer than others.
        """
        found = self._existing(regions)
        for image, patches in self._patches.items():
            row = found[image]
            for patch in patches:
                row[regions.overlapping(image, patch.box, patch.mask)] = False
        return found

    def labeled_regions(self, regions: Regions) -> np.ndarray:
        """bool `[images, max_regions]`: regions of which every pixel is known."""
        known = self.known_pixels
        whole = known == self._shape.pixels
        found = self._existing(regions) & whole[:, None]
        for image in np.flatnonzero((known > 0) & ~whole).tolist():
            costs = regions.costs(image)
            for region, pixels in self._pixels_by_region(image, regions).items():
                found[image, region] = pixels == costs[region]
        return found

    def missing(self, refs: Iterable[RegionRef], regions: Regions) -> list[RegionRef]:
        """Those of the regions that are not wholly labeled yet, in their order."""
        self._check_regions(regions)
        plain = [self._plain(ref, regions) for ref in refs]
        return [ref for ref in plain if not self._is_labeled(ref, regions)]

    def agrees(self, annotation: Annotation, regions: Regions) -> bool:
        """Whether an annotation is, pixel for pixel, the one that was recorded for its region."""
        ref = self._plain(annotation.region, regions)
        box, mask = locate(regions, ref)
        wanted = (box, None if mask is None else pack_mask(mask), labels_digest(annotation))
        patches = self._patches.get(ref.image, ())
        return any((patch.box, patch.bits, patch.sha256) == wanted for patch in patches)

    def record(self, annotations: Sequence[Annotation], regions: Regions) -> None:
        """Keep annotations, on disk first: all of them, or (`InputError`) none."""
        self._check_regions(regions)
        answers = [self._answer(annotation, regions) for annotation in annotations]
        self._check_new(answers, regions)
        if answers:
            self._ledger.append(answers, self._shape)
        for answer in answers:
            self._remember(answer)

    def check_valid(self) -> None:
        """Assert that what is kept agrees with itself and with the disk; for tests."""
        totals = np.zeros(self._shape.num_classes, np.int64)
        for image, pixels in enumerate(self.known_pixels):
            labels = self.label_map(image)
            if self._shape.contents is not None:
                fill_padding(labels, self._shape.contents[image], UNLABELED)
            known = labels[labels != UNLABELED]
            assert known.size == pixels, f"patches of image {image} overlap"
            assert not misplaced_labels(known, None, self._shape.num_classes)[0].size
            totals += class_pixels(known, self._shape.num_classes)
        assert np.array_equal(totals, self.class_pixels)
        assert self.spent == self.known_pixels.sum()
        self._ledger.check_sizes()

    def _existing(self, regions: Regions) -> np.ndarray:
        """bool `[images, max_regions]`: which regions there are."""
        self._check_regions(regions)
        return region_costs(regions, len(self._shape.names)) > 0

    def _pixels_by_region(self, image: int, regions: Regions) -> dict[int, int]:
        """The known pixels of each region of an image that has any."""
        found: dict[int, int] = {}
        for patch in self._patches[image]:
            mask = patch.mask
            touched = regions.overlapping(image, patch.box, mask)
            if len(touched) == 1:
                # Almost always: annotations are of regions. No map of ids is needed.
                counts = [patch.box.area if mask is None else int(mask.sum())]
            else:
                ids = regions.id_map(image)[patch.box.slices]
                inside = ids.ravel() if mask is None else ids[mask]
                counts = np.bincount(inside)[touched].tolist()
            for region, pixels in zip(touched.tolist(), counts, strict=True):
                found[region] = found.get(region, 0) + pixels
        return found

    def _answer(self, annotation: Annotation, regions: Regions) -> Answer:
        """What an annotation says, if it fits its region."""
        ref = self._plain(annotation.region, regions)
        title, labels, cycle = self._title(ref, regions), annotation.labels, annotation.cycle
        if cycle < 0:
            raise InputError(f"{title}: the cycle is {cycle}; count cycles from 0")
        size = annotation.size if annotation.size != self._shape.size else None
        box, mask = locate(regions, ref)
        given_box, given_mask = (box, mask) if size is None else locate(regions, ref, size)
        if labels.shape != given_box.shape or not np.issubdtype(labels.dtype, np.integer):
            raise InputError(
                f"{title}: the labels are {labels.dtype} of shape {labels.shape}; give whole "
                f"numbers of shape {given_box.shape}"
            )
        classes = self._shape.num_classes
        wrong, outside = misplaced_labels(labels, given_mask, classes)
        if wrong.size:
            raise InputError(
                f"{title}: {wrong[0]} is no id; use 0 to {classes - 1}, or 255 for void"
            )
        if outside.size:
            raise InputError(
                f"{title}: {outside[0]} stands outside of the region's mask; use {UNLABELED} there"
            )
        plain = annotation._replace(region=ref, cycle=int(cycle), size=size)
        return pack_answer(plain, box, mask, self._shape)

    def _check_new(self, answers: Sequence[Answer], regions: Regions) -> None:
        """No pixel may be paid for twice."""
        before: dict[int, list[Answer]] = {}
        for answer in answers:
            others = before.setdefault(answer.region.image, [])
            known = self._common_pixels(answer.region.image, answer.box, answer.mask)
            if known or any(_common(answer.box, answer.mask, other) for other in others):
                raise InputError(
                    f"{self._title(answer.region, regions)}: pixels of it are already known; "
                    "choose other regions"
                )
            others.append(answer)

    def _remember(self, answer: Answer) -> None:
        cycle, packed, bits = answer.cycle, answer.packed, None
        if answer.mask is not None:
            bits = pack_mask(answer.mask)
        if answer.mask is not None or answer.size is not None:
            packed = zlib.compress(working_labels(answer, self._shape.size).tobytes())
        image, cost = answer.region.image, answer.cost
        self._patches.setdefault(image, []).append(_Patch(answer.box, bits, packed, answer.sha256))
        self._known_pixels[image] = self._known_pixels.get(image, 0) + cost
        self._class_pixels[cycle] = self.class_pixels_of(cycle) + answer.class_pixels
        self._costs[cycle] = self.cost_of(cycle) + cost

    def _is_labeled(self, ref: RegionRef, regions: Regions) -> bool:
        if ref.image not in self._patches:
            return False
        box, mask = locate(regions, ref)
        cost = box.area if mask is None else int(mask.sum())
        return self._common_pixels(ref.image, box, mask) == cost

    def _common_pixels(self, image: int, box: Box, mask: np.ndarray | None) -> int:
        """Pixels of a region that are known; patches never overlap, so their parts add up."""
        return sum(_common(box, mask, patch) for patch in self._patches.get(image, ()))

    def _plain(self, ref: RegionRef, regions: Regions) -> RegionRef:
        """A reference in Python's integers, as JSON needs them, if there is such a region."""
        image, region = int(ref.image), int(ref.region)
        self._check_image(image)
        count = regions.count(image)
        if not 0 <= region < count:
            raise InputError(
                f"there is no region {region} in image {self._shape.names[image]}: use 0 to "
                f"{count - 1}"
            )
        return RegionRef(image, region)

    def _check_image(self, image: int) -> None:
        count = len(self._shape.names)
        if not 0 <= image < count:
            raise InputError(f"there is no image {image} in a pool of {count}: count from 0")

    def _check_regions(self, regions: Regions) -> None:
        if (regions.height, regions.width) != self._shape.size:
            raise InputError(
                f"regions of {regions.height} x {regions.width} pixels do not fit labels of "
                f"{self._shape.height} x {self._shape.width}: use one size for both"
            )

    def _title(self, ref: RegionRef, regions: Regions) -> str:
        return f"answer for {self._shape.names[ref.image]}, {regions.title(ref)}"


def _common(box: Box, mask: np.ndarray | None, other: _Patch | Answer) -> int:
    """Pixels that two regions share."""
    (top, left, bottom, right), (above, before, below, behind) = box, other.box
    if top >= below or above >= bottom or left >= behind or before >= right:
        return 0
    shared = Box(max(top, above), max(left, before), min(bottom, below), min(right, behind))
    other_mask = other.mask
    if mask is None and other_mask is None:
        return shared.area
    inside = np.ones(shared.shape, bool)
    for part, around in ((mask, box), (other_mask, other.box)):
        if part is not None:
            inside &= part[shared.within(around).slices]
    return int(inside.sum())
