"""What the header of a TIFF says of its first picture, whatever its numbers are.

Pillow opens no TIFF of six bands. Its size and orientation are needed before its pixels are, and
where the package that reads these is not installed.
"""

import logging
import struct
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import BinaryIO, NamedTuple


class TiffHeader(NamedTuple):
    """The first directory of a file."""

    height: int
    width: int
    """of the numbers as they are stored"""
    samples: int
    """numbers of a pixel"""
    bits: int
    """of a number"""
    photometric: int
    """what the numbers mean: 1 gray or any band, 2 RGB"""
    orientation: int
    """as in EXIF"""


# Of a TIFF that it does not open Pillow logs an error, too; who reads it here is told in one line.
logging.getLogger("PIL.TiffImagePlugin").setLevel(logging.CRITICAL)

_TAGS = {
    "width": 256,
    "height": 257,
    "bits": 258,
    "photometric": 262,
    "orientation": 274,
    "samples": 277,
}
_DEFAULTS = {"bits": 1, "photometric": -1, "orientation": 1, "samples": 1}
"""What a file means that does not say it; only the size has to be said."""

_KINDS = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""Numbers of a directory entry: TIFF's code -> that of `struct`."""


def find_tiff_header(
    open_file: Callable[[], AbstractContextManager[BinaryIO]],
) -> TiffHeader | None:
    """The header of the TIFF that is opened; None: it is none, or cannot be read."""
    try:
        with open_file() as stream:
            return read_tiff_header(stream)
    except Exception:  # of whatever the file lies in
        return None


def read_tiff_header(stream: BinaryIO) -> TiffHeader | None:
    """The header of a TIFF or BigTIFF; None: the file is none, or its header is damaged."""
    try:
        order, place, is_big = _start(stream.read(16))
        stream.seek(place)
        found = dict(_entries(stream, order, is_big))
        values = {name: found[tag] for name, tag in _TAGS.items() if tag in found}
        return TiffHeader(**{**_DEFAULTS, **values})
    # A header that ends too soon, points out of the file, or lacks the size.
    except (struct.error, ValueError, OSError, TypeError):
        return None


def _start(head: bytes) -> tuple[str, int, bool]:
    """Byte order, place of the first directory, and whether places have 64 bits."""
    order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
    version = struct.unpack(f"{order}H", head[2:4])[0] if order else 0
    if version == 42:
        return order, struct.unpack(f"{order}I", head[4:8])[0], False
    if version == 43:
        return order, struct.unpack(f"{order}Q", head[8:16])[0], True
    raise ValueError("no TIFF")


def _entries(stream: BinaryIO, order: str, is_big: bool) -> list[tuple[int, int]]:
    """Tag and first number of the entries of a directory that are known here."""
    layout = f"{order}HHQ8s" if is_big else f"{order}HHI4s"
    (count,) = _unpack(stream, f"{order}Q" if is_big else f"{order}H")
    found = []
    for _ in range(min(count, 2**16)):
        tag, kind, length, value = _unpack(stream, layout)
        if tag not in _TAGS.values() or kind not in _KINDS or not length:
            continue
        code = f"{order}{_KINDS[kind]}"
        if struct.calcsize(code) * length > len(value):
            here = stream.tell()
            stream.seek(struct.unpack(f"{order}{'Q' if is_big else 'I'}", value)[0])
            (first,) = _unpack(stream, code)
            stream.seek(here)
        else:
            (first,) = struct.unpack_from(code, value)
        found.append((tag, first))
    return found


def _unpack(stream: BinaryIO, layout: str) -> tuple:
    return struct.unpack(layout, stream.read(struct.calcsize(layout)))
