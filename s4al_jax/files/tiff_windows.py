"""Rows of a TIFF file, of which no more is decoded than the strips or tiles that they lie in.

This needs the extra `[tiff]`. A file whose kind is not read here is decoded whole by Pillow
instead, see `files.images`: it is no TIFF, has several pictures, is turned by its orientation, or
has other channels than one (gray) or three (RGB) of 8 or 16 bits.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from s4al_jax.files.images import ImageFile, too_large, unreadable
from s4al_jax.types import InputError

_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_UNCOMPRESSED, _LZW, _DEFLATE = 1, 5, (8, 32946)
_PACKED = (_LZW, *_DEFLATE, 32773, 50000)
"""LZW, Deflate by both of its numbers, PackBits, Zstandard"""
_BLACK_IS_ZERO, _RGB = 1, 2
_TOGETHER = 1
"""`PlanarConfiguration`: the channels of a pixel follow one another"""
_ORIENTATION = 274


class Rows(NamedTuple):
    """A picture that is read some rows at a time."""

    size: tuple[int, int]
    """height and width"""
    read: Callable[[int, int], np.ndarray]
    """(first row, first row outside) -> uint8 `[rows, width, 3]`, as `read_rgb` would give it"""


@contextmanager
def open_windows(file: ImageFile) -> Iterator[Rows | None]:
    """The rows of a TIFF file, while it is open; None where it is of a kind not read here.

    What is decoded is a row of tiles or the strips in which the rows lie, and the last of them are
    kept for the next rows. A file that is one compressed strip is therefore decoded whole.
    """
    with file.open() as stream:
        head = stream.read(4)
        stream.seek(0)
        if head not in _HEADS or find_spec("tifffile") is None:
            yield None
            return
        import tifffile

        with _errors(file):
            tiff = tifffile.TiffFile(stream)
            page: Any = tiff.pages[0] if len(tiff.pages) == 1 else None
        if page is None or not _is_read(page):
            yield None
            return
        if page.imagelength * page.imagewidth > file.max_pixels:
            raise too_large(file)
        yield Rows((page.imagelength, page.imagewidth), _Segments(file, tiff, page).read)


@contextmanager
def _errors(file: ImageFile) -> Iterator[None]:
    """Say of a damaged file that it is."""
    try:
        yield
    except InputError:
        raise
    # Decoders of packed data raise errors of their own kinds.
    except Exception as error:
        raise unreadable(file, error) from error


def _is_read(page: Any) -> bool:
    packed = page.compression in _PACKED and find_spec("imagecodecs") is not None
    orientation = page.tags.get(_ORIENTATION)
    return (
        (page.compression == _UNCOMPRESSED or packed)
        and (page.samplesperpixel, page.photometric) in ((1, _BLACK_IS_ZERO), (3, _RGB))
        and page.dtype in (np.uint8, np.uint16)
        and page.bitspersample in (8, 16)
        and page.imagedepth == 1
        and page.fillorder == 1
        and (orientation is None or orientation.value == 1)
    )


class _Segments:
    """The strips or tiles of a page; those of the last rows are kept."""

    def __init__(self, file: ImageFile, tiff: Any, page: Any) -> None:
        self._file, self._tiff, self._page = file, tiff, page
        self._kept: dict[int, np.ndarray | None] = {}
        is_plain = page.compression == _UNCOMPRESSED and page.predictor == 1
        together = page.planarconfig == _TOGETHER or page.samplesperpixel == 1
        self._is_direct = is_plain and together and not page.is_tiled

    def read(self, top: int, bottom: int) -> np.ndarray:
        """uint8 `[bottom - top, width, 3]`."""
        page = self._page
        shape = (bottom - top, page.imagewidth, page.samplesperpixel)
        with _errors(self._file):
            rows = np.zeros(shape, page.dtype)
            read = self._copy_rows if self._is_direct else self._copy_segments
            read(rows, top)
        if rows.dtype == np.uint16:
            rows = (rows >> 8).astype(np.uint8)
        return np.repeat(rows, 3, axis=2) if shape[2] == 1 else rows

    def _copy_rows(self, rows: np.ndarray, top: int) -> None:
        """Fill in rows that lie in the file as they are: of a strip, only those are read."""
        page, stream = self._page, self._tiff.filehandle
        length = rows[0].nbytes
        at = 0
        while at < len(rows):
            strip, first = divmod(top + at, page.rowsperstrip)
            count = min(page.rowsperstrip - first, len(rows) - at)
            stream.seek(page.dataoffsets[strip] + first * length)
            content = stream.read(count * length)
            values = np.frombuffer(content, page.dtype.newbyteorder(self._tiff.byteorder))
            rows[at : at + count] = values.reshape(count, *rows.shape[1:])
            at += count

    def _copy_segments(self, rows: np.ndarray, top: int) -> None:
        """Fill in what strips or tiles have of the rows."""
        page = self._page
        length = page.tilelength if page.is_tiled else page.rowsperstrip
        across = -(-page.imagewidth // page.tilewidth) if page.is_tiled else 1
        down = -(-page.imagelength // length)
        planes = len(page.dataoffsets) // (down * across)
        wanted = [
            (plane * down + row) * across + col
            for plane in range(planes)
            for row in range(top // length, -(-(top + len(rows)) // length))
            for col in range(across)
        ]
        self._kept = {index: self._kept[index] for index in wanted if index in self._kept}
        for index in wanted:
            if index not in self._kept:
                self._kept[index] = self._decode(index)
            plane, place = divmod(index, down * across)
            row, col = divmod(place, across)
            _paste(rows, self._kept[index], row * length - top, col * page.tilewidth, plane)

    def _decode(self, index: int) -> np.ndarray | None:
        """`[rows, columns, channels]` of a strip or tile; None where it was left out: zeros."""
        page = self._page
        stream, count = self._tiff.filehandle, page.databytecounts[index]
        if count == 0:
            return None
        stream.seek(page.dataoffsets[index])
        segment, _, _ = page.decode(stream.read(count), index)
        return None if segment is None else np.asarray(segment)[0]


def _paste(rows: np.ndarray, segment: np.ndarray | None, down: int, right: int, plane: int) -> None:
    """Copy what of a segment lies in the rows; its corner is at (down, right), which may be < 0."""
    if segment is None:
        return
    first, end = max(0, -down), min(len(segment), len(rows) - down)
    part = segment[first:end, : rows.shape[1] - right]
    place = rows[down + first : down + end, right : right + part.shape[1]]
    place[..., plane : plane + part.shape[2]] = part
