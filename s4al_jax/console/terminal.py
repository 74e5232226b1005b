"""What a command prints: plain lines, tables, and on a terminal a live panel below the lines."""

import contextlib
import io
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from rich.console import Console, RenderableType

from s4al_jax.console.format import duration
from s4al_jax.console.live import LiveRegion, plain_text, supports_live
from s4al_jax.console.panel import RunProgress, epoch_line, panel

_PIPE_COLUMNS = 10_000


class Terminal:
    """Prints lines; inside `with`, a real terminal also shows the progress of a run in a panel.

    Args:
        out: where to write; standard output by default.
        enabled: False in processes other than the first, which print nothing.
        listener: called with the same facts as `update`.
    """

    def __init__(
        self,
        out: TextIO | None = None,
        *,
        enabled: bool = True,
        listener: Callable[..., None] | None = None,
    ) -> None:
        self._out = out or (sys.stdout if enabled else io.StringIO())
        self._listener = listener
        self._progress = RunProgress()
        self._live: LiveRegion | None = None

    def __enter__(self) -> "Terminal":
        if supports_live(self._out):
            self._live = LiveRegion(self._out, lambda: panel(self._progress))
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def print_line(self, text: str) -> None:
        """Print one plain line, above the panel."""
        if self._live:
            self._live.console.print(text)
        else:
            print(text, file=self._out, flush=True)

    def update(self, **facts: Any) -> None:
        """Show these fields of `RunProgress` in the panel from now on."""
        if facts.get("doing", self._progress.doing) != self._progress.doing:
            facts["doing_since"] = time.monotonic()
        self._progress = self._progress._replace(**facts)
        if self._live:
            self._live.refresh()
        if self._listener:
            self._listener(**facts)

    def end_epoch(self, **facts: Any) -> None:
        """Show the facts of a finished epoch: in the panel, or as a line where there is none."""
        self.update(**facts)
        if not self._live:
            self.print_line(epoch_line(self._progress))

    def countdown(self, what: str, every: float = 10.0) -> Callable[[int, int], None]:
        """Return a function (done, total) that shows now and then how far the work on `what` is.

        Without a panel it prints a line, at most every so many seconds.
        """
        started = last = time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last < (0.2 if self._live else every):
                return
            last = now
            left = duration((now - started) / done * (total - done))
            text = f"{done} of {total} {what}, {left} left"
            if self._live:
                self.update(doing=text)
            else:
                self.print_line(text)

        return progress


def print_table(table: RenderableType, out: TextIO | None = None) -> None:
    """Print a table, fitted to the terminal; into a file or a pipe, with whole lines."""
    out = out or sys.stdout
    width = None if out.isatty() else _PIPE_COLUMNS
    Console(file=out, width=width, **plain_text()).print(table)


def watch(render: Callable[[], RenderableType], seconds: float) -> None:
    """Show what `render` returns again and again until Ctrl-C.

    On a terminal each replaces the one before; elsewhere it is printed below it.
    """
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
        shown = render()
        region = LiveRegion(sys.stdout, lambda: shown) if supports_live(sys.stdout) else None
        if region:
            region.start()
            stack.callback(region.stop)
        while True:
            if not region:
                print_table(shown)
            time.sleep(seconds)
            shown = render()
