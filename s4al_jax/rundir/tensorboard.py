"""What TensorBoard shows of a run, written in the order and at the time in which it is told.

The library's own writer has a thread for that: where the disk refuses, the thread ends, and whoever
tells it more waits for ever.
"""

import contextlib
import time
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event

from s4al_jax.files.jsonl import named_errors


class TensorBoard:
    """One file of events, which begins with the first: every opening makes another file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: EventsWriter | None = None

    def number(self, step: int, name: str, value: float) -> None:
        """A point of a curve."""
        self._write(step, summary.scalar(name, value))

    def picture(self, step: int, name: str, pixels: np.ndarray) -> None:
        """A picture, uint8 `[height, width, 3]`."""
        self._write(step, summary.image(name, pixels, dataformats="HWC"))

    def flush(self) -> None:
        """Have the disk keep what was told so far."""
        with named_errors(self._folder):
            if self._writer:
                self._writer.flush()

    def close(self) -> None:
        """Let go of the file; what could not be written has been said by now."""
        if self._writer:
            with contextlib.suppress(OSError):
                self._writer.close()

    def _write(self, step: int, content: Any) -> None:
        with named_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._writer = self._writer or EventsWriter(str(self._folder / "events"))
            self._writer.write_event(Event(wall_time=time.time(), step=step, summary=content))
