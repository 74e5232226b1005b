"""A terminal made of glass: obeys the few codes that are used here, and shows what it shows.

Not a test. A code that it does not know is an error; it never scrolls anything away.
"""

import fcntl
import os
import re
import struct
import termios
import threading
from typing import TextIO

_PIECES = re.compile(r"\033\[([0-9;]*)([A-Za-z])|(\r)|(\n)|([^\033\r\n])|(.)", re.S)


class Glass:
    """All lines since the start, and the place of the cursor."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.rows = [""]
        self.row = self.col = 0

    def feed(self, text: str) -> None:
        """Do what a terminal does with these characters."""
        for number, code, back, down, plain, strange in _PIECES.findall(text):
            assert not strange, f"unknown: {strange!r}"
            if code:
                self._obey(code, number)
            elif back:
                self.col = 0
            elif down:
                self._down()
            elif plain:
                self._print(plain)

    def resize(self, columns: int) -> None:
        """Break lines that are longer into several, as terminals do."""
        above, here = self.rows[: self.row], self.rows[self.row :]
        broken = [[_broken(row, columns) for row in part] for part in (above, here)]
        self.rows = [piece for part in broken for row in part for piece in row]
        self.row = sum(len(row) for row in broken[0])
        self.columns = columns

    @property
    def above(self) -> list[str]:
        """The lines above the cursor."""
        return self.rows[: self.row]

    @property
    def below(self) -> list[str]:
        """The lines from the cursor on that have anything in them."""
        return [row for row in self.rows[self.row :] if row]

    def _obey(self, code: str, number: str) -> None:
        if code == "A":
            self.row = max(0, self.row - int(number or 1))
        elif code in "JK":
            assert not number
            self.rows[self.row] = self.rows[self.row][: self.col]
            if code == "J":
                del self.rows[self.row + 1 :]
        else:
            assert code == "m", f"unknown: {code}"

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append("")

    def _print(self, character: str) -> None:
        if self.col == self.columns:
            self._down()
            self.col = 0
        old = self.rows[self.row].ljust(self.col)
        self.rows[self.row] = old[: self.col] + character + old[self.col + 1 :]
        self.col += 1


def _broken(row: str, columns: int) -> list[str]:
    return [row[start : start + columns] for start in range(0, max(len(row), 1), columns)]


class Pseudo:
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
        return self._bytes.decode()

    def closed(self) -> str:
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
