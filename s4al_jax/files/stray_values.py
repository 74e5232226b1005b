"""Numbers or colors in a mask that mean nothing."""

from collections.abc import Mapping
from typing import Any

from s4al_jax.types import InputError

Value = int | tuple[int, int, int]
"""A number in a mask, or a color."""


class StrayValues(InputError):
    """A mask holds numbers or colors that mean nothing; its message names the first of them."""

    def __init__(
        self,
        message: str,
        file: str,
        found: Mapping[Any, int],
        pixels: int,
        known: Mapping[Any, int],
    ) -> None:
        super().__init__(message)
        self.file = file
        self.found: dict[Value, int] = dict(found)
        """which, and how many pixels of each"""
        self.pixels = pixels
        """of the whole mask"""
        self.known: dict[Value, int] = dict(known)
        """what others mean: an id, or `VOID`"""
