"""The journal of a run: metrics in JSON lines and TensorBoard, pictures in TensorBoard alone.

`metrics.jsonl` holds only what the configuration and the seed decide, so that two runs of one
configuration write the same bytes. Times go to `timing.jsonl`. Of several processes the first one
writes.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
from tensorboardX import SummaryWriter

from s4al_jax.engine import hosts
from s4al_jax.pool.appended_file import append, named_errors
from s4al_jax.pool.whole_file import write_whole
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
        write_whole(self._path, "".join(map(_line, kept)).encode())

    def rows(self) -> list[dict]:
        """All rows so far; a last one that was cut off while being written is left out."""
        if not self._path.exists():
            return []
        with named_errors(self._path):
            lines = self._path.read_bytes().splitlines(keepends=True)
        return [self._row(n, line) for n, line in enumerate(lines, 1) if line.endswith(b"\n")]

    def _row(self, number: int, line: bytes) -> dict:
        try:
            row = json.loads(line)
            if type(row["number"]) is not int:
                raise ValueError(f"its number is {row['number']!r}")
            return row
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self._path}, line {number} is damaged ({error!r}): bring back an undamaged copy"
            ) from error

    def write(self, number: int, row: Mapping[str, object]) -> None:
        """Append a row, on the disk when this returns, and show its numbers in TensorBoard.

        A later checkpoint must not outlast an earlier row when the power fails.
        """
        if not hosts.primary():
            return
        append(self._path, _line({"number": number, **row}).encode())
        with self._opened_board() as board:
            for name, value in row.items():
                if isinstance(value, int | float) and name not in ("cycle", "epoch"):
                    board.add_scalar(f"{row['kind']}/{name}", value, number)

    def show(self, number: int, name: str, picture: np.ndarray) -> None:
        """Show a picture, uint8 `[height, width, 3]`, in TensorBoard."""
        if hosts.primary():
            with self._opened_board() as board:
                board.add_image(name, picture, number, dataformats="HWC")

    @contextlib.contextmanager
    def _opened_board(self) -> Iterator[SummaryWriter]:
        """Opened when there is something to show: every opening makes another file."""
        with named_errors(self._board_folder):
            self._board = self._board or SummaryWriter(str(self._board_folder))
            yield self._board
            self._board.flush()

    def time(self, number: int, seconds: float) -> None:
        """Keep how long a step took, on average over the epoch that ended with this one."""
        if hosts.primary():
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
        if self._board is not None:
            # What could not be written has been said by now.
            with contextlib.suppress(OSError):
                self._board.close()


def _line(row: Mapping[str, object]) -> str:
    return json.dumps(row, separators=(",", ":")) + "\n"
