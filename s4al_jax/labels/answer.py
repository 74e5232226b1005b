"""An answer as it is recorded: the labels of one region, packed, and what is known about them."""

import hashlib
import zlib
from typing import NamedTuple

import numpy as np

from s4al_jax.labels.original import cut_to_size
from s4al_jax.regions.protocol import in_original
from s4al_jax.types import UNLABELED, VOID, Annotation, Box, RegionRef


class PoolShape(NamedTuple):
    """What answers are about: the images by name, their size, and the number of classes."""

    names: tuple[str, ...]
    height: int
    width: int
    num_classes: int
    contents: np.ndarray | None = None
    """int64 `[images, 2]`: rows and columns that are no padding; None: all are"""

    @property
    def pixels(self) -> np.ndarray:
        """int64 `[images]`: the pixels of each image that are no padding."""
        if self.contents is None:
            return np.full(len(self.names), self.height * self.width, np.int64)
        return np.asarray(self.contents.prod(axis=1))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of all images: the working size."""
        return self.height, self.width


class Answer(NamedTuple):
    """The labels of one region, as a line of the ledger and its patch say them."""

    cycle: int
    region: RegionRef
    box: Box
    """around the region, at the working size"""
    mask: np.ndarray | None
    """bool of the size of `box`; None: the region is all of it"""
    size: tuple[int, int] | None
    """height and width of the picture that was labeled; None: the working size"""
    annotator: str
    time: str
    sha256: str
    """of the labels as they were given"""
    packed: bytes
    """the labels as they were given, then the bits of the mask if there is one, by zlib"""
    class_pixels: np.ndarray
    """int64 `[num_classes]`: pixels of each class at the working size"""

    @property
    def cost(self) -> int:
        """Pixels of the region at the working size."""
        return self.box.area if self.mask is None else int(self.mask.sum())


def pack_answer(
    annotation: Annotation, box: Box, mask: np.ndarray | None, shape: PoolShape
) -> Answer:
    """The answer of an annotation that is known to fit its region.

    Args:
      annotation: its labels are ids or `VOID` in the region and `UNLABELED` outside of it.
      box: around the region, at the working size.
      mask: of the region in `box`; None: all of it.
      shape: the pool.
    """
    raw = _label_bytes(annotation)
    answer = Answer(
        cycle=annotation.cycle,
        region=annotation.region,
        box=box,
        mask=mask,
        size=annotation.size,
        annotator=annotation.annotator,
        time=annotation.time,
        sha256=hashlib.sha256(raw).hexdigest(),
        packed=zlib.compress(raw + pack_mask(mask), 9),
        class_pixels=np.zeros(0, np.int64),
    )
    return count_classes(answer, annotation.labels, shape)


def labels_digest(annotation: Annotation) -> str:
    """The checksum that the ledger keeps of an annotation's labels, as they were given."""
    return hashlib.sha256(_label_bytes(annotation)).hexdigest()


def _label_bytes(annotation: Annotation) -> bytes:
    return annotation.labels.astype(np.uint8).tobytes()


def given_box(box: Box, size: tuple[int, int] | None, working: tuple[int, int]) -> Box:
    """The box of an answer's labels in the picture that was labeled."""
    return box if size is None else in_original(box, working, size)


def given_labels(answer: Answer, working: tuple[int, int]) -> np.ndarray:
    """uint8 of the size of `given_box`: an answer's labels as they were given."""
    box = given_box(answer.box, answer.size, working)
    return unpack(answer.packed, box, 0 if answer.mask is None else mask_bytes(answer.box))[0]


def working_labels(answer: Answer, working: tuple[int, int]) -> np.ndarray:
    """uint8 of the size of an answer's box: what a network learns from it."""
    return _at_working_size(answer, given_labels(answer, working), working)


def count_classes(answer: Answer, given: np.ndarray, shape: PoolShape) -> Answer:
    """An answer with the `class_pixels` of its labels, which are `given`."""
    learned = _at_working_size(answer, given, shape.size)
    return answer._replace(class_pixels=class_pixels(learned, shape.num_classes))


def _at_working_size(answer: Answer, given: np.ndarray, working: tuple[int, int]) -> np.ndarray:
    if answer.size is None:
        return given
    return cut_to_size(given, answer.mask, answer.box, working, answer.size)


def unpack(packed: bytes, box: Box, bits: int = 0) -> tuple[np.ndarray, bytes]:
    """What a patch holds: labels, uint8 of the size of `box`, and as many bytes of a mask."""
    unpacker = zlib.decompressobj()
    raw = unpacker.decompress(packed, box.area + bits + 1)
    if len(raw) != box.area + bits or not unpacker.eof or unpacker.unused_data:
        and_mask = f" and the {bits} bytes of its mask" if bits else ""
        raise ValueError(f"the patch does not hold the {box.area} pixels of its box{and_mask}")
    return np.frombuffer(raw, np.uint8, box.area).reshape(box.shape), raw[box.area :]


def mask_bytes(box: Box) -> int:
    """How many bytes `pack_mask` gives for a box."""
    return -(-box.area // 8)


def pack_mask(mask: np.ndarray | None) -> bytes:
    """The bits of a mask, row by row; nothing where there is none."""
    return b"" if mask is None else np.packbits(mask).tobytes()


def unpack_mask(bits: bytes, box: Box) -> np.ndarray:
    """bool of the size of `box`: what `pack_mask` has packed."""
    found = np.unpackbits(np.frombuffer(bits, np.uint8), count=box.area)
    return found.view(bool).reshape(box.shape)


def misplaced_labels(
    labels: np.ndarray, mask: np.ndarray | None, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """What is wrong with the labels of a region.

    Args:
      labels: integers of the size of the region's box in the picture that was labeled.
      mask: bool of that size; None: all of it.
      num_classes: classes of the pool.

    Returns:
      The labels inside of the mask that are neither ids nor `VOID`, and those outside of it that
      are not `UNLABELED`.
    """
    wrong = (labels < 0) | ((labels >= num_classes) & (labels != VOID))
    if mask is None:
        return labels[wrong], labels[:0]
    return labels[wrong & mask], labels[(labels != UNLABELED) & ~mask]


def class_pixels(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """int64 `[num_classes]`: how often each class occurs."""
    counts = np.bincount(labels[labels < num_classes], minlength=num_classes)
    return np.asarray(counts, np.int64)
