"""What is said of the errors in a dataset: a line each, and one for all masks of odd values."""

from collections.abc import Mapping, Sequence

from s4al_jax.data.names import natural_key
from s4al_jax.files.images import WrongSize
from s4al_jax.files.stray_values import StrayValues
from s4al_jax.survey.stray_summary import stray_summaries
from s4al_jax.types import InputError

NEIGHBORS = 2
"""How far an image may lie in the order of names whose size a mask has."""


def error_lines(
    errors: Sequence[tuple[str, InputError]],
    sizes: Mapping[str, tuple[int, int]],
    masks: int,
    classes: Sequence[str],
) -> list[str]:
    """The lines, in the order of the errors; strange values come first.

    Args:
      errors: split/name, and what is wrong there.
      sizes: split/name -> (height, width) of the images as far as they are known.
      masks: how many there are.
      classes: their names.
    """
    strays = [error for _, error in errors if isinstance(error, StrayValues)]
    order = sorted(sizes, key=lambda label: natural_key(label.split("/", 1)[1]))
    place = {label: at for at, label in enumerate(order)}
    lines = list(stray_summaries(strays, masks, classes))
    for label, error in errors:
        if isinstance(error, WrongSize) and label in place:
            lines.append(str(error) + _owner(order, place[label], error.size, sizes))
        elif not isinstance(error, StrayValues):
            lines.append(str(error))
    return lines


def _owner(
    order: Sequence[str], at: int, size: tuple[int, int], sizes: Mapping[str, tuple[int, int]]
) -> str:
    """A remark on the image near by that has just the size of the mask."""
    for step in sorted(range(-NEIGHBORS, NEIGHBORS + 1), key=abs):
        other = at + step
        if 0 <= other < len(order) and sizes[order[other]] == size:
            return f"; {order[other]} has the mask's size: see whether names were mixed up"
    return ""
