"""A terminal that a test can read: what a program writes to it, and what it then shows.

Not a test. A control code that it does not know is an error; it never scrolls anything away.
"""

import fcntl
import os
import re
import struct
import termios
import threading
from typing import TextIO

_PIECES = re.compile(r"\033\[([0-9;]*)([A-Za-z])|(\r)|(\n)|([^\033\r\n])|(.)", re.S)


class Screen:
    """All rows since the start, without blanks at their ends, and where the cursor is."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self._rows = [""]
        self._row = self._column = 0

    def feed(self, text: str) -> None:
        """Do what a terminal does with these characters."""
        for number, code, back, down, plain, unknown in _PIECES.findall(text):
            assert not unknown, f"unknown: {unknown!r}"
            if code:
                self._obey(code, number)
            elif back:
                self._column = 0
            elif down:
                self._go_down()
            elif plain:
                self._print(plain)

    def resize(self, columns: int) -> None:
        """Break rows that are longer into several, as terminals do."""
        above, here = self._rows[: self._row], self._rows[self._row :]
        broken = [[_broken(row, columns) for row in part] for part in (above, here)]
        self._rows = [piece for part in broken for row in part for piece in row]
        self._row = sum(len(row) for row in broken[0])
        self.columns = columns

    @property
    def rows(self) -> list[str]:
        """All rows."""
        return [row.rstrip() for row in self._rows]

    @property
    def above(self) -> list[str]:
        """The rows above the cursor."""
        return self.rows[: self._row]

    @property
    def below(self) -> list[str]:
        """The rows from the cursor on that have anything in them."""
        return [row for row in self.rows[self._row :] if row]

    def _obey(self, code: str, number: str) -> None:
        if code == "A":
            self._row = max(0, self._row - int(number or 1))
        elif code in "JK":
            assert not number
            self._rows[self._row] = self._rows[self._row][: self._column]
            if code == "J":
                del self._rows[self._row + 1 :]
        else:
            assert code == "m", f"unknown: {code}"

    def _go_down(self) -> None:
        self._row += 1
        if self._row == len(self._rows):
            self._rows.append("")

    def _print(self, character: str) -> None:
        if self._column == self.columns:
            self._go_down()
            self._column = 0
        old = self._rows[self._row].ljust(self._column)
        self._rows[self._row] = old[: self._column] + character + old[self._column + 1 :]
        self._column += 1


def _broken(row: str, columns: int) -> list[str]:
    return [row[start : start + columns] for start in range(0, max(len(row), 1), columns)]


class PseudoTerminal:
    """A pseudo-terminal: `out` is what a program writes to, `text` all that came out of it."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.master, slave = os.openpty()
        self.out: TextIO = os.fdopen(slave, "w")
        self.resize(columns, rows)
        self._bytes = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def resize(self, columns: int, rows: int) -> None:
        """Give the window another size."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def text(self) -> str:
        """What has been written so far."""
        return self._bytes.decode(errors="ignore")  # a character may be cut

    def close(self) -> str:
        """What was written, once nobody can write any more."""
        self.out.close()
        self._reader.join(10)
        return self.text

    def _read(self) -> None:
        try:
            while more := os.read(self.master, 65536):
                self._bytes += more
        except OSError:
            pass  # how Linux says that the last writer has left
        os.close(self.master)
