"""A live region at the bottom of a terminal, below which nothing else is ever written.

This is `rich.live` with the cursor left on an empty row *above* the region. Rich leaves it on the
last row, counts the rows that it has drawn, and erases as many next time; the count is wrong once
the window was resized or a C++ library wrote to the terminal behind Python's back. With the cursor
above, everything below it can be erased without counting, and a foreign line scrolls by like any
other. The cursor stays visible, because a process that is ended by C++ could not show it again.
"""

import os
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderResult
from rich.file_proxy import FileProxy
from rich.live import Live
from rich.segment import Segment, Segments

_ERASE_BELOW = Segments([Segment("\r\033[J", None, [])])
_REFRESHES_PER_SECOND = 2
_MIN_COLUMNS, _MIN_ROWS = 20, 4

_started: list["LiveRegion"] = []


def supports_live(out: TextIO) -> bool:
    """Whether `out` is a terminal whose cursor can be moved."""
    return out.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")


def plain_text() -> dict[str, Any]:
    """Options for a `Console` that prints text as it is, and without styles under NO_COLOR."""
    color_system = None if os.environ.get("NO_COLOR") else "auto"
    return {"markup": False, "emoji": False, "highlight": False, "color_system": color_system}


def leave_terminals() -> None:
    """Erase all live regions, for a caller that ends the process without unwinding its stack."""
    for region in list(_started):
        region.stop()


class LiveRegion(Live):
    """What `render` returns, redrawn twice a second and after each line that is printed above it.

    While it is started, lines written to `sys.stdout` and `sys.stderr` go above the region where
    these are terminals. A region that is stopped leaves nothing behind.
    """

    def __init__(self, out: TextIO, render: Callable[[], RenderableType]) -> None:
        super().__init__(
            console=_AtomicConsole(file=out, force_terminal=True, soft_wrap=True, **plain_text()),
            get_renderable=render,
            refresh_per_second=_REFRESHES_PER_SECOND,
            redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
            redirect_stderr=sys.stderr is not None and sys.stderr.isatty(),
        )

    def start(self, refresh: bool = True) -> None:
        """Show the region and keep redrawing it."""
        _started.append(self)
        super().start(refresh)

    def stop(self) -> None:
        """Erase the region; lines may still be printed through its console."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, FileProxy):
                stream.flush()  # prints a last line that has no line break yet
        super().stop()
        if self in _started:
            _started.remove(self)

    def refresh(self) -> None:
        """Redraw the region; a terminal that has gone away is written to no more."""
        try:
            super().refresh()
        except OSError:
            self.console.quiet = True

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Put what is printed between erasing the region and drawing it again."""
        try:
            columns, rows = os.get_terminal_size(self.console.file.fileno())
        except (OSError, ValueError):
            columns, rows = 0, 0
        self.console.size = (columns or 80, rows or 24)
        return [_ERASE_BELOW, *renderables, *([self] if self.is_started else [])]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns, rows = options.size
        if columns < _MIN_COLUMNS or rows < _MIN_ROWS:
            return
        # One column less: a terminal moves on to the next row when its last column is written.
        fitting = options.update(width=columns - 1, overflow="crop")
        lines = console.render_lines(self.get_renderable(), fitting, pad=False)
        lines = [line for line in lines if line][: rows - 2]
        for line in lines:
            yield Segment.line()
            yield from line
        if lines:
            yield Segment(f"\r\033[{len(lines)}A", None, [])


class _AtomicConsole(Console):
    """A console on which one thread at a time renders and writes, and the cursor is never hidden.

    Rich locks the write alone. A thread that has rendered the region before it is stopped could
    then write it afterwards, and it would stay on the terminal.
    """

    def __init__(self, **options: Any) -> None:
        # Reentrant: an object that is finalized while we render may print a warning.
        self._rendering = threading.RLock()
        super().__init__(**options)

    def __enter__(self) -> Console:
        self._rendering.acquire()
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        try:
            super().__exit__(*error)
        finally:
            self._rendering.release()

    def show_cursor(self, show: bool = True) -> bool:
        return False
