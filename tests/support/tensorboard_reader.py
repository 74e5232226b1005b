"""What stands in a TensorBoard folder, read back record by record. Not a test."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from tensorboardX.proto.event_pb2 import Event


def events(folder: Path) -> Iterator[Event]:
    """Every event: a record is its length, a checksum, the bytes, and a checksum of those."""
    for path in sorted(filter(Path.is_file, folder.iterdir())):
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            yield Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    """tag -> step -> value."""
    found: dict[str, dict[int, float]] = {}
    for event in events(folder):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found


def pictures(folder: Path) -> dict[tuple[str, int], np.ndarray]:
    """(tag, step) -> pixels."""
    return {
        (value.tag, event.step): np.asarray(
            Image.open(io.BytesIO(value.image.encoded_image_string))
        )
        for event in events(folder)
        for value in event.summary.value
        if value.HasField("image")
    }
