"""The page of one run or of several, written as a single file."""

from collections.abc import Sequence
from pathlib import Path

from s4al_jax.files.atomic import write_atomically
from s4al_jax.report.page.build import assembled
from s4al_jax.report.page.html import page
from s4al_jax.rundir.records import read
from s4al_jax.types import DatasetSpec

INDEX = "index.html"


def write(
    out: Path,
    runs: Sequence[Path],
    spec: DatasetSpec | None,
    *,
    shown: int = 0,
    reference: Path | None = None,
    notes: Sequence[str] = (),
) -> Path:
    """Write the page into a folder and say where; `spec` is the dataset of the shown run.

    Without it (None) the page has no pictures; `notes` may say why.
    """
    made = assembled(
        [read(run) for run in runs],
        spec,
        shown=shown,
        reference=read(reference) if reference else None,
        notes=notes,
    )
    text = page(made.page, made.images, made.cycles)
    write_atomically(out / INDEX, text.encode())
    return out / INDEX
