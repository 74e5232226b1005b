"""A request to stop, by SIGTERM (the machine is wanted back) or by SIGINT (Ctrl-C at a terminal).

Whoever trains asks between two steps whether to stop, saves, and raises `Stopped`. Where nobody
asks, there is nothing to save that is not on disk already, and the process leaves at once: a run
survives a kill at any moment. A thread watches, because Python hears a signal only when what runs
in C, such as a compilation that takes minutes, returns.
"""

import contextlib
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

from s4al_jax.runtime import processes

PATIENCE_SECONDS = 20
"""How long the step that runs and the saving may take; clusters kill after 30 s."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(processes.CollectiveExit):
    """The run was asked to stop and has saved what it had; the message says so."""

    def __init__(self, saved: str) -> None:
        super().__init__(f"Stopped by {_watch.name}{saved}; the same command goes on.")
        self.code = 128 + _watch.heard
        """as a shell says of a process that a signal ended"""


class _Watch:
    """What this process has heard."""

    def __init__(self) -> None:
        self.signal = 0
        self.polled = False
        """somebody asks now and then, and will stop"""

    @property
    def heard(self) -> int:
        """The signal that this process or another one of the run has heard."""
        return self.signal or processes.preemption_signal()

    @property
    def name(self) -> str:
        return signal.Signals(self.heard).name if self.heard else "nobody"


_watch = _Watch()
_before_exit: list[Callable[[], None]] = []


def stop_requested() -> bool:
    """Whether to stop; who asks has something to save, and asks until `stop_after_saving`.

    Of several processes only some may have heard the signal: they stop after the same step.
    """
    _watch.polled = True
    return _heard_by_all()


def stop_after_saving() -> bool:
    """Whether to stop, where all is saved: who hears a signal from now on leaves at once."""
    _watch.polled = False
    return _heard_by_all()


def _heard_by_all() -> bool:
    return processes.preemption_due() if processes.is_distributed() else bool(_watch.signal)


@contextlib.contextmanager
def handle_signals() -> Iterator[None]:
    """Hear signals while inside, in the main thread; a second one ends the process at once."""
    ear, mouth = socket.socketpair()
    mouth.setblocking(False)
    before = {each: signal.signal(each, _note) for each in SIGNALS}
    earlier = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=_listen, args=(ear,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(earlier)
        for each, handler in before.items():
            signal.signal(each, handler)
        mouth.close()
        thread.join()
        ear.close()
        _watch.signal = 0


def before_exit(restore: Callable[[], None]) -> None:
    """Have `restore` called when the process ends at once, without unwinding its stack."""
    _before_exit.append(restore)


def _note(number: int, frame: object) -> None:
    """Nothing: the thread hears of it. A handler is only there so that the signal ends nothing."""


def _listen(ear: socket.socket) -> None:
    deadline = None
    while True:
        wait = None if deadline is None else max(deadline - time.monotonic(), 0)
        if not select.select([ear], [], [], wait)[0]:
            _leave("; it took too long to save, so the same command goes on from what was saved")
        heard = ear.recv(1)
        if not heard:
            return
        if heard[0] not in SIGNALS:
            continue
        if _watch.signal:
            _leave(" again; the same command goes on from what was saved")
        _watch.signal = heard[0]
        if not _watch.polled:
            _leave("; the same command goes on from what was saved")
        deadline = time.monotonic() + PATIENCE_SECONDS
        processes.announce_preemption(_watch.signal)


def _leave(how: str) -> None:
    """End without asking the rest of the process, which may be busy for minutes."""
    processes.clear_exit_message()
    for restore in _before_exit:
        restore()
    print(f"\nStopped by {_watch.name}{how}.", file=sys.stderr, flush=True)
    os._exit(128 + _watch.signal)
