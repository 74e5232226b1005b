"""A reproduced table as a page of Markdown and as CSV."""

import csv
import io
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from s4al_jax.paper.comparison import Line
from s4al_jax.paper.tables import Published, Table
from s4al_jax.report.tables import markdown
from s4al_jax.rundir.records import Record, Spread

HEAD = (
    *("row", "measure", "cycle", "paper_labeled", "paper", "paper_std"),
    *("labeled", "ours", "ours_std", "runs", "deviation", "note"),
)
READING = (
    "mIoU, IoU and labels in %, mean ± sample standard deviation over seeds; the deviation is ours "
    "less the paper's, in points."
)


def page(
    table: Table,
    lines: Sequence[Line],
    records: Sequence[Record],
    *,
    opening: str,
    command: str,
    picture: str,
) -> str:
    """Markdown: the table, its classes, the options of its rows, and where and when it was run."""
    parts = [
        f"# {_heading(table)}",
        opening,
        f"{READING} The paper's figures: {table.source}.",
        main_table(lines),
        f"![{table.title}]({picture})",
        class_table(lines),
        _remarks(lines),
        "## What was run",
        "\n".join(f"- {row.name}: {row.kind.text}" for row in table.rows if row.kind),
        about(records, command),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def contents(
    tables: Sequence[tuple[Table, str, Sequence[Line]]],
    records: Sequence[Record],
    *,
    opening: str,
    command: str,
) -> str:
    """Markdown: each table in brief, with a link to its page; `tables` has the page's name, too."""
    parts = ["# The paper's tables, reproduced", opening, READING]
    for table, name, lines in tables:
        parts += [f"## [{_heading(table)}]({name}.md)", main_table(lines)]
    parts += ["## Where and when", about(records, command)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _heading(table: Table) -> str:
    places = {
        "components": "Sec. 4.4",
        "fig3": "Figure 3",
        "s1": "Figure S1",
        "reach95": "Sec. 4.3",
    }
    return f"{table.title} ({places.get(table.name, f'Table {table.name}')})"


def main_table(lines: Sequence[Line]) -> str:
    """A line for each figure that is not a class's; empty where all are."""
    shown = [line for line in lines if not line.of_class]
    if not shown:
        return ""
    measures = len({line.measure for line in shown}) > 1
    cycles = any(line.cycle is not None for line in shown)
    head = ["row", *["measure"] * measures, *["cycle"] * cycles]
    head += ["labeled, paper", "labeled, here", "paper", "here", "deviation", "runs"]
    rows = []
    for line in shown:
        cycle = "-" if line.cycle is None else str(line.cycle)
        rows.append(
            [
                *[line.row, *[line.title] * measures, *[cycle] * cycles],
                "-" if line.paper_labeled is None else f"{line.paper_labeled:g}",
                "-" if line.labeled is None else f"{line.labeled.mean:.2f}",
                figure_text(line.paper),
                figure_text(line.ours),
                "-" if line.deviation is None else f"{line.deviation:+.1f}",
                str(line.ours.runs) if line.ours else "-",
            ]
        )
    return markdown(head, rows)


def figure_text(figure: Published | Spread | None) -> str:
    """`53.0 ± 3.0`; the paper's figures as it prints them; or a dash."""
    if figure is None:
        return "-"
    std = "" if figure.std is None else f" ± {figure.std:.1f}"
    mean = f"{figure.mean:g}" if isinstance(figure, Published) else f"{figure.mean:.1f}"
    return mean + std


def class_table(lines: Sequence[Line]) -> str:
    """A line for each class, a column for each row of the table; the paper's in brackets."""
    shown = [line for line in lines if line.of_class]
    if not shown:
        return ""
    several = len({(line.row, line.cycle) for line in shown}) > len({line.row for line in shown})
    columns = list(dict.fromkeys(_column(line, several) for line in shown))
    found = {(line.title, _column(line, several)): line for line in shown}
    rows = []
    for title in dict.fromkeys(line.title for line in shown):
        cells = [_with_paper(found.get((title, column))) for column in columns]
        rows.append((title, *cells))
    return "By class (the paper's in brackets):\n\n" + markdown(("", *columns), rows)


def _column(line: Line, several: bool) -> str:
    return f"{line.row}, cycle {line.cycle}" if several else line.row


def _with_paper(line: Line | None) -> str:
    if line is None or (line.ours is None and line.paper is None):
        return "-"
    paper = f" ({figure_text(line.paper)})" if line.paper else ""
    return figure_text(line.ours) + paper


def _remarks(lines: Sequence[Line]) -> str:
    notes = dict.fromkeys((line.row, line.note) for line in lines if line.note)
    return "\n".join(f"- {row}: {note}." for row, note in notes)


def about(records: Sequence[Record], command: str) -> str:
    """Where and when the runs were done, by which versions, with which seeds."""
    if not records:
        return f"No run is finished yet. Made with `{command}`."
    runs = [record.description for record in records]
    devices = _each(f"{run['device']['count']} x {run['device']['kind']}" for run in runs)
    versions = _each(
        " ".join(f"{name} {version}" for name, version in run["versions"].items()) for run in runs
    )
    seeds = list(map(str, sorted({run["seed"] for run in runs})))
    dates = _each(sorted(_day(record.path) for record in records))
    count = f"{len(records)} {_word('run', records)}, {_word('seed', seeds)} {', '.join(seeds)}"
    return f"{count}; on {devices}; {versions}; begun on {dates}. Made with `{command}`."


def _word(one: str, counted: Sequence[Any]) -> str:
    return one if len(counted) == 1 else f"{one}s"


def _each(values: Any) -> str:
    return "; ".join(dict.fromkeys(values))


def _day(run: Path) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime((run / "config.json").stat().st_mtime))


def as_csv(lines: Sequence[Line]) -> str:
    """Every figure in a row of its own, to three places."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEAD)
    for line in lines:
        writer.writerow(
            [
                *(line.row, line.measure, line.cycle, line.paper_labeled),
                *_mean_and_std(line.paper),
                *(_mean_and_std(line.labeled)[0], *_mean_and_std(line.ours)),
                *(line.ours.runs if line.ours else 0, _round(line.deviation), line.note),
            ]
        )
    return out.getvalue()


def _mean_and_std(figure: Published | Spread | None) -> tuple[float | None, float | None]:
    return (_round(figure.mean), _round(figure.std)) if figure else (None, None)


def _round(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
