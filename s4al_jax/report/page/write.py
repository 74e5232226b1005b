"""The page of one run or of several, written as a single file."""

from collections.abc import Sequence
from pathlib import Path

from s4al_jax.files.atomic import write_atomically
from s4al_jax.report.page.build import build_page
from s4al_jax.report.page.html import page_html
from s4al_jax.rundir.records import read
from s4al_jax.types import DatasetSpec

INDEX = "index.html"


def write_page(
    out: Path,
    runs: Sequence[Path],
    spec: DatasetSpec | None,
    *,
    shown: int = 0,
    reference: Path | None = None,
    notes: Sequence[str] = (),
) -> Path:
    """Write the page of some run directories.

    Args:
      out: the folder that gets the page.
      runs: the run directories.
      spec: the dataset of the run that is shown; None: the page has no pictures.
      shown: which run is shown in pictures.
      reference: the directory of a run with all labels, to compare with.
      notes: sentences to add to those about what could not be shown.

    Returns:
      The file of the page.
    """
    contents = build_page(
        [read(run) for run in runs],
        spec,
        shown=shown,
        reference=read(reference) if reference else None,
        notes=notes,
    )
    text = page_html(contents.page, contents.images, contents.cycles)
    write_atomically(out / INDEX, text.encode())
    return out / INDEX
