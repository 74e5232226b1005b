"""Lines that stay at the bottom of a terminal while ordinary lines scroll by above them.

The cursor rests on an empty line above those that stay. So all that is below the cursor is ours to
erase, whatever the terminal made of it when its size changed, and nothing else ever is. A line that
somebody writes past us, as C++ does, lands on the empty line and scrolls by like any other.
"""

import contextlib
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TextIO

Picture = Callable[[int], list[str]]
"""columns that there are -> lines that are not wider"""

_ERASE = "\r\033[J"
_ERASE_LINE = "\r\033[K"
_SECONDS = 0.5
_LEAST_COLUMNS, _LEAST_ROWS = 20, 4


_open: list["Screen"] = []


def leave_terminals() -> None:
    """Take away whatever stays on any terminal: for who ends the process without unwinding it."""
    for screen in list(_open):
        screen.close()


def capable(out: TextIO) -> bool:
    """Whether this is a terminal on which the cursor can be moved."""
    return out.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class Screen:
    """The bottom of one terminal; shown anew twice a second and whenever something is written."""

    def __init__(self, out: TextIO, picture: Picture) -> None:
        self._out = out
        self._picture = picture
        # Reentrant: what is thrown away while we draw may print a warning.
        self._lock = threading.RLock()
        self._closed = threading.Event()

    def write(self, text: str) -> None:
        """Let whole ordinary lines scroll by."""
        with self._lock:
            gone = self._closed.is_set()
            self._put(text if gone else _ERASE + text + self._drawing())

    def redraw(self) -> None:
        """Show what there is to show by now."""
        with self._lock:
            if not self._closed.is_set():
                self._put(self._drawing())

    def close(self) -> None:
        """Leave nothing behind; ordinary lines may still be written."""
        with self._lock:
            if not self._closed.is_set():
                self._closed.set()
                self._put(_ERASE)

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Stay for as long as something is done, and leave nothing behind.

        What anybody prints to a terminal meanwhile goes above.
        """
        clock = threading.Thread(target=self._tick, name="screen", daemon=True)
        with contextlib.ExitStack() as leaving:
            leaving.callback(self.close)
            leaving.callback(_open.remove, self)
            _open.append(self)
            for name in ("stdout", "stderr"):
                stream = getattr(sys, name)
                if stream is not None and stream.isatty():
                    above = _Above(self, stream)
                    leaving.callback(above.finish)
                    leaving.callback(setattr, sys, name, stream)
                    setattr(sys, name, above)
            clock.start()
            self.redraw()
            yield

    def _tick(self) -> None:
        while not self._closed.wait(_SECONDS):
            with contextlib.suppress(OSError, ValueError):  # the terminal is gone, or its file
                self.redraw()

    def _drawing(self) -> str:
        """Everything from the line of the cursor on, and back to its start."""
        columns, rows = self._size()
        # A terminal moves on to the next line when its last column is written.
        lines = self._picture(columns - 1)[: rows - 2]
        if columns < _LEAST_COLUMNS or rows < _LEAST_ROWS or not lines:
            return _ERASE
        below = "".join(f"\r\n{line}\033[K" for line in lines)
        return f"{_ERASE_LINE}{below}\033[J\r\033[{len(lines)}A"

    def _size(self) -> tuple[int, int]:
        try:
            columns, rows = os.get_terminal_size(self._out.fileno())
        except (OSError, ValueError):
            columns, rows = 80, 24
        return (columns, rows) if columns and rows else (80, 24)

    def _put(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


class _Above(io.TextIOBase):
    """A standard stream whose whole lines go above what stays."""

    def __init__(self, screen: Screen, stream: TextIO) -> None:
        self._screen = screen
        self._stream = stream
        self._rest = ""

    def write(self, text: str) -> int:
        whole, newline, self._rest = (self._rest + text).rpartition("\n")
        if newline:
            self._screen.write(whole + newline)
        return len(text)

    def finish(self) -> None:
        """Write the line that was not ended."""
        if self._rest:
            self.write("\n")

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding
