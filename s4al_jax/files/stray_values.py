"""Errors of masks whose numbers or colors mean nothing, or not what the class list says."""

from collections.abc import Mapping
from typing import Any

from s4al_jax.types import InputError

Value = int | tuple[int, int, int]
"""A number in a mask, or a color."""


class ClassListError(InputError):
    """Masks and class list do not fit together: another classes.json would help."""


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


class UnlistedValues(StrayValues, ClassListError):
    """Such values where a classes.json can say what they mean."""

    offers_nearest = False
    """whether the dataset has the option `nearest_color`, which would read them"""
