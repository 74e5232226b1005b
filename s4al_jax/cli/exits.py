"""How a command ends: its exit code, what is said of an error, and what a signal does.

0: done, or waiting for a person, which a line says. 1: something that was given does not fit (a
file, an option's value, a run). 2: the command line was not understood. 130 and 143: stopped by
Ctrl-C or SIGTERM.
"""

import contextlib
import functools
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType

CODES = "exit codes: 0 done or waiting for a person, 1 input, 2 usage, 130/143 stopped"


def exit_code(
    command: Callable[[], int | None], *, stopped: str = "Stopped; the same command goes on."
) -> int:
    """Do what a command does and return its exit code, with an error of the user's in one line."""
    try:
        return command() or 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    except KeyboardInterrupt as stop:
        print(f"\n{stopped}", file=sys.stderr)
        return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)
    except ValueError as error:
        # Imported here because numpy comes with it, which no --help needs.
        from s4al_jax.types import InputError

        if not isinstance(error, InputError):
            raise
        print(f"error: {error}", file=sys.stderr)
        return 1


class Terminated(KeyboardInterrupt):
    """SIGTERM where it is heard as Ctrl-C is."""


@contextlib.contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """Have SIGTERM unwind the stack, for a command whose own processes have to be stopped first."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Answer signals at once while JAX computes, also in C++; a run saves what it has first."""
    from s4al_jax.runtime import signals

    _prepare_process()
    try:
        with signals.handle_signals():
            yield
    except signals.Stopped as stopped:
        print(f"\n{stopped}", file=sys.stderr)
        raise SystemExit(stopped.code) from stopped


@functools.cache
def _prepare_process() -> None:
    from absl import logging

    from s4al_jax.console.live import leave_terminals
    from s4al_jax.runtime import allocator, signals

    logging.set_verbosity(logging.WARNING)  # the libraries' own news is not the user's
    allocator.keep_freed_memory()
    signals.before_exit(leave_terminals)
