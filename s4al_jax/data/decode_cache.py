"""Decoded pictures that are kept: the first look at a dataset decodes it, every later one maps it.

Below `~/.cache/s4al_jax/images`, or the folder that the environment's S4AL_IMAGE_CACHE names, each
dataset has a folder of its own, in it a store for each working size (see `files.row_store`). A row
is found by the stamp of what it was made from: path, size and time of the files, and whatever says
how they are read. So a file that has changed is decoded anew, and nothing needs to be cleared;
removing the folder costs nothing but time. An empty S4AL_IMAGE_CACHE keeps nothing.

The same size and time do not prove that a file is the same: inside of `decode_anew` everything is
decoded, and compared by checksum with what was kept.
"""

import contextlib
import logging
import os
import re
import zlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path

import numpy as np
import PIL

from s4al_jax.files.paths import user_cache
from s4al_jax.files.row_store import RowStore
from s4al_jax.files.stamps import stamp

VERSION = 1
"""To be raised when the same files are decoded to other numbers than before."""

FOLDER = "S4AL_IMAGE_CACHE"

Decode = Callable[[], tuple[np.ndarray, tuple[int, int]]]
"""-> the array, and the height and width of what it was made from"""

_noted: list[Path | None] = []
"""Folders that could not be written to, once that was said: it is said once."""

_changed: ContextVar[list[str] | None] = ContextVar("_changed", default=None)


def cache_folder() -> Path | None:
    """Where decoded pictures are kept; None: nowhere."""
    named = os.environ.get(FOLDER)
    if named is None:
        return user_cache() / "images"
    return Path(named).expanduser() if named else None


@contextlib.contextmanager
def decode_anew() -> Iterator[list[str]]:
    """Decode everything that is read inside, and mend what is kept.

    Gives a list, to which the name of each picture is added that is not what was kept of it.
    """
    names: list[str] = []
    token = _changed.set(names)
    try:
        yield names
    finally:
        _changed.reset(token)


class DecodeCache:
    """Arrays of one shape that were made from files, kept by what they were made from."""

    def __init__(self, place: str, kind: str, shape: tuple[int, ...]) -> None:
        """Open what is kept of a dataset.

        Args:
          place: where the dataset lies, which names its folder in the cache.
          kind: what the arrays are, which names the store: "images-96x128-pad".
          shape: of each array, uint8.
        """
        folder = cache_folder()
        self._store, self._folder = None, folder
        if folder is not None:
            whole = str(Path(place).absolute())
            name = re.sub(r"\W+", "_", Path(whole).name)[:40]
            path = folder / f"{name}-{stamp(whole).hex()[:12]}" / kind
            self._store = RowStore(path, shape)

    def read(self, name: str, made_from: bytes | None, decode: Decode) -> np.ndarray:
        """An array, decoded if it is not kept.

        Args:
          name: of the picture.
          made_from: its stamp; None: it cannot be told, and the array is not kept.
          decode: makes the array.
        """
        if self._store is None or made_from is None:
            return decode()[0]
        key, changed = _key(made_from), _changed.get()
        if changed is None:
            if (row := self._store.find(key)) is not None:
                return row.array
            array, size = decode()
            self._keep(key, array, size)
            return array
        array, size = decode()
        kept = self._store.sum(key)
        is_same = kept == zlib.crc32(np.ascontiguousarray(array).data)
        if kept is not None and not is_same and name not in changed:
            changed.append(name)
        if not is_same:
            self._keep(key, array, size, replace=True)
        return array

    def _keep(
        self, key: bytes, array: np.ndarray, size: tuple[int, int], *, replace: bool = False
    ) -> None:
        assert self._store is not None
        self._store.add(key, array, size, replace=replace)
        if self._store.failure is not None and not _noted:
            _noted.append(self._folder)
            logging.getLogger(__name__).warning(
                "decoded pictures cannot be kept in %s (%s): make room, or name another folder "
                "with %s; without one every start decodes them again",
                *(self._folder, self._store.failure.strerror, FOLDER),
            )

    def size(self, made_from: bytes | None) -> tuple[int, int] | None:
        """Height and width of what a kept array was made from; None if none is kept."""
        if self._store is None or made_from is None:
            return None
        return self._store.numbers(_key(made_from))


def _key(made_from: bytes) -> bytes:
    # Another Pillow may decode the same JPEG to slightly other numbers.
    return stamp(VERSION, PIL.__version__, made_from)
