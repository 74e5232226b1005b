"""What is said to the person who waits: lines, and on a terminal a panel below them."""

import contextlib
import io
import os
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from s4al_jax.console.format import duration
from s4al_jax.console.panel import Standing, line, lines
from s4al_jax.console.screen import Screen, capable


class Terminal:
    """Where facts and lines are told; within `with`, a real terminal shows the facts in a panel."""

    def __init__(self, out: TextIO | None = None, *, enabled: bool = True) -> None:
        """`out` is standard output where none is given; of several processes the first speaks."""
        self._out = out or (sys.stdout if enabled else io.StringIO())
        self._standing = Standing()
        self._screen: Screen | None = None
        self._open = contextlib.ExitStack()

    def __enter__(self) -> "Terminal":
        if capable(self._out):
            bold = not os.environ.get("NO_COLOR")
            self._screen = Screen(self._out, lambda wide: lines(self._standing, wide, bold=bold))
            self._open.enter_context(self._screen.open())
        return self

    def __exit__(self, *error: object) -> None:
        self._screen = None
        self._open.close()

    def say(self, text: str) -> None:
        """One plain line for the person who waits."""
        if self._screen:
            self._screen.write(text + "\n")
        else:
            print(text, file=self._out, flush=True)

    def tell(self, **facts: Any) -> None:
        """Facts, by their names in `Standing`, that the panel shows from now on."""
        if facts.get("doing", self._standing.doing) != self._standing.doing:
            facts["since"] = time.monotonic()
        self._standing = self._standing._replace(**facts)
        if self._screen:
            self._screen.redraw()

    def epoch_over(self, **facts: Any) -> None:
        """Tell the facts of an epoch; where there is no panel, in a line."""
        self.tell(**facts)
        if not self._screen:
            self.say(line(self._standing))

    def countdown(self, what: str, every: float = 10.0) -> Callable[[int, int], None]:
        """A function (done, in all) that says now and then how far it is and how long it takes."""
        started = last = time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= (0.2 if self._screen else every):
                last = now
                left = duration((now - started) / done * (total - done))
                text = f"{done} of {total} {what}, {left} left"
                if self._screen:
                    self.tell(doing=text)
                else:
                    self.say(text)

        return progress
