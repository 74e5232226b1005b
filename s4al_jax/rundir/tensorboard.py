"""A run's TensorBoard events, written at once and in order.

The library's own writer uses a thread and a queue. When the disk refuses, that thread ends, and the
caller waits forever as soon as the queue is full. Without the library (`pip install
's4al_jax[tensorboard]'`) nothing is written.
"""

import contextlib
import time
from pathlib import Path
from typing import Any

import numpy as np

from s4al_jax.files.jsonl import name_errors
from s4al_jax.runtime.extras import is_installed


class TensorBoard:
    """Writes one file of events, which is created with the first event."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None

    def write_scalar(self, step: int, name: str, value: float) -> None:
        """Add a point to a curve."""
        if is_installed("tensorboardX"):
            from tensorboardX import summary

            self._write(step, summary.scalar(name, value))

    def write_image(self, step: int, name: str, pixels: np.ndarray) -> None:
        """Add an image, uint8 `[height, width, 3]`."""
        if is_installed("tensorboardX"):
            from tensorboardX import summary

            self._write(step, summary.image(name, pixels, dataformats="HWC"))

    def flush(self) -> None:
        """Hand all events to the operating system."""
        with name_errors(self._folder):
            if self._writer:
                self._writer.flush()

    def close(self) -> None:
        """Close the file; an event that could not be written has raised an error before."""
        if self._writer:
            with contextlib.suppress(OSError):
                self._writer.close()

    def _write(self, step: int, content: Any) -> None:
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event

        with name_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._writer = self._writer or EventsWriter(str(self._folder / "events"))
            self._writer.write_event(Event(wall_time=time.time(), step=step, summary=content))
