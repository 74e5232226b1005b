"""Files that are only appended to: what was appended is on the disk when the call returns."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from s4al_jax.types import InputError


def append(path: Path, added: bytes) -> None:
    """Append, and return when the disk has it."""
    with name_errors(path):
        new = not path.exists()
        with path.open("ab") as file:
            file.write(added)
            file.flush()
            os.fsync(file.fileno())
        if new:
            sync_folder(path.parent)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The objects in a file of JSON lines; an unfinished last line is left out."""
    if not path.exists():
        return []
    with name_errors(path):
        lines = path.read_bytes().splitlines(keepends=True)
    return [_row(path, n, line) for n, line in enumerate(lines, 1) if line.endswith(b"\n")]


def _row(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
        if not isinstance(row, dict):
            raise ValueError("it is no object")
        return row
    except (ValueError, RecursionError) as error:
        raise damaged_row(path, number, repr(error)) from error


def damaged_row(path: Path, number: int, reason: str) -> InputError:
    """An error that names a damaged row; lines count from 1."""
    return InputError(f"{path}, line {number} is damaged ({reason}): bring back an undamaged copy")


def truncate(path: Path, size: int, *, keep_empty: bool) -> None:
    """Shorten a file to its first `size` bytes; remove it if it gets empty, unless kept."""
    if size == 0 and not keep_empty:
        path.unlink()
        sync_folder(path.parent)
    elif path.stat().st_size != size:
        with path.open("r+b") as file:
            file.truncate(size)
            os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the disk has a folder's entries, such as the name of a new file."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def name_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` into an `InputError` of one line that names the file."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{error.filename or path} cannot be read or written ({error.strerror or error}): "
            "free the disk or correct the permissions, then start again"
        ) from error
