"""What a catalogue of bad inputs is made of: cases, and what has to be true of every one.

Not a test: the tables beside it are.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from s4al_jax.types import InputError

HERE = "HERE"
"""Stands in a line for the folder that a case was made in."""


class Case(NamedTuple):
    """One bad input."""

    name: str
    make: Callable[[Path], object]
    """puts it into a folder that is good without it"""
    line: str
    """what is said of it, from the first letter to the last"""


def refused(case: Case, folder: Path, enter: Callable[[Path], object]) -> None:
    """Assert that what `enter` does with the folder ends with the line and changes nothing."""
    case.make(folder)
    before = tree(folder)
    with pytest.raises(InputError) as error:
        enter(folder)
    said = str(error.value).replace(str(folder), HERE)
    assert said == case.line, said
    assert "\n" not in said
    after = tree(folder)
    changed = [name for name in before if after.get(name) != before[name]]
    assert not changed, changed


def tree(folder: Path) -> dict[str, str]:
    """All that lies below a folder, with a checksum of what is in it."""
    return {str(path.relative_to(folder)): _content(path) for path in sorted(folder.rglob("*"))}


def _content(path: Path) -> str:
    if path.is_symlink():
        return f"link to {os.readlink(path)}"
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return "folder" if path.is_dir() else "neither"
