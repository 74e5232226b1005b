"""`s4al report`: the page of one run or of several, or their tables."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from s4al_jax.cli.parser import Parser, add_command


def register(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "report",
        run,
        summary="write the page of one run or of several, or print tables",
        usage="RUN ... [--table] [--out=DIR] [--reference=RUN] [options]",
        notes="A run writes its own page after every cycle, into report/ of its directory. "
        "This writes it again, wherever the run stands, and compares several.",
        example="s4al report runs/demo --reference=runs/demo_supervised\n"
        "s4al report runs/seed* --out=reports/seeds",
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run's directory")
    parser.add_argument("--table", action="store_true", help="print a table instead")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where index.html goes; default: RUN/report"
    )
    parser.add_argument(
        "--reference", type=Path, metavar="RUN", help="a run with all labels: the goal is its 95 %%"
    )
    parser.add_argument(
        "--shown", type=Path, metavar="RUN", help="whose pictures are shown; default: the first"
    )
    parser.add_argument("--root", metavar="DIR", help="where the dataset lies now, if it was moved")


def run(given: argparse.Namespace) -> None:
    """Write a page and say where it is and how large, or print a table for each run."""
    if given.table:
        print_tables(given.runs, given.reference)
    else:
        print_page(
            given.runs,
            out=given.out,
            shown=given.shown,
            reference=given.reference,
            root=given.root,
        )


def print_tables(runs: Sequence[Path], reference: Path | None) -> None:
    """Print what each cycle of each run came to, beside a run that learned from all labels."""
    from s4al_jax.report.tables import run_tables

    print(run_tables(runs, reference))


def print_page(runs: Sequence[Path], **how: Any) -> None:
    """Write the page of runs as `write_page` does, and say what it lacks and where it is."""
    from s4al_jax.cli.page import write_page

    page = write_page(runs, **how)
    for note in page.notes:
        print(f"note: {note}")
    print(f"{page.path}: {page.path.stat().st_size / 2**20:.1f} MiB")
