"""The journal of a run: metrics in JSON lines and TensorBoard.

`metrics.jsonl` holds only what the configuration and the seed decide, so that two runs of one
configuration write the same bytes. Times go to `timing.jsonl`. Of several processes the first one
writes.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tensorboardX import SummaryWriter

from s4al_jax.engine import hosts
from s4al_jax.types import InputError


class Journal:
    """Rows of one run, appended; `number` is the count of steps that the whole run has done."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "metrics.jsonl"
        self._timing = folder / "timing.jsonl"
        self._board_folder = folder / "tensorboard"
        self._board: SummaryWriter | None = None

    def rewind(self, number: int) -> None:
        """Forget rows after this step: the run goes on from a checkpoint that is older."""
        if not hosts.primary() or not self._path.exists():
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
        try:
            lines = self._path.read_text().splitlines(keepends=True)
            return [json.loads(line) for line in lines if line.endswith("\n")]
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(
                f"{self._path} is damaged ({error}): restore it from a copy, or take the line out"
            ) from error

    def write(self, number: int, row: Mapping[str, object]) -> None:
        """Append a row and show its numbers in TensorBoard."""
        if not hosts.primary():
            return
        _append(self._path, {"number": number, **row})
        board = self._opened_board()
        for name, value in row.items():
            if isinstance(value, int | float) and name not in ("cycle", "epoch"):
                board.add_scalar(f"{row['kind']}/{name}", value, number)
        board.flush()

    def _opened_board(self) -> SummaryWriter:
        """Opened when there is something to show: every opening makes another file."""
        if self._board is None:
            try:
                self._board = SummaryWriter(str(self._board_folder))
            except OSError as error:
                raise InputError(f"{self._board_folder}: cannot write: {error.strerror}") from error
        return self._board

    def time(self, number: int, seconds: float) -> None:
        """Keep how long a step took, on average over the epoch that ended with this one."""
        if hosts.primary():
            _append(self._timing, {"number": number, "seconds_per_step": round(seconds, 6)})

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._board is not None:
            self._board.close()


def _append(path: Path, row: Mapping[str, object]) -> None:
    try:
        with path.open("a") as file:
            file.write(_line(row))
    except OSError as error:
        raise InputError(f"{path}: cannot write: {error.strerror or error}") from error


def _line(row: Mapping[str, object]) -> str:
    return json.dumps(row, separators=(",", ":")) + "\n"
