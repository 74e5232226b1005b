"""How answers lie on disk: a ledger of lines that is only ever appended to, and their patches.

    folder/ledger.jsonl     one line per answered region, never rewritten
    folder/patches/NN.bin   the answers of cycle NN: zlib-compressed ids, one after the other

An answer that was given in the pixels of a larger or smaller original is kept as it was given.

A patch is on disk before the line that speaks of it is written, so a line is the acknowledgement:
whatever lies behind the last whole line was never acknowledged, and `repair` cuts it off.
"""

import contextlib
import hashlib
import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from s4al_jax.data.images import cut_to_size
from s4al_jax.files.jsonl import append, cut, named_errors, sync_folder
from s4al_jax.regions import in_original
from s4al_jax.types import VOID, Annotation, Box, InputError, Original, RegionRef

LEDGER = "ledger.jsonl"

KEYS = (
    "cycle",
    "image",
    "name",
    "row",
    "col",
    "box",
    "original",
    "cost",
    "annotator",
    "time",
    "patch",
    "sha256",
)
"""What a line says, in this order."""


class PoolShape(NamedTuple):
    """What answers are about: the images by name, their size, and the number of classes."""

    names: tuple[str, ...]
    height: int
    width: int
    num_classes: int


class Frame(NamedTuple):
    """A box in an original picture, and that picture's height and width."""

    box: Box
    size: tuple[int, int]


class Answer(NamedTuple):
    """One answered region; `packed` are its ids (uint8, row by row) compressed by zlib."""

    cycle: int
    region: RegionRef
    box: Box
    """at the working size"""
    frame: Frame | None
    """where the ids lie, if they were given in original pixels; None: in `box`"""
    annotator: str
    time: str
    sha256: str
    packed: bytes
    class_pixels: np.ndarray


def packed_answer(annotation: Annotation, box: Box, *, classes: int) -> Answer:
    """The answer of an annotation whose labels are known to be ids or `VOID`."""
    labels, original = annotation.labels, annotation.original
    raw = _given_bytes(annotation)
    return Answer(
        cycle=annotation.cycle,
        region=annotation.region,
        box=box,
        frame=Frame(original.box, original.size) if original else None,
        annotator=annotation.annotator,
        time=annotation.time,
        sha256=hashlib.sha256(raw).hexdigest(),
        packed=zlib.compress(raw, 9),
        class_pixels=class_pixels(labels, classes),
    )


def digest(annotation: Annotation) -> str:
    """The checksum that the ledger keeps of an annotation's ids, as they were given."""
    return hashlib.sha256(_given_bytes(annotation)).hexdigest()


def _given_bytes(annotation: Annotation) -> bytes:
    given = annotation.original.labels if annotation.original else annotation.labels
    return given.astype(np.uint8).tobytes()


def given_labels(answer: Answer) -> np.ndarray:
    """uint8: an answer's ids as they were given, of the size of its frame's box or of its own."""
    return unpacked(answer.packed, answer.frame.box if answer.frame else answer.box)


def working_labels(answer: Answer, size: tuple[int, int]) -> np.ndarray:
    """uint8: an answer's ids where its image is brought to the working `size`."""
    return _at_size(answer, given_labels(answer), size)


