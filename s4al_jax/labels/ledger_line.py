"""One line of a ledger: written as version 2, read as version 1 or 2, and checked.

Version 2 says `region` and `mask`; version 1, which knew grids alone, says `row` and `col` instead.
A ledger may hold lines of both, so that a run of an earlier version goes on.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from s4al_jax.labels.answer import (
    Answer,
    PoolShape,
    count_classes,
    given_box,
    mask_bytes,
    misplaced_labels,
    pack_mask,
    unpack,
    unpack_mask,
)
from s4al_jax.labels.original import mask_in_original
from s4al_jax.types import Box, RegionRef

_START = ("cycle", "image", "name")
_END = ("original", "cost", "annotator", "time", "patch", "sha256")
KEYS = (*_START, "region", "box", "mask", *_END)
"""What a line says, in this order."""
KEYS_OF_VERSION_1 = (*_START, "row", "col", "box", *_END)


def patch_file(cycle: int) -> str:
    """Where the patches of a cycle lie, below the ledger's folder."""
    return f"patches/{cycle:02d}.bin"


def write_line(answer: Answer, offset: int, shape: PoolShape) -> bytes:
    """The line of an answer whose patch begins at byte `offset` of its file."""
    original = None
    if answer.size:
        box = given_box(answer.box, answer.size, shape.size)
        original = {"box": list(box), "size": list(answer.size)}
    mask = None if answer.mask is None else hashlib.sha256(pack_mask(answer.mask)).hexdigest()
    image, region = answer.region
    values = (
        *(answer.cycle, image, shape.names[image], region),
        *(list(answer.box), mask, original, answer.cost),
        *(answer.annotator, answer.time),
        {"file": patch_file(answer.cycle), "offset": offset, "bytes": len(answer.packed)},
        answer.sha256,
    )
    entry = dict(zip(KEYS, values, strict=True))
    return json.dumps(entry, separators=(",", ":")).encode("ascii") + b"\n"


def parse_line(line: bytes) -> dict[str, Any]:
    """What a line says, of the right keys and types; anything else is a `ValueError`."""
    entry = json.loads(line)
    if not isinstance(entry, dict) or tuple(entry) not in (KEYS, KEYS_OF_VERSION_1):
        raise ValueError(f"the line does not say {', '.join(KEYS)}")
    box, patch = entry["box"], entry["patch"]
    if not (isinstance(patch, dict) and tuple(patch) == ("file", "offset", "bytes")):
        raise ValueError("patch does not say file, offset, bytes")
    if not (isinstance(box, list) and len(box) == 4):
        raise ValueError("box does not say top, left, bottom, right")
    named = ("cycle", "image", "region", "row", "col", "cost")
    counts = [entry[key] for key in named if key in entry]
    original = _original_numbers(entry["original"])
    for count in (*counts, *box, *original, patch["offset"], patch["bytes"]):
        if type(count) is not int or count < 0:
            raise ValueError(f"{count!r} stands where a whole number from 0 up should")
    if not all(isinstance(entry[key], str) for key in ("name", "annotator", "time", "sha256")):
        raise ValueError("name, annotator, time and sha256 are not all texts")
    if not isinstance(entry.get("mask", ""), str | None):
        raise ValueError("mask is neither null nor a text")
    return entry


def verify_answer(entry: Mapping[str, Any], packed: bytes, shape: PoolShape) -> Answer:
    """The answer that a line and its patch make; `ValueError` unless they fit and suit the pool."""
    image, box = entry["image"], Box(*entry["box"])
    if image >= len(shape.names) or shape.names[image] != entry["name"]:
        raise ValueError(f"image {image} of this pool is not named {entry['name']!r}")
    if not (box.top < box.bottom <= shape.height and box.left < box.right <= shape.width):
        raise ValueError(f"box {list(box)} is outside {shape.height} x {shape.width} pixels")
    if entry.get("mask") is None:
        # Before the patch is unpacked: a cost that is wrong says more than a patch that is.
        _check_cost(entry, box.area)
    size = _original_size(entry["original"], box, shape.size)
    labels, mask = _unpack_verified(entry, packed, box, given_box(box, size, shape.size))
    if mask is not None:
        _check_cost(entry, int(mask.sum()))
    wrong, outside = misplaced_labels(
        labels, mask_in_original(mask, box, shape.size, size or shape.size), shape.num_classes
    )
    if wrong.size:
        raise ValueError(f"the id {wrong[0]} is none of {shape.num_classes} classes or void")
    if outside.size:
        raise ValueError(f"the id {outside[0]} stands outside of the region's mask")
    answer = Answer(
        cycle=entry["cycle"],
        region=RegionRef(image, _region(entry, box, shape)),
        box=box,
        mask=mask,
        size=size,
        annotator=entry["annotator"],
        time=entry["time"],
        sha256=entry["sha256"],
        packed=packed,
        class_pixels=np.zeros(0, np.int64),
    )
    return count_classes(answer, labels, shape)


def _unpack_verified(
    entry: Mapping[str, Any], packed: bytes, box: Box, given: Box
) -> tuple[np.ndarray, np.ndarray | None]:
    """The labels and the mask of a patch, if they have the checksums of their line."""
    masked = entry.get("mask") is not None
    labels, bits = unpack(packed, given, mask_bytes(box) if masked else 0)
    file = entry["patch"]["file"]
    if hashlib.sha256(labels.tobytes()).hexdigest() != entry["sha256"]:
        raise ValueError(f"the labels in {file} have another checksum")
    if not masked:
        return labels, None
    if hashlib.sha256(bits).hexdigest() != entry["mask"]:
        raise ValueError(f"the mask in {file} has another checksum")
    return labels, unpack_mask(bits, box)


def _check_cost(entry: Mapping[str, Any], pixels: int) -> None:
    if entry["cost"] != pixels:
        what = "box" if entry.get("mask") is None else "mask"
        raise ValueError(f"the cost is {entry['cost']}, its {what} has {pixels} pixels")


def _region(entry: Mapping[str, Any], box: Box, shape: PoolShape) -> int:
    """The number of a region in its image; that of a cell follows from its row and column."""
    if "region" in entry:
        return int(entry["region"])
    row, col = entry["row"], entry["col"]
    cell_height, rest_of_height = divmod(box.top, row) if row else (box.bottom - box.top, box.top)
    cell_width, rest_of_width = divmod(box.left, col) if col else (box.right - box.left, box.left)
    if rest_of_height or rest_of_width or not (cell_height and cell_width):
        raise ValueError(f"box {list(box)} is not that of row {row}, column {col} of a grid")
    return int(row * -(-shape.width // cell_width) + col)


def _original_numbers(original: Any) -> list[Any]:
    """What a line says of the original picture, as a list of numbers."""
    if original is None:
        return []
    if not (isinstance(original, dict) and tuple(original) == ("box", "size")):
        raise ValueError("original does not say box, size")
    if [len(part) if isinstance(part, list) else 0 for part in original.values()] != [4, 2]:
        raise ValueError("original does not say top, left, bottom, right and height, width")
    return [*original["box"], *original["size"]]


def _original_size(
    original: Mapping[str, Any] | None, box: Box, working: tuple[int, int]
) -> tuple[int, int] | None:
    """The size of the picture that was labeled, if its box is that of the region."""
    if original is None:
        return None
    height, width = original["size"]
    if not (height and width) or Box(*original["box"]) != given_box(box, (height, width), working):
        raise ValueError(f"box {list(box)} is not {original['box']} in {height} x {width} pixels")
    return height, width
