"""A file of `configs/`, read as Python reads it: what it gives may be a diff on another one."""

import runpy
import sys
from pathlib import Path
from typing import Any

from s4al_jax.types import InputError


def load(path: Path, argument: str) -> Any:
    """The configuration of a file, for what would stand after its colon."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; configs/ has some")
    # The one below it is imported from the folder above.
    above = str(path.resolve().parents[1])
    if above not in sys.path:
        sys.path.append(above)
    return runpy.run_path(str(path))["get_config"](argument or None)
