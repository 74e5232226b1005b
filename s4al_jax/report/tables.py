"""Tables of finished or running cycles, read from run directories."""

from collections.abc import Sequence
from pathlib import Path

from s4al_jax.rundir.records import Cycle, cycles, read
from s4al_jax.types import InputError


def run_tables(runs: Sequence[Path], reference: Path | None = None) -> str:
    """Markdown: the table of each run, below its name where there are several."""
    for path in filter(None, (*runs, reference)):
        if not read(path).cycles:
            raise InputError(f"{path} holds no finished cycle: wait for the first one")
    tables = [cycle_table(path, reference) for path in runs]
    if len(runs) == 1:
        return tables[0]
    return "\n\n".join(f"{path}\n{text}" for path, text in zip(runs, tables, strict=True))


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
    head = ("cycle", "labeled % of pixels", "annotated regions", "mIoU %", "mIoU % trained on all")
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
