"""Processes that ask equally often stop at the same question, whichever got the signal."""

import signal
import threading
import time

import jax
import numpy as np
import pytest

from s4al_jax.runtime.preemption import Preemption


class Store:
    """The store that processes share, within one process."""

    def __init__(self) -> None:
        self._content: dict[str, str] = {}
        self._changed = threading.Condition()

    def key_value_set(self, key: str, value: str, allow_overwrite: bool = False) -> None:
        with self._changed:
            assert allow_overwrite or key not in self._content
            self._content[key] = value
            self._changed.notify_all()

    def key_value_try_get(self, key: str) -> str:
        if key not in self._content:
            raise jax.errors.JaxRuntimeError(f"NOT_FOUND: {key}")
        return self._content[key]

    def wait_for(self, key: str) -> str:
        with self._changed:
            self._changed.wait_for(lambda: key in self._content)
            return self._content[key]


@pytest.mark.parametrize("seed", range(3))
def test_all_stop_at_the_same_question_and_only_after_a_signal(seed: int) -> None:
    """Each asks at its own pace, ahead of the others by as much as a device's queue is long."""
    store, count = Store(), 3
    everyone = [
        Preemption(store, store.wait_for, process=process, count=count) for process in range(count)
    ]
    left: list[int] = []

    def run(process: int) -> None:
        lots = np.random.default_rng([seed, process])
        for question in range(10_000):
            if question == 20 and process == 1:
                everyone[process].announce(signal.SIGTERM)
            if everyone[process].due():
                left.append(question)
                return
            time.sleep(lots.uniform(0, 0.01))

    threads = [threading.Thread(target=run, args=(process,)) for process in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(left) == count and len(set(left)) == 1 and left[0] >= 20
    assert {one.signal for one in everyone} == {signal.SIGTERM}
    for one in everyone:
        one.close()


def test_none_stops_without_a_signal() -> None:
    store = Store()
    alone = Preemption(store, store.wait_for, process=0, count=1)
    assert not any(alone.due() for _ in range(100))
    alone.close()
    assert alone.signal == 0
