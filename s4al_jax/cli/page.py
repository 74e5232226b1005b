"""The page of runs that are there, with the pictures of the dataset that one of them names."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from s4al_jax.config.options import of_run
from s4al_jax.data.splits import splits_record
from s4al_jax.report.page import write
from s4al_jax.run.task import build_dataset
from s4al_jax.rundir.records import read
from s4al_jax.types import DatasetSpec, InputError


class Written(NamedTuple):
    """A page on disk, and what it lacks."""

    path: Path
    notes: list[str]


def write_page(
    runs: Sequence[Path],
    *,
    out: Path | None = None,
    shown: Path | None = None,
    reference: Path | None = None,
    root: str | None = None,
) -> Written:
    """Write the page of runs into a folder.

    Args:
      runs: their directories.
      out: the folder; by default `report/` in the directory of the only run.
      shown: the run whose pictures are shown; by default the first.
      reference: a run that learned from all labels.
      root: where the dataset of the shown run lies, if not where it was.
    """
    place = _place(runs, shown) if shown else 0
    folder = out or _only(runs) / "report"
    spec, notes = _dataset(runs[place], root)
    path = write.write_page(folder, runs, spec, shown=place, reference=reference, notes=notes)
    return Written(path, notes)


def _place(runs: Sequence[Path], shown: Path) -> int:
    places = [index for index, run in enumerate(runs) if run.resolve() == shown.resolve()]
    if not places:
        raise InputError(f"--shown={shown} is none of the runs: name it among them")
    return places[0]


def _only(runs: Sequence[Path]) -> Path:
    if len(runs) > 1:
        raise InputError("--out is missing: name a folder for the page of several runs")
    return runs[0]


def _dataset(run: Path, root: str | None) -> tuple[DatasetSpec | None, list[str]]:
    """The images of a run, or None and why there are none."""
    data = of_run(run).data
    if root is not None:
        data.root = root
    try:
        spec = build_dataset(data)
    except InputError as error:
        return None, [f"There are no pictures, since the dataset is not where it was: {error}."]
    kept = read(run).splits
    there = splits_record(spec, ())
    if kept and any(there[name] != kept[name] for name in ("classes", "train", "val", "test")):
        return None, ["There are no pictures, since the dataset has other images or classes now."]
    return spec, []