def _at_size(answer: Answer, given: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if answer.frame is None:
        return given
    return cut_to_size(Original(*answer.frame, given), answer.box, size)


def unpacked(packed: bytes, box: Box) -> np.ndarray:
    """The ids of a patch, uint8 of the size of its box."""
    unpacker = zlib.decompressobj()
    raw = unpacker.decompress(packed, box.area + 1)
    if len(raw) != box.area or not unpacker.eof or unpacker.unused_data:
        raise ValueError(f"the patch does not hold the {box.area} pixels of its box")
    return np.frombuffer(raw, np.uint8).reshape(box.bottom - box.top, box.right - box.left)


def class_pixels(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """int64 `[num_classes]`: how often each class occurs."""
    counts = np.bincount(labels[labels < num_classes], minlength=num_classes)
    return np.asarray(counts, np.int64)


def not_ids(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """bool: where a label is neither a class id nor `VOID`."""
    return (labels < 0) | ((labels >= num_classes) & (labels != VOID))


class Ledger:
    """The files of one folder, and how many bytes of each are acknowledged."""

    def __init__(self, folder: Path) -> None:
        """Of `folder`, which is created where it is missing."""
        self.folder = folder
        self._sizes = {LEDGER: 0}
        with named_errors(folder):
            self._create()

    def read(self, shape: PoolShape) -> Iterator[Answer]:
        """Every acknowledged answer, verified, one at a time; changes nothing on disk."""
        files: dict[str, _PatchFile] = {}
        self._sizes = {LEDGER: 0}
        with contextlib.ExitStack() as stack:
            stack.enter_context(named_errors(self.folder / LEDGER))
            ledger = stack.enter_context((self.folder / LEDGER).open("rb"))
            for number, line in enumerate(_whole_lines(ledger), start=1):
                try:
                    entry = _entry(line)
                    answer = _verified(entry, self._patch(entry, files, stack), shape)
                except (ValueError, RecursionError, zlib.error) as error:
                    raise self.damage(number, str(error)) from error
                self._sizes[LEDGER] += len(line) + 1
                self._sizes[patch_file(answer.cycle)] += len(answer.packed)
                yield answer

    def repair(self) -> None:
        """Cut off what a stopped write left: a torn line, patches that no line speaks of.

        To be called when all answers have been read.
        """
        with named_errors(self.folder):
            cut(self.folder / LEDGER, self._sizes[LEDGER], keep_empty=True)
            for path in sorted((self.folder / "patches").glob("*.bin")):
                if re.fullmatch(r"[0-9]{2,}", path.stem):
                    known = self._sizes.get(f"patches/{path.name}", 0)
                    cut(path, known, keep_empty=False)

    def append(self, answers: Sequence[Answer], names: Sequence[str]) -> None:
        """Put answers on disk: all of them, or (`InputError`) none."""
        patches, lines = self._additions(answers, names)
        additions = {**patches, LEDGER: lines}
        for name in additions:
            self._check_size(name)
        try:
            for name, added in additions.items():
                append(self.folder / name, added)
        except BaseException:
            self._roll_back(additions)
            raise
        for name, added in additions.items():
            self._sizes[name] = self._sizes.get(name, 0) + len(added)

    def damage(self, number: int, reason: str) -> InputError:
        """The error that a line of the ledger is wrong."""
        return InputError(
            f"{self.folder / LEDGER}, line {number}: {' '.join(reason.split())}; bring back an "
            f"undamaged copy of {self.folder}"
        )

    def check_sizes(self) -> None:
        """Refuse to go on when somebody else has changed a file."""
        for name in self._sizes:
            self._check_size(name)

    def _create(self) -> None:
        ledger, patches = self.folder / LEDGER, self.folder / "patches"
        if ledger.exists():
            return
        if patches.is_dir() and any(path.stat().st_size for path in patches.iterdir()):
            raise InputError(f"{ledger} is missing, but {patches} holds answers: bring it back")
        patches.mkdir(parents=True, exist_ok=True)
        append(ledger, b"")
        sync_folder(self.folder.parent)

    def _patch(
        self,
        entry: Mapping[str, Any],
        files: dict[str, "_PatchFile"],
        stack: contextlib.ExitStack,
    ) -> bytes:
        """The bytes of an entry's patch; patches must lie one behind the other."""
        name, patch = patch_file(entry["cycle"]), entry["patch"]
        with named_errors(self.folder / name):
            if name not in files:
                files[name] = _patch_file(self.folder / name, stack)
            start = self._sizes.setdefault(name, 0)
            if patch["file"] != name or patch["offset"] != start:
                raise ValueError(f"the patch should start at byte {start} of {name}")
            if start + patch["bytes"] > files[name].size:
                raise ValueError(f"{name} ends at byte {files[name].size}, inside the patch")
            # No seeking: what was read before ends where this one starts.
            return files[name].file.read(patch["bytes"])

    def _additions(
        self, answers: Sequence[Answer], names: Sequence[str]
    ) -> tuple[dict[str, bytes], bytes]:
        """What to append: bytes of each patch file, and the ledger's lines."""
        patches: dict[str, bytearray] = {}
        lines = []
        for answer in answers:
            file = patch_file(answer.cycle)
            patch = patches.setdefault(file, bytearray())
            offset = self._sizes.get(file, 0) + len(patch)
            lines.append(_line(answer, names[answer.region.image], offset))
            patch += answer.packed
        return {file: bytes(patch) for file, patch in patches.items()}, b"".join(lines)

    def _check_size(self, name: str) -> None:
        path, expected = self.folder / name, self._sizes.get(name, 0)
        with named_errors(path):
            size = path.stat().st_size if path.exists() else 0
        if size != expected:
            raise InputError(
                f"{path} has {size} bytes instead of {expected}: another run writes there or a "
                "write has failed; stop the other run and start again"
            )

    def _roll_back(self, names: Iterable[str]) -> None:
        """Take back a half-written answer as far as the disk allows; else the next open does."""
        with contextlib.suppress(OSError):
            for name in reversed(list(names)):
                if (self.folder / name).exists():
                    known = self._sizes.get(name, 0)
                    cut(self.folder / name, known, keep_empty=name == LEDGER)


def patch_file(cycle: int) -> str:
    """Where the patches of a cycle lie, below the ledger's folder."""
    return f"patches/{cycle:02d}.bin"


def _line(answer: Answer, name: str, offset: int) -> bytes:
    patch = {"file": patch_file(answer.cycle), "offset": offset, "bytes": len(answer.packed)}
    image, row, col = answer.region
    box, cost, who, when = list(answer.box), answer.box.area, answer.annotator, answer.time
    frame = answer.frame
    original = {"box": list(frame.box), "size": list(frame.size)} if frame else None
    place, given = (answer.cycle, image, name, row, col, box, original), (cost, who, when)
    entry = dict(zip(KEYS, (*place, *given, patch, answer.sha256), strict=True))
    return json.dumps(entry, separators=(",", ":")).encode("ascii") + b"\n"


class _PatchFile(NamedTuple):
    """A file of patches while it is read from its start on, and its size."""

    file: BinaryIO
    size: int


def _patch_file(path: Path, stack: contextlib.ExitStack) -> _PatchFile:
    if not path.exists():
        return _PatchFile(io.BytesIO(), 0)
    return _PatchFile(stack.enter_context(path.open("rb")), path.stat().st_size)


def _whole_lines(ledger: BinaryIO) -> Iterator[bytes]:
    """The acknowledged lines: a last one that has no end was never acknowledged."""
    for line in ledger:
        if line.endswith(b"\n"):
            yield line[:-1]


def _entry(line: bytes) -> dict[str, Any]:
    """A line's contents, of the right keys and types."""
    entry = json.loads(line)
    if not isinstance(entry, dict) or tuple(entry) != KEYS:
        raise ValueError(f"the line does not say {', '.join(KEYS)}")
    box, patch = entry["box"], entry["patch"]
    if not (isinstance(patch, dict) and tuple(patch) == ("file", "offset", "bytes")):
        raise ValueError("patch does not say file, offset, bytes")
    if not (isinstance(box, list) and len(box) == 4):
        raise ValueError("box does not say top, left, bottom, right")
    counts = [entry[key] for key in ("cycle", "image", "row", "col", "cost")]
    frame = _frame_numbers(entry["original"])
    for count in (*counts, *box, *frame, patch["offset"], patch["bytes"]):
        if type(count) is not int or count < 0:
            raise ValueError(f"{count!r} stands where a whole number from 0 up should")
    if not all(isinstance(entry[key], str) for key in ("name", "annotator", "time", "sha256")):
        raise ValueError("name, annotator, time and sha256 are not all texts")
    return entry


def _verified(entry: Mapping[str, Any], packed: bytes, shape: PoolShape) -> Answer:
    """The answer that a line and its patch make, if they fit each other and the pool."""
    image, box = entry["image"], Box(*entry["box"])
    if image >= len(shape.names) or shape.names[image] != entry["name"]:
        raise ValueError(f"image {image} of this pool is not named {entry['name']!r}")
    if not (box.top < box.bottom <= shape.height and box.left < box.right <= shape.width):
        raise ValueError(f"box {list(box)} is outside {shape.height} x {shape.width} pixels")
    if entry["cost"] != box.area:
        raise ValueError(f"the cost is {entry['cost']}, its box has {box.area} pixels")
    answer = Answer(
        cycle=entry["cycle"],
        region=RegionRef(image, entry["row"], entry["col"]),
        box=box,
        frame=_frame(entry["original"], box, (shape.height, shape.width)),
        annotator=entry["annotator"],
        time=entry["time"],
        sha256=entry["sha256"],
        packed=packed,
        class_pixels=np.zeros(0, np.int64),
    )
    labels = given_labels(answer)
    if hashlib.sha256(labels.tobytes()).hexdigest() != answer.sha256:
        raise ValueError(f"the labels in {entry['patch']['file']} have another checksum")
    wrong = labels[not_ids(labels, shape.num_classes)]
    if wrong.size:
        raise ValueError(f"the id {wrong[0]} is none of {shape.num_classes} classes or void")
    learned = _at_size(answer, labels, (shape.height, shape.width))
    return answer._replace(class_pixels=class_pixels(learned, shape.num_classes))


def _frame_numbers(original: Any) -> list[Any]:
    """What a line says of the original picture, as a list of numbers."""
    if original is None:
        return []
    if not (isinstance(original, dict) and tuple(original) == ("box", "size")):
        raise ValueError("original does not say box, size")
    if [len(part) if isinstance(part, list) else 0 for part in original.values()] != [4, 2]:
        raise ValueError("original does not say top, left, bottom, right and height, width")
    return [*original["box"], *original["size"]]


def _frame(original: Mapping[str, Any] | None, box: Box, size: tuple[int, int]) -> Frame | None:
    if original is None:
        return None
    height, width = original["size"]
    frame = Frame(Box(*original["box"]), (height, width))
    if frame.box != in_original(box, size, frame.size):
        raise ValueError(f"box {list(box)} is not {list(frame.box)} in {height} x {width} pixels")
    return frame
