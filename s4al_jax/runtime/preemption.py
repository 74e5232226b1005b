"""Leaving together: one of several processes is asked to stop, and all stop after the same step.

All processes are asked after the same steps whether to stop, and each counts the questions. One
that hears a signal says so in the store that they share. A thread of every process then holds up
the next question, tells how many there have been, and hears the same of all others: the first
question after the largest of these numbers is answered with yes, everywhere.
"""

import threading
from collections.abc import Callable
from typing import Any

import jax

_KEY = "s4al/leaving"
_LOOK_SECONDS = 0.5


class Preemption:
    """What one process knows of it; `heard` waits for a text in the store."""

    def __init__(self, store: Any, heard: Callable[[str], str], process: int, count: int) -> None:
        self._store, self._heard = store, heard
        self._process, self._count = process, count
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._questions = 0
        self._last: int | None = None
        """the last question that is answered with no"""
        self.signal = 0
        """that some process has heard"""
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def announce(self, signal: int) -> None:
        """Let all processes know of a signal."""
        self._store.key_value_set(_KEY, str(signal), allow_overwrite=True)

    def due(self) -> bool:
        """Whether to stop now; the processes have to ask equally often."""
        with self._lock:
            self._questions += 1
            return self._last is not None and self._questions > self._last

    def close(self) -> None:
        """Listen no more."""
        self._closing.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            try:
                signal = self._store.key_value_try_get(_KEY)
            except jax.errors.JaxRuntimeError as error:
                if "NOT_FOUND" in str(error):
                    continue
                return  # the store is gone, and with it the run
            with self._lock:
                self._store.key_value_set(f"{_KEY}/{self._process}", str(self._questions))
                told = [self._heard(f"{_KEY}/{process}") for process in range(self._count)]
                self._last, self.signal = max(map(int, told)), int(signal)
            return
