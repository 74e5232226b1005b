"""Ours beside the paper's: each figure of a table with mean, spread and deviation over seeds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from s4al_jax.paper.tables import END, GOAL, Kind, Published, Row, Table
from s4al_jax.report.page import targets
from s4al_jax.rundir.answers import annotated_pixels, read_answers
from s4al_jax.rundir.records import Record, Spread, spread

Runs = Mapping[Kind, Sequence[Record]]
"""What was run for a row: the finished runs, one for each seed."""

INITIAL_SHARE = 10.0
"""% of the labels in the paper's first cycles."""
BY_CLASS = ("iou ", "recall ", "share ")
"""How the names of measures begin that there are for each class."""


class Line(NamedTuple):
    """One figure. Shares and IoU in %."""

    row: str
    measure: str
    cycle: int | None = None
    """counted from 0; None: the last one"""
    paper_labeled: float | None = None
    paper: Published | None = None
    labeled: Spread | None = None
    ours: Spread | None = None
    note: str = ""

    @property
    def deviation(self) -> float | None:
        """Ours less the paper's, in points."""
        return self.ours.mean - self.paper.mean if self.ours and self.paper else None

    @property
    def title(self) -> str:
        """The measure as one reads it."""
        words = {"miou": "mIoU", "first miou": "mIoU, first cycle"}
        return words.get(self.measure, self.measure.replace("iou ", "IoU ", 1))

    @property
    def of_class(self) -> bool:
        """Whether it is one of many, a class each."""
        return self.measure.startswith(BY_CLASS)


def lines(table: Table, runs: Runs, dataset: str, full: Sequence[Record]) -> list[Line]:
    """All figures of a table; `full` are the runs that learned from all labels."""
    of_row = {"rows": _last_cycle, "cycles": _every_cycle, "annotated": _annotated_class_lines}
    if table.shows == "goal":
        top = over_seeds([value(record, "miou") for record in full])
        return [line for row in table.rows for line in _goal(row, runs, dataset, top)]
    make = of_row[table.shows]
    return [line for row in table.rows for line in make(table, row, runs, dataset)]


def value(record: Record, measure: str, cycle: int = -1) -> float | None:
    """A measure of a run's cycle in %: of the preferred network, on test where there is one."""
    if measure == "first miou":
        measure, cycle = "miou", 0
    of_cycle = record.cycles[cycle]
    measures = of_cycle.measures
    if measure.startswith("recall "):
        confusion = (
            of_cycle.confusion(*of_cycle.preferred_measure) if of_cycle.preferred_measure else None
        )
        return _recall(confusion, classes(measures), measure[7:])
    found = measures.get(measure.replace("iou ", "iou/", 1))
    return None if found is None else 100 * float(found)


def classes(measures: Mapping[str, Any]) -> list[str]:
    """The classes of an evaluation, by id."""
    return [name.removeprefix("iou/") for name in measures if name.startswith("iou/")]


def _recall(confusion: np.ndarray | None, names: Sequence[str], name: str) -> float | None:
    if confusion is None or name not in names:
        return None
    index = names.index(name)
    pixels = int(confusion[index].sum())
    return 100 * int(confusion[index, index]) / pixels if pixels else None


def over_seeds(values: Sequence[float | None]) -> Spread | None:
    """Mean and spread of the values that are known; None without any."""
    found = [value for value in values if value is not None]
    return spread(found) if found else None


def _records(row: Row, runs: Runs) -> Sequence[Record]:
    return runs.get(row.kind, ()) if row.kind else ()


def _note(row: Row, records: Sequence[Record]) -> str:
    missing = "not built" if row.kind is None else "" if records else "not run yet"
    return "; ".join(filter(None, (missing, row.note)))


def _labeled_share(records: Sequence[Record], cycle: int = -1) -> Spread | None:
    return over_seeds([100 * record.cycles[cycle].labeled_share for record in records])


def _class_measures(records: Sequence[Record], kind: str) -> list[str]:
    return [f"{kind} {name}" for record in records[:1] for name in _names(record)]


def _names(record: Record) -> list[str]:
    return classes(record.cycles[-1].measures)


