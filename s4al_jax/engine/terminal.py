"""What is said to the person who waits: how far it is, how fast it goes, how long it takes."""

import io
import sys
import time
from collections.abc import Callable
from typing import TextIO

from s4al_jax.engine import hosts


class Terminal:
    """Where lines are said; on a real terminal the one on progress is overwritten by the next."""

    def __init__(self, out: TextIO | None = None) -> None:
        """`out` is standard output where none is given; of several processes the first speaks."""
        self._out = out or (sys.stdout if hosts.primary() else io.StringIO())
        self._panel = self._out.isatty()

    def say(self, text: str) -> None:
        """One plain line for the person who waits."""
        print(("\r\033[K" if self._panel else "") + text, file=self._out, flush=True)

    def progress(self, text: str) -> None:
        """A line that the next one overwrites on a terminal; a plain line elsewhere."""
        if self._panel:
            print(f"\r\033[K{text}", end="", file=self._out, flush=True)
        else:
            self.say(text)

    def countdown(self, what: str, every: float = 10.0) -> Callable[[int, int], None]:
        """A function (done, in all) that says now and then how far it is and how long it takes."""
        started = last = time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= (0.2 if self._panel else every):
                last = now
                left = duration((now - started) / done * (total - done))
                self.progress(f"{done} of {total} {what}, {left} left")

        return progress


def pace(seconds: float, remaining: int) -> str:
    """`12.3 steps/s, 4 min left`, at so many seconds a step and with so many steps to go."""
    return f"{1 / max(seconds, 1e-9):.2f} steps/s, {duration(remaining * seconds)} left"


def duration(seconds: float) -> str:
    """`42 s`, `7 min` or `3.5 h`."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"
