"""Tables of finished or running cycles, read from run directories.

python -m s4al_jax.report.tables runs/demo --reference=runs/demo_supervised
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from s4al_jax.rundir.records import Cycle, cycles
from s4al_jax.types import InputError


def cycle_table(run: Path, reference: Path | None = None) -> str:
    """Markdown: a row for each cycle; the last column is the reference run's last mIoU."""
    full = cycles(reference) if reference else ()
    beside = _miou(full[-1]) if full else "-"
    rows = [
        (
            f"{cycle.number}",
            f"{100 * cycle.labeled_share:.2f}",
            f"{cycle.metrics['regions']}",
            _miou(cycle),
            beside,
        )
        for cycle in cycles(run)
    ]
    head = ("cycle", "labeled % of pixels", "regions bought", "mIoU %", "mIoU % trained on all")
    return markdown(head, rows)


def _miou(cycle: Cycle) -> str:
    measured = cycle.miou()
    return "-" if measured is None else f"{100 * measured:.1f}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns also line up on a terminal."""
    widths = [max(len(line[i]) for line in (head, *rows)) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|"
    return "\n".join([line(head), rule, *map(line, rows)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table of a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="a run directory")
    parser.add_argument("--reference", type=Path, help="a run that was trained on all labels")
    given = parser.parse_args(arguments)
    for path in filter(None, (given.run, given.reference)):
        if not cycles(path):
            print(f"error: {path} holds no finished cycle: give a run directory", file=sys.stderr)
            return 1
    print(cycle_table(given.run, given.reference))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        sys.exit(f"error: {error}")
