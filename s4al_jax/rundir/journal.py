"""The journal of a run: metrics in JSON lines, and in TensorBoard where that is installed.

`metrics.jsonl` holds only what the configuration and the seed decide, so that two runs of one
configuration write the same bytes. Times go to `timing.jsonl`.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from s4al_jax.files.atomic import write_atomically
from s4al_jax.files.jsonl import append, damaged_row, name_errors, read_rows
from s4al_jax.rundir.tensorboard import TensorBoard


class Journal:
    """Appends rows; the `number` of a row is the count of steps that the whole run has finished.

    Args:
        folder: the run directory.
        enabled: False in processes other than the first, which only read.
    """

    def __init__(self, folder: Path, *, enabled: bool = True) -> None:
        self._path = folder / "metrics.jsonl"
        self._timing = folder / "timing.jsonl"
        self._board = TensorBoard(folder / "tensorboard")
        self._enabled = enabled

    def rewind(self, number: int) -> None:
        """Remove the rows after this step: the run goes on from a checkpoint that is older."""
        if not self._enabled or not self._path.exists():
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
        """Append a row and show its numbers in TensorBoard; it is on the disk on return.

        Otherwise a power failure could leave a checkpoint that is newer than the last row.
        """
        if not self._enabled:
            return
        append(self._path, _line({"number": number, **row}).encode())
        for name, value in row.items():
            if isinstance(value, int | float) and name not in ("cycle", "epoch"):
                self._board.write_scalar(number, f"{row['kind']}/{name}", value)
        self._board.flush()

    def write_timing(self, number: int, seconds_per_step: float) -> None:
        """Keep the mean duration of the steps of the epoch that ended with this step."""
        if self._enabled:
            row = {"number": number, "seconds_per_step": round(seconds_per_step, 6)}
            with name_errors(self._timing), self._timing.open("a") as file:
                file.write(_line(row))

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *error: object) -> None:
        self._board.close()


def _line(row: Mapping[str, object]) -> str:
    return json.dumps(row, separators=(",", ":")) + "\n"
