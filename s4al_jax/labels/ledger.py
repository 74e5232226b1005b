"""How answers lie on disk: a ledger of lines that is only ever appended to, and their patches.

    folder/ledger.jsonl     one line per annotated region, never rewritten
    folder/patches/NN.bin   the answers of cycle NN, one after the other

A line says, in this order:

    cycle image name region   what was annotated, and for which cycle
    box                       top, left, bottom, right at the working size
    mask                      null: the region is all of its box; else the sha256 of the mask's bits
    original                  null; or box and size of the picture that was labeled, if it has
                              another size than is learned
    cost                      pixels of the region at the working size
    annotator time            who gave the labels, and when
    patch sha256              file, offset and bytes of the patch, and the checksum of its labels

A patch is compressed by zlib. It holds the labels as they were given, uint8, row by row: those of
`original`'s box if there is one, else those of `box`; 254 outside of the mask. Behind them come, if
there is a mask, its bits in `box`, row by row, as `numpy.packbits` packs them.

A patch is on disk before the line that speaks of it is written, so a line is the acknowledgement:
whatever lies behind the last whole line was never acknowledged, and `repair` cuts it off.
"""

import contextlib
import io
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from s4al_jax.files.jsonl import append, name_errors, sync_folder, truncate
from s4al_jax.labels.answer import Answer, PoolShape
from s4al_jax.labels.ledger_line import parse_line, patch_file, verify_answer, write_line
from s4al_jax.types import InputError

LEDGER = "ledger.jsonl"


class Ledger:
    """The files of one folder, and how many bytes of each are acknowledged."""

    def __init__(self, folder: Path) -> None:
        """Of `folder`, which is created where it is missing."""
        self.folder = folder
        self._sizes = {LEDGER: 0}
        with name_errors(folder):
            self._create()

    def read(self, shape: PoolShape) -> Iterator[Answer]:
        """Every acknowledged answer, verified, one at a time; changes nothing on disk."""
        files: dict[str, _PatchFile] = {}
        self._sizes = {LEDGER: 0}
        with contextlib.ExitStack() as stack:
            stack.enter_context(name_errors(self.folder / LEDGER))
            ledger = stack.enter_context((self.folder / LEDGER).open("rb"))
            for number, line in enumerate(_whole_lines(ledger), start=1):
                try:
                    entry = parse_line(line)
                    answer = verify_answer(entry, self._patch(entry, files, stack), shape)
                except (ValueError, OverflowError, RecursionError, zlib.error) as error:
                    raise self.damage(number, str(error)) from error
                self._sizes[LEDGER] += len(line) + 1
                self._sizes[patch_file(answer.cycle)] += len(answer.packed)
                yield answer

    def repair(self) -> None:
        """Cut off what a stopped write left: a torn line, patches that no line speaks of.

        To be called when all answers have been read.
        """
        with name_errors(self.folder):
            truncate(self.folder / LEDGER, self._sizes[LEDGER], keep_empty=True)
            for path in sorted((self.folder / "patches").glob("*.bin")):
                if re.fullmatch(r"[0-9]{2,}", path.stem):
                    known = self._sizes.get(f"patches/{path.name}", 0)
                    truncate(path, known, keep_empty=False)

    def append(self, answers: Sequence[Answer], shape: PoolShape) -> None:
        """Put answers on disk: all of them, or (`InputError`) none."""
        patches, lines = self._additions(answers, shape)
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
        with name_errors(self.folder / name):
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
        self, answers: Sequence[Answer], shape: PoolShape
    ) -> tuple[dict[str, bytes], bytes]:
        """What to append: bytes of each patch file, and the ledger's lines."""
        patches: dict[str, bytearray] = {}
        lines = []
        for answer in answers:
            file = patch_file(answer.cycle)
            patch = patches.setdefault(file, bytearray())
            offset = self._sizes.get(file, 0) + len(patch)
            lines.append(write_line(answer, offset, shape))
            patch += answer.packed
        return {file: bytes(patch) for file, patch in patches.items()}, b"".join(lines)

    def _check_size(self, name: str) -> None:
        path, expected = self.folder / name, self._sizes.get(name, 0)
        with name_errors(path):
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
                    truncate(self.folder / name, known, keep_empty=name == LEDGER)


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
