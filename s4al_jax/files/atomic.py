"""Files that are either whole or absent, whenever the machine stops."""

import json
import os
from pathlib import Path
from typing import Any

from s4al_jax.files.jsonl import sync_folder
from s4al_jax.types import InputError


def read_json(path: Path) -> Any:
    """The content of a JSON file; None if there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        reason = "nested without end" if isinstance(error, RecursionError) else error
        raise InputError(f"{path}: not valid JSON ({reason}); restore it from a copy") from error


def write_json(path: Path, content: object) -> None:
    """Write a JSON file that is never seen half-written."""
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that readers, and a machine that stops, see all of it or the old one."""
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
