"""What a dataset holds, as a sheet of pictures."""

import textwrap
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from matplotlib.figure import Figure

from s4al_jax.report.figures.acquisition import contact_sheet
from s4al_jax.types import DatasetSpec, ImageSet, InputError


def sheet(
    spec: DatasetSpec, count: int, titles: Mapping[str, str] = MappingProxyType({})
) -> Figure:
    """Some pictures with their labels drawn over them.

    Args:
      spec: the dataset.
      count: of the pictures.
      titles: split/name -> what to write over that picture; these come first, in this order. The
        others are evenly spread over all splits.
    """
    pictures, labels, names = [], [], []
    for split, index, name in _places(spec, count, titles):
        try:
            picture = split.picture(index)
            label = split.read_truth(index) if split.known[index] else None
        except InputError:
            continue  # the report names it
        pictures.append(picture)
        labels.append(label)
        names.append(name)
    return contact_sheet(pictures, labels, names, spec.classes, spec.palette)


def _places(
    spec: DatasetSpec, count: int, titles: Mapping[str, str]
) -> list[tuple[ImageSet, int, str]]:
    """The pictures that are shown: in which split, where in it, and what is written over each."""
    splits = {"train": spec.train, "val": spec.val, "test": spec.test}
    everything = [(split, i) for split, images in splits.items() for i in range(len(images.names))]
    place = {f"{split}/{splits[split].names[i]}": (split, i) for split, i in everything}
    first = [label for label in titles if label in place][:count]
    named = [
        (splits[place[label][0]], place[label][1], _wrap(f"{label}: {titles[label]}"))
        for label in first
    ]
    if len(first) == count or len(first) == len(everything):
        return named
    others = [one for one in everything if one not in {place[label] for label in first}]
    wanted = min(count - len(first), len(others))
    chosen = np.unique(np.linspace(0, len(others) - 1, wanted, dtype=int))
    spread = [(splits[others[i][0]], others[i][1]) for i in chosen]
    return [*named, *((images, index, images.names[index]) for images, index in spread)]


def _wrap(title: str) -> str:
    return textwrap.fill(title, 48, max_lines=3)
