"""The journal of a run: metrics in JSON lines and TensorBoard, and what is said on the terminal.

`metrics.jsonl` holds only what the configuration and the seed decide, so that two runs of one
configuration write the same bytes. Times go to the terminal and to `timing.jsonl`.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TextIO

from tensorboardX import SummaryWriter

from s4al_jax.types import InputError


class Journal:
    """Rows of one run, appended; `number` is the count of steps that the whole run has done."""

    def __init__(self, folder: Path, *, out: TextIO | None = None) -> None:
        self._path = folder / "metrics.jsonl"
        self._timing = folder / "timing.jsonl"
        try:
            self._board = SummaryWriter(str(folder / "tensorboard"))
        except OSError as error:
            raise InputError(f"{folder}/tensorboard: cannot write: {error.strerror}") from error
        self._out = out or sys.stdout
        self._panel = self._out.isatty()

    def rewind(self, number: int) -> None:
        """Forget rows after this step: the run goes on from a checkpoint that is older."""
        if not self._path.exists():
            return
        kept = [row for row in self.rows() if row["number"] <= number]
        scratch = self._path.with_suffix(".part")
        try:
            scratch.write_text("".join(_line(row) for row in kept))
            os.replace(scratch, self._path)
        except OSError as error:
            raise InputError(f"{self._path}: cannot write: {error.strerror or error}") from error

    def rows(self) -> list[dict]:
        """All rows so far; a last one that was cut off while being written is left out."""
        if not self._path.exists():
            return []
        lines = self._path.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def write(self, number: int, row: Mapping[str, object]) -> None:
        """Append a row and show its numbers in TensorBoard."""
        _append(self._path, {"number": number, **row})
        for name, value in row.items():
            if isinstance(value, int | float) and name not in ("cycle", "epoch"):
                self._board.add_scalar(f"{row['kind']}/{name}", value, number)
        self._board.flush()

    def time(self, number: int, seconds: float) -> None:
        """Keep how long a step took, on average over the epoch that ended with this one."""
        _append(self._timing, {"number": number, "seconds_per_step": round(seconds, 6)})

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

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._board.close()


def pace(seconds: float, remaining: int) -> str:
    """`12.3 steps/s, 4 min left`, at so many seconds a step and with so many steps to go."""
    return f"{1 / max(seconds, 1e-9):.2f} steps/s, {duration(remaining * seconds)} left"


def duration(seconds: float) -> str:
    """`42 s`, `7 min` or `3.5 h`."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"


def _append(path: Path, row: Mapping[str, object]) -> None:
    try:
        with path.open("a") as file:
            file.write(_line(row))
    except OSError as error:
        raise InputError(f"{path}: cannot write: {error.strerror or error}") from error


def _line(row: Mapping[str, object]) -> str:
    return json.dumps(row, separators=(",", ":")) + "\n"
