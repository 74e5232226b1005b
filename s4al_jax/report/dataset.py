"""What a dataset holds, as a text."""

from collections.abc import Iterator, Sequence

from s4al_jax.data.nearest_colors import Change
from s4al_jax.report.tables import markdown
from s4al_jax.survey.suspicions import Suspicion
from s4al_jax.survey.validate import Survey
from s4al_jax.types import DatasetSpec

MOST = 100
"""Suspicions that are listed; of the others it is said how many there are."""


def data_report(spec: DatasetSpec, found: Survey, suspicions: Sequence[Suspicion] = ()) -> str:
    """Counts, sizes, the share of each class in each split, and all that is wrong or strange."""
    tables = [*_counts(found), "", *_classes(spec, found), ""]
    return "\n".join([*tables, *_remarks(found), *_listed(suspicions)])


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
    for name, split in found.splits.items():
        if split.changes:
            yield f"note: {name}: {_changed(split.changes)}"
    for warning in found.warnings:
        yield f"note: {warning}"
    for error in found.errors:
        yield f"error: {error}"
    if not found.errors:
        yield "No errors."


def _changed(changes: Sequence[Change]) -> str:
    """What the nearest color has changed in the masks of a split, and in the worst."""
    pixels = sum(one.pixels for one in changes)
    changed, void = sum(one.changed for one in changes), sum(one.void for one in changes)
    worst = max(changes, key=lambda one: one.changed / one.pixels)
    return (
        f"{100 * changed / pixels:.2g} % of the pixels of {len(changes)} masks had no class's "
        f"color; of a class near by are {100 * (changed - void) / pixels:.2g} % now, void "
        f"{100 * void / pixels:.2g} %; most are in {worst.file} "
        f"({100 * worst.changed / worst.pixels:.2g} %)"
    )


def _listed(suspicions: Sequence[Suspicion]) -> Iterator[str]:
    for one in suspicions[:MOST]:
        yield f"suspicion: {one.text}"
    if len(suspicions) > MOST:
        yield f"and {len(suspicions) - MOST} more suspicions"
