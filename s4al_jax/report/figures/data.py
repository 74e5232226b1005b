"""What a dataset holds, as a text and as a sheet of pictures."""

from collections.abc import Iterator

import numpy as np
from matplotlib.figure import Figure

from s4al_jax.data.validate import Survey
from s4al_jax.report.figures.acquisition import contact_sheet
from s4al_jax.report.tables import markdown
from s4al_jax.types import DatasetSpec, InputError


def data_report(spec: DatasetSpec, found: Survey) -> str:
    """Counts, sizes, the share of each class in each split, and all that is wrong or strange."""
    return "\n".join([*_counts(found), "", *_classes(spec, found), "", *_remarks(found)])


def _counts(found: Survey) -> Iterator[str]:
    rows = []
    for name, split in found.splits.items():
        sizes = [f"{height}x{width}" for (height, width), _ in split.sizes.most_common(3)]
        more = f" and {len(split.sizes) - 3} more" if len(split.sizes) > 3 else ""
        rows.append((name, str(split.images), str(split.with_truth), ", ".join(sizes) + more))
    yield markdown(("split", "images", "with mask", "sizes"), rows)


def _classes(spec: DatasetSpec, found: Survey) -> Iterator[str]:
    def shares(index: int | None) -> list[str]:
        cells = []
        for split in found.splits.values():
            total = int(split.class_pixels.sum()) + split.void_pixels
            part = split.void_pixels if index is None else int(split.class_pixels[index])
            cells.append(f"{100 * part / total:.2f}" if total else "-")
        return cells

    rows = [(str(i), name, *shares(i)) for i, name in enumerate(spec.classes)]
    rows.append(("255", "void", *shares(None)))
    yield markdown(("id", "class", *(f"% of {split}" for split in found.splits)), rows)


def _remarks(found: Survey) -> Iterator[str]:
    for warning in found.warnings:
        yield f"note: {warning}"
    for error in found.errors:
        yield f"error: {error}"
    if not found.errors:
        yield "No errors."


def sheet(spec: DatasetSpec, count: int) -> Figure:
    """Some pictures of all splits, spread evenly, with their labels laid over them."""
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
