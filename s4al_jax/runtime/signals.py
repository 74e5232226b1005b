"""Stopping on SIGTERM (the machine is wanted back) and on SIGINT (Ctrl-C at a terminal).

A training asks between two steps whether to stop, saves, and raises `Stopped`. Where nothing asks,
everything worth saving is on disk already, and the process leaves at once: a run survives a kill at
any moment. A thread receives the signals, because Python runs its handlers only when the main
thread returns from C++, which a compilation may take minutes to do.
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
"""How long the current step and the saving may take; clusters kill after 30 s."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)

_CALLBACK_SECONDS = 2


class Stopped(processes.CollectiveExit):
    """The run was asked to stop and has saved its state; the message says so.

    Args:
        saved: what was saved, as a clause of that message.
    """

    def __init__(self, saved: str) -> None:
        super().__init__(f"Stopped by {_received.name}{saved}; the same command goes on.")
        self.code = 128 + _received.anywhere
        """The exit code by which a shell reports that signal."""


class _Received:
    """The signal that this process has received."""

    def __init__(self) -> None:
        self.signal = 0
        self.polled = False
        """A training asks from time to time, and will stop by itself."""

    @property
    def anywhere(self) -> int:
        """The signal that this process or another one of the run has received; 0: none."""
        return self.signal or processes.preemption_signal()

    @property
    def name(self) -> str:
        return signal.Signals(self.anywhere).name if self.anywhere else "nobody"


_received = _Received()
_callbacks: list[Callable[[], object]] = []


def stop_requested() -> bool:
    """Whether to stop, asked by a caller that has something to save.

    From now on a signal no longer ends the process at once: the caller has to ask again and again,
    until `stop_after_saving`. With several processes the answer is the same in all of them.
    """
    _received.polled = True
    return _requested()


def stop_after_saving() -> bool:
    """Whether to stop, asked when everything is saved; a later signal ends the process at once."""
    _received.polled = False
    return _requested()


def _requested() -> bool:
    if processes.is_distributed():
        return processes.preemption_due()
    return bool(_received.signal)


@contextlib.contextmanager
def handle_signals() -> Iterator[None]:
    """Handle signals inside the context, in the main thread; a second one ends the process."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    # Python's C handler writes the number of each signal into the wakeup descriptor at once, while
    # handlers in Python have to wait for the main thread.
    handlers = {each: signal.signal(each, _ignore) for each in SIGNALS}
    descriptor = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=_receive, args=(reader,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(descriptor)
        for each, handler in handlers.items():
            signal.signal(each, handler)
        writer.close()
        thread.join()
        reader.close()
        _received.signal = 0


def before_exit(callback: Callable[[], object]) -> contextlib.ExitStack:
    """Have `callback` called when a signal ends the process without unwinding its stack.

    It is called in another thread and may not take long. Closing the result takes it back.
    """
    _callbacks.append(callback)
    undo = contextlib.ExitStack()
    undo.callback(_callbacks.remove, callback)
    return undo


def _ignore(number: int, frame: object) -> None:
    """Do nothing; with a handler in place the signal does not end the process."""


def _receive(reader: socket.socket) -> None:
    deadline = None
    while True:
        wait = None if deadline is None else max(deadline - time.monotonic(), 0)
        if not select.select([reader], [], [], wait)[0]:
            _exit("; it took too long to save, so the same command goes on from what was saved")
        received = reader.recv(1)
        if not received:
            return
        if received[0] not in SIGNALS:
            continue
        if _received.signal:
            _exit(" again; the same command goes on from what was saved")
        _received.signal = received[0]
        if not _received.polled:
            _exit("; the same command goes on from what was saved")
        deadline = time.monotonic() + PATIENCE_SECONDS
        processes.announce_preemption(_received.signal)


def _exit(reason: str) -> None:
    """End the process without the main thread, which may be busy for minutes."""
    processes.clear_exit_message()
    # In a thread of their own: a terminal or a disk that hangs must not keep the process alive.
    restoring = threading.Thread(target=_run_callbacks, daemon=True)
    restoring.start()
    restoring.join(_CALLBACK_SECONDS)
    print(f"\nStopped by {_received.name}{reason}.", file=sys.stderr, flush=True)
    os._exit(128 + _received.signal)


def _run_callbacks() -> None:
    for callback in list(_callbacks):
        callback()
