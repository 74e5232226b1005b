"""One of several processes is asked to stop, and all stop after the same step.

All processes ask after the same steps whether to stop, and count how often they have asked. The one
that receives a signal writes it into the store that they share. A thread of every process sees it
there, holds up the next answer, exchanges the counts with all others, and lets the answers go on:
no up to the largest of the counts, and yes after that. So every process stops at the first question
that none of them has had an answer to.

JAX's preemption service (`multihost_utils.reached_preemption_sync_point`) works in the same way,
but only for SIGTERM, which its C++ handler then takes for itself: a process could not leave at once
where it has nothing to save, as in a compilation of minutes. It also knows no Ctrl-C, no second
signal, and no way to be told of one from Python.
"""

import threading
from collections.abc import Callable
from typing import Any

import jax

_KEY = "s4al/preemption"
_POLL_SECONDS = 0.5


class Preemption:
    """The state of one process.

    Args:
        store: the key-value store of `jax.distributed`.
        wait_for: returns the value of a key in the store once there is one.
        process: the number of this process, of `count`.
    """

    def __init__(
        self, store: Any, wait_for: Callable[[str], str], *, process: int, count: int
    ) -> None:
        self._store, self._wait_for = store, wait_for
        self._process, self._count = process, count
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._asked = 0
        self._last_no: int | None = None
        """The number of the last question that is answered with no, once it is known."""
        self.signal = 0
        """The signal that some process has announced; 0: none."""
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def announce(self, signal: int) -> None:
        """Let all processes know of a signal."""
        self._store.key_value_set(_KEY, str(signal), allow_overwrite=True)

    def due(self) -> bool:
        """Whether to stop now; all processes have to ask equally often."""
        with self._lock:
            self._asked += 1
            return self._last_no is not None and self._asked > self._last_no

    def close(self) -> None:
        """Stop watching the store."""
        self._closing.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._closing.wait(_POLL_SECONDS):
            try:
                signal = self._store.key_value_try_get(_KEY)
            except jax.errors.JaxRuntimeError as error:
                if "NOT_FOUND" in str(error):
                    continue
                return  # the store is gone, and the run with it
            # `due` does not answer while the lock is held: no process gets past the count that it
            # has published before it knows the largest one.
            with self._lock:
                self._store.key_value_set(f"{_KEY}/{self._process}", str(self._asked))
                counts = [self._wait_for(f"{_KEY}/{other}") for other in range(self._count)]
                self._last_no, self.signal = max(map(int, counts)), int(signal)
            return
