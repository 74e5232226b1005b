"""Files that are there whole or not at all, whenever the machine stops."""

import os
from pathlib import Path

from s4al_jax.pool.appended_file import sync_folder
from s4al_jax.types import InputError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place, wait until the disk has it, and put it there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(path.name + ".part")
        with scratch.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
        sync_folder(path.parent)
    except OSError as error:
        raise InputError(f"{path}: cannot write: {error.strerror or error}") from error
