"""The journal of a run: metrics in JSON lines and TensorBoard, pictures in TensorBoard alone.

`metrics.jsonl` holds only what the configuration and the seed decide, so that two runs of one
configuration write the same bytes. Times go to `timing.jsonl`. Of several processes the first one
writes.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np

from s4al_jax.files.atomic import write_atomically
from s4al_jax.files.jsonl import append, damaged_row, named_errors, read_rows
from s4al_jax.rundir.tensorboard import TensorBoard
from s4al_jax.runtime import processes


class Journal:
    """Rows of one run, appended; `number` is the count of steps that the whole run has done."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "metrics.jsonl"
        self._timing = folder / "timing.jsonl"
        self._board = TensorBoard(folder / "tensorboard")

    def rewind(self, number: int) -> None:
        """Forget rows after this step: the run goes on from a checkpoint that is older."""
        if not processes.is_primary() or not self._path.exists():
            return
        kept = [row for row in self.rows() if row["number"] <= number]
        write_atomically(self._path, "".join(map(_line, kept)).encode())

    def rows(self) -> list[dict]:
        """All rows so far; a last one that was cut off while being written is left out."""
        rows = read_rows(self._path)
        for line, row in enumerate(rows, 1):
            if type(row.get("number")) is not int:
                raise damaged_row(self._path, line, f"its number is {row.get('number')!r}")
        return rows

    def write(self, number: int, row: Mapping[str, object]) -> None:
        """Append a row, on the disk when this returns, and show its numbers in TensorBoard.

        A later checkpoint must not outlast an earlier row when the power fails.
        """
        if not processes.is_primary():
            return
        append(self._path, _line({"number": number, **row}).encode())
        for name, value in row.items():
            if isinstance(value, int | float) and name not in ("cycle", "epoch"):
                self._board.number(number, f"{row['kind']}/{name}", value)
        self._board.flush()

    def show(self, number: int, name: str, picture: np.ndarray) -> None:
        """Show a picture, uint8 `[height, width, 3]`, in TensorBoard."""
        if processes.is_primary():
            self._board.picture(number, name, picture)
            self._board.flush()

    def time(self, number: int, seconds: float) -> None:
        """Keep how long a step took, on average over the epoch that ended with this one."""
        if processes.is_primary():
            row = {"number": number, "seconds_per_step": round(seconds, 6)}
            with named_errors(self._timing), self._timing.open("a") as file:
                file.write(_line(row))

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._board.close()


def _line(row: Mapping[str, object]) -> str:
    return json.dumps(row, separators=(",", ":")) + "\n"