def _last_cycle(table: Table, row: Row, runs: Runs, dataset: str) -> Iterator[Line]:
    records, published = _records(row, runs), row.published.get(dataset, {})
    # A measure that the paper gives for one row is compared in all of them.
    wanted = ["miou", *(m for other in table.rows for m in other.published.get(dataset, {}))]
    if any(measure.startswith("iou ") for measure in wanted):
        wanted += _class_measures(records, "iou")
    for measure in dict.fromkeys(wanted):
        first = measure == "first miou"
        # Where there is one cycle only, it is the last one.
        counted = [record for record in records if not first or len(record.cycles) > 1]
        if measure != "miou" and not counted and measure not in published:
            continue
        cycle = 0 if first else -1
        yield Line(
            row.name,
            measure,
            paper_labeled=INITIAL_SHARE if first else row.labeled.get(dataset),
            paper=published.get(measure),
            labeled=_labeled_share(counted, cycle),
            ours=over_seeds([value(record, measure) for record in counted]),
            note=_note(row, records),
        )


def _every_cycle(table: Table, row: Row, runs: Runs, dataset: str) -> Iterator[Line]:
    records, published = _records(row, runs), row.published.get(dataset, {}).get("miou")
    last = max((len(record.cycles) for record in records), default=1) - 1
    for cycle in range(last + 1):
        reached = [record for record in records if len(record.cycles) > cycle]
        for measure in ["miou", *_class_measures(reached, "iou")]:
            published_here = measure == "miou" and cycle == last
            yield Line(
                row.name,
                measure,
                cycle=cycle if records else None,
                paper_labeled=row.labeled.get(dataset) if published_here else None,
                paper=published if published_here else None,
                labeled=_labeled_share(reached, cycle),
                ours=over_seeds([value(record, measure, cycle) for record in reached]),
                note=_note(row, records),
            )


def _annotated_class_lines(table: Table, row: Row, runs: Runs, dataset: str) -> Iterator[Line]:
    records = _records(row, runs)
    if not records:
        yield Line(row.name, "regions", note=_note(row, records))
        return
    found = [(read_answers(record), record.classes) for record in records]
    names = (*found[0][1], "void")
    for cycle in range(min(len(record.cycles) for record in records)):
        what = f"annotated for cycle {cycle}" if cycle else "labeled at the start"
        counts = [np.array(annotated_pixels(answers, cycle, len(own))) for answers, own in found]
        shares = [100 * count / max(count.sum(), 1) for count in counts]
        for index, name in enumerate(names):
            ours = over_seeds([float(share[index]) for share in shares])
            yield Line(
                what,
                f"share {name}",
                cycle=cycle,
                labeled=_labeled_share(records, cycle),
                ours=ours,
            )


def _goal(row: Row, runs: Runs, dataset: str, full: Spread | None) -> Iterator[Line]:
    # Without a run on all labels there is no line to reach.
    records = _records(row, runs) if full else ()
    published, top = row.published.get(dataset, {}), full.mean if full else 0.0
    shares = [reached_share(record, targets.GOAL * top) for record in records]
    ends = [value(record, "miou") for record in records]
    short = sum(share is None for share in shares)
    note = f"not reached by {short} of {len(shares)} runs" if short else ""
    if records or GOAL in published:
        yield Line(
            row.name,
            GOAL,
            paper=published.get(GOAL),
            ours=None if short else over_seeds(shares),
            note="; ".join(filter(None, (note, _note(row, records)))),
        )
    yield Line(
        row.name,
        END,
        paper_labeled=row.labeled.get(dataset),
        paper=published.get(END),
        labeled=_labeled_share(records),
        ours=over_seeds([None if end is None else 100 * end / top for end in ends]),
        note=_note(row, records),
    )


def reached_share(record: Record, line: float) -> float | None:
    """% of the pixels that were labeled at the first cycle whose mIoU (in %) is on the line."""
    for index, cycle in enumerate(record.cycles):
        found = value(record, "miou", index)
        if found is not None and found >= line:
            return 100 * cycle.labeled_share
    return None
