"""Arrays of one shape that are kept on disk by key, and mapped into memory instead of being read.

    NAME.rows     the arrays, one after the other, uint8
    NAME.index    a record for each: its key, its checksum, two numbers to be kept with it

Both files only grow. A record is written after its row, under a lock, so that several processes
can fill a store together; the memory of what they map is the system's, and shared. Whatever goes
wrong, be it a full disk or a damaged file, costs time alone: a row that is not there is made anew.
"""

import contextlib
import fcntl
import os
import threading
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

RECORD = np.dtype(
    [("key", "V16"), ("row", "<u4"), ("sum", "<u4"), ("numbers", "<i4", 2), ("own_sum", "<u4")]
)
GROWTH = 256
"""Rows by which the file of rows is made longer; what is not written yet takes no space on disk."""


class Row(NamedTuple):
    """An array that is kept."""

    array: np.ndarray
    """uint8 of the store's shape, mapped: it cannot be written to"""
    numbers: tuple[int, int]
    """what was to be kept with it"""


class RowStore:
    """The rows of one store; safe to use from several threads and processes."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        """Open a store, or begin one.

        Args:
          path: of its files, without their endings; the folder is made.
          shape: of every array.
        """
        self._rows_path, self._index_path = path.with_suffix(".rows"), path.with_suffix(".index")
        self._shape, self._bytes = shape, int(np.prod(shape))
        self._lock = threading.Lock()
        self._records: dict[bytes, np.void] = {}
        self._checked: set[bytes] = set()
        self._seen = 0
        self._mapped: np.ndarray | None = None
        self.failure: OSError | None = None
        """what keeps rows from being added, once it has"""
        self._try_to_read_index()

    def __len__(self) -> int:
        return len(self._records)

    def find(self, key: bytes) -> Row | None:
        """The row of a key of 16 bytes; None if there is none, or if it is damaged."""
        with self._lock:
            record = self._records.get(key)
            if record is None:
                return None
            array = self._map(int(record["row"]))
            if array is not None and key not in self._checked:
                self._checked.add(key)
                array = array if zlib.crc32(array.data) == record["sum"] else None
            if array is None:
                del self._records[key]
                return None
            return Row(array, _numbers(record))

    def numbers(self, key: bytes) -> tuple[int, int] | None:
        """What is kept with a row, which is not looked at."""
        record = self._records.get(key)
        return None if record is None else _numbers(record)

    def sum(self, key: bytes) -> int | None:
        """The checksum with which a row was added."""
        record = self._records.get(key)
        return None if record is None else int(record["sum"])

    def add(
        self,
        key: bytes,
        array: np.ndarray,
        numbers: tuple[int, int] = (0, 0),
        *,
        replace: bool = False,
    ) -> None:
        """Keep an array, unless the key has one already and it is not to be replaced.

        What is replaced stays on disk, for who has mapped it. If the disk does not let it, nothing
        is kept from now on, see `failure`.
        """
        if array.dtype != np.uint8 or array.shape != self._shape:
            raise ValueError(f"{array.dtype} {array.shape} is no uint8 {self._shape}")
        if self.failure is not None:
            return
        with self._lock:
            try:
                self._append(key, np.ascontiguousarray(array), numbers, replace)
            except OSError as error:
                self.failure = error

    def _append(
        self, key: bytes, array: np.ndarray, numbers: tuple[int, int], replace: bool
    ) -> None:
        with self._index_path.open("ab") as index:
            fcntl.flock(index, fcntl.LOCK_EX)
            self._read_index()
            if key in self._records and not replace:  # another process was first
                return
            # What a process left that died while it wrote is cut off.
            whole = self._seen * RECORD.itemsize
            if os.fstat(index.fileno()).st_size != whole:
                index.truncate(whole)
            records = np.zeros(1, RECORD)
            records["key"], records["row"] = np.void(key), self._seen
            records["sum"], records["numbers"] = zlib.crc32(array.data), numbers
            records["own_sum"] = _own_sum(records[0])
            self._write_row(self._seen, array)
            index.write(records.tobytes())
            index.flush()
            self._records[key] = records[0]
            self._checked.discard(key)
            self._seen += 1

    def _write_row(self, number: int, array: np.ndarray) -> None:
        file = os.open(self._rows_path, os.O_RDWR | os.O_CREAT, 0o666)
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, file)
            if os.fstat(file).st_size < (number + 1) * self._bytes:
                os.ftruncate(file, (number // GROWTH + 1) * GROWTH * self._bytes)
            content, start = memoryview(array.data).cast("B"), number * self._bytes
            while content:
                written = os.pwrite(file, content, start)
                content, start = content[written:], start + written

    def _map(self, number: int) -> np.ndarray | None:
        if self._mapped is None or number >= len(self._mapped):
            try:
                count = self._rows_path.stat().st_size // self._bytes
                if number >= count:
                    return None
                shape = (count, *self._shape)
                self._mapped = np.memmap(self._rows_path, np.uint8, "r", shape=shape)
            except OSError:
                return None
        # A plain array, whose slices and copies know nothing of files.
        return np.asarray(self._mapped[number])

    def _try_to_read_index(self) -> None:
        try:
            self._index_path.parent.mkdir(parents=True, exist_ok=True)
            self._read_index()
        except OSError as error:
            self.failure = error

    def _read_index(self) -> None:
        """Take up the records that this process has not seen; damaged ones are passed over."""
        if not self._index_path.exists():
            return
        with self._index_path.open("rb") as file:
            file.seek(self._seen * RECORD.itemsize)
            content = file.read()
        whole = len(content) // RECORD.itemsize
        for record in np.frombuffer(content, RECORD, count=whole):
            self._seen += 1
            if _own_sum(record) == record["own_sum"]:
                self._records[bytes(record["key"])] = record
                self._checked.discard(bytes(record["key"]))


def _numbers(record: np.void) -> tuple[int, int]:
    first, second = record["numbers"].tolist()
    return first, second


def _own_sum(record: np.void) -> int:
    return zlib.crc32(record.tobytes()[: -RECORD["own_sum"].itemsize])
