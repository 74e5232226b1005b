"""What a dataset holds, as a sheet of pictures."""

import numpy as np
from matplotlib.figure import Figure

from s4al_jax.report.figures.acquisition import contact_sheet
from s4al_jax.types import DatasetSpec, InputError


def sheet(spec: DatasetSpec, count: int) -> Figure:
    """Some pictures of all splits, evenly spread, with their labels drawn over them."""
    everything = [
        (split, index)
        for split in (spec.train, spec.val, spec.test)
        for index in range(len(split.names))
    ]
    places = np.unique(np.linspace(0, len(everything) - 1, min(count, len(everything)), dtype=int))
    pictures, labels, names = [], [], []
    for place in places:
        split, index = everything[place]
        try:
            picture = split.read_image(index)
            label = split.read_truth(index) if split.known[index] else None
        except InputError:
            continue  # the report names it
        pictures.append(picture)
        labels.append(label)
        names.append(split.names[index])
    return contact_sheet(pictures, labels, names, spec.classes, spec.palette)
