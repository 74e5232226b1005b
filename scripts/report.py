"""Writes the page of one run or of several: curves with their spread, pictures, and what was asked.

    python scripts/report.py runs/demo
    python scripts/report.py runs/seed* --reference=runs/supervised --out=reports/demo

A run writes its own after every cycle, into `report/` of its directory; this writes it again, for
runs that have stopped wherever they stand, and compares several.
"""

import argparse
import sys
from pathlib import Path

from s4al_jax.config.defaults import of_run
from s4al_jax.data.splits import splits_record
from s4al_jax.report.page.write import write
from s4al_jax.run import build
from s4al_jax.rundir.records import read
from s4al_jax.types import DatasetSpec, InputError


def main() -> None:
    """Write one page and say where it is and how large."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run's directory")
    parser.add_argument("--out", type=Path, help="a folder for index.html; default: RUN/report")
    parser.add_argument(
        "--reference", type=Path, help="a run with all labels: the goal is its 95 %%"
    )
    parser.add_argument(
        "--shown", type=Path, help="the run whose pictures are shown; default: the first"
    )
    parser.add_argument("--root", help="where the dataset lies now, if it was moved")
    given = parser.parse_args()
    shown = _place(given.runs, given.shown) if given.shown else 0
    out = given.out or _only(given.runs) / "report"
    spec, notes = _dataset(given.runs[shown], given.root)
    page = write(out, given.runs, spec, shown=shown, reference=given.reference, notes=notes)
    for note in notes:
        print(f"note: {note}")
    print(f"{page}: {page.stat().st_size / 2**20:.1f} MiB")


def _place(runs: list[Path], shown: Path) -> int:
    places = [index for index, run in enumerate(runs) if run.resolve() == shown.resolve()]
    if not places:
        raise InputError(f"--shown={shown} is none of the runs: name it among them")
    return places[0]


def _only(runs: list[Path]) -> Path:
    if len(runs) > 1:
        raise InputError("--out is missing: name a folder for the page of several runs")
    return runs[0]


def _dataset(run: Path, root: str | None) -> tuple[DatasetSpec | None, list[str]]:
    """The images of a run, or None and why there are none."""
    data = of_run(run).data
    if root is not None:
        data.root = root
    try:
        spec = build.dataset(data)
    except InputError as error:
        return None, [f"There are no pictures, since the dataset is not where it was: {error}."]
    kept = read(run).splits
    there = splits_record(spec, ())
    if kept and any(there[name] != kept[name] for name in ("classes", "train", "val", "test")):
        return None, ["There are no pictures, since the dataset has other images or classes now."]
    return spec, []


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
