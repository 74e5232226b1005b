"""Arrays that were read last are not read again, by however many threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from s4al_jax.data.last_read import LastRead
from s4al_jax.types import InputError


def test_the_last_two_are_kept() -> None:
    kept, read = LastRead(2), []

    def get(key: str) -> np.ndarray:
        def now() -> np.ndarray:
            read.append(key)
            return np.full(1, ord(key))

        return kept.read(key, now)

    for key in "aabaacab":
        assert get(key)[0] == ord(key)
    # c takes the place of b, which was used before a; then b that of c.
    assert read == ["a", "b", "c", "b"]


def test_threads_that_want_the_same_wait_for_one() -> None:
    kept, begun, go = LastRead(), [], threading.Event()

    def read() -> np.ndarray:
        begun.append(1)
        assert go.wait(30)
        return np.ones(1)

    with ThreadPoolExecutor(4) as threads:
        found = [threads.submit(kept.read, "a", read) for _ in range(4)]
        assert kept.read("b", lambda: np.zeros(1))[0] == 0  # does not wait for a
        go.set()
        arrays = [one.result() for one in found]
    assert len(begun) == 1 and all(array is arrays[0] for array in arrays)


def test_what_fails_is_tried_again() -> None:
    kept = LastRead()

    def fail() -> np.ndarray:
        raise InputError("broken")

    for _ in range(2):
        with pytest.raises(InputError, match="broken"):
            kept.read("a", fail)
    assert kept.read("a", lambda: np.ones(1))[0] == 1
