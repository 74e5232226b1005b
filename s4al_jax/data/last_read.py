"""The arrays that were read last, so that neighboring tiles do not decode a picture each."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np


class _Entry:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.array: np.ndarray | None = None


class LastRead:
    """A few arrays by key; threads that ask for the same one wait for it, others do not."""

    def __init__(self, most: int = 2) -> None:
        """`most`: arrays that are kept. Two, as a thread may be a picture ahead of another."""
        self._most, self._lock = most, threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    def read(self, key: Hashable, read: Callable[[], np.ndarray]) -> np.ndarray:
        """The array of a key, read if it is none of the last; what cannot be read is not kept."""
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)
        with entry.lock:
            if entry.array is None:
                entry.array = read()
            return entry.array
