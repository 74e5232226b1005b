"""Stamps: a few bytes that are others when what something is made from has changed."""

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from s4al_jax.files.paths import is_local

Stamp = Callable[[], bytes | None]
"""-> what something was made from, as it is now; None: nobody can tell"""


def no_stamp() -> None:
    """Of what nobody can tell."""


def stamp(*parts: object) -> bytes:
    """16 bytes for what was given: texts, numbers, bytes, arrays, and any nesting of them."""
    whole = hashlib.blake2b(digest_size=16)
    for part in parts:
        written = _bytes(part)
        whole.update(b"%d:" % len(written) + written)
    return whole.digest()


SETTLED = 2.0
"""Seconds after which another change of a file is sure to give it another time."""


def file_stamp(path: Path) -> bytes | None:
    """Of a file by its path, size and time of change.

    None for a file in a bucket, one that is gone, and one that has changed this very moment: it
    could change once more within what its file system counts as the same time.
    """
    if not is_local(path):
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    if found.st_mtime > time.time() - SETTLED:
        return None
    return stamp(os.fspath(path.absolute()), found.st_size, found.st_mtime_ns)


def joint_stamp(*stamps: bytes | None) -> bytes | None:
    """Of what is made from several things; None if nobody can tell of one of them."""
    return None if None in stamps else stamp(*stamps)


def _bytes(part: object) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, np.ndarray):
        return stamp(part.dtype.str, list(part.shape), np.ascontiguousarray(part).tobytes())
    if isinstance(part, Mapping):
        return stamp(*((key, part[key]) for key in part))
    if isinstance(part, (list, tuple)):
        return stamp(type(part).__name__, *part)
    if isinstance(part, (str, int, float, bool)) or part is None:
        return f"{type(part).__name__} {part}".encode()
    raise TypeError(f"{type(part).__name__} has no stamp")
