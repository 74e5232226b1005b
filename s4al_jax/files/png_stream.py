"""PNG files written row by row, for pictures that are not kept in memory."""

import struct
import zlib
from typing import BinaryIO

import numpy as np

_NONE, _UP = 0, 2
"""Filters of PNG: a row as it is, and its difference to the row above, which packs smaller."""
_GRAY, _RGB, _PALETTE = 0, 2, 3
_LEVEL = 4
"""of zlib: half the time of its default, and a few percent more bytes"""


class PngStream:
    """A PNG of 8 bits a channel, into which rows are written from top to bottom."""

    def __init__(
        self,
        stream: BinaryIO,
        height: int,
        width: int,
        *,
        palette: np.ndarray | None = None,
        color: bool = False,
    ) -> None:
        """Write the head.

        Args:
          stream: where the file goes.
          height: of the picture.
          width: of the picture.
          palette: uint8 `[up to 256, 3]`, what the numbers of one channel are shown as; None: they
            are gray values.
          color: whether there are three channels, RGB.
        """
        self._stream, self._left = stream, height
        self._pack = zlib.compressobj(_LEVEL)
        kind = _RGB if color else _GRAY if palette is None else _PALETTE
        # Class ids are no amounts: differences of them would be as many different numbers.
        self._filter = _NONE if kind == _PALETTE else _UP
        self._above = np.zeros((width, 3) if color else width, np.uint8)
        stream.write(b"\x89PNG\r\n\x1a\n")
        self._chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
        if palette is not None:
            self._chunk(b"PLTE", palette.tobytes())

    def write(self, rows: np.ndarray) -> None:
        """Write uint8 `[any, width]` or `[any, width, 3]`; after the last row the file's end."""
        assert rows.dtype == np.uint8 and rows.shape[1:] == self._above.shape, rows.shape
        assert 0 < len(rows) <= self._left, "more rows than the picture has"
        values = rows
        if self._filter == _UP:
            values = rows - np.concatenate([self._above[None], rows[:-1]])
        lines = np.empty((len(rows), 1 + self._above.size), np.uint8)
        lines[:, 0], lines[:, 1:] = self._filter, values.reshape(len(rows), -1)
        self._above = rows[-1].copy()
        self._left -= len(rows)
        self._data(self._pack.compress(lines.data))
        if self._left == 0:
            self._data(self._pack.flush())
            self._chunk(b"IEND", b"")

    def _data(self, packed: bytes) -> None:
        if packed:
            self._chunk(b"IDAT", packed)

    def _chunk(self, kind: bytes, content: bytes) -> None:
        self._stream.write(struct.pack(">I", len(content)) + kind + content)
        self._stream.write(struct.pack(">I", zlib.crc32(content, zlib.crc32(kind))))
