"""Runs beside each other: studies with their spread, and how far it is to full supervision."""

from collections.abc import Mapping, Sequence
from typing import Any

from s4al_jax.config.defaults import FREE_OPTIONS
from s4al_jax.report.page import published as paper
from s4al_jax.report.page import schema
from s4al_jax.rundir.records import Record, by_study, spread
from s4al_jax.types import InputError

GOAL = 0.95
"""of the mIoU of full supervision: what active learning is asked to reach"""

MOST_SAID = 3


def studies(records: Sequence[Record]) -> list[schema.Study]:
    """In the order of the runs; two of one name are told apart by the options that differ."""
    groups = by_study(records)
    names = [_name(group[0].options) for group in groups]
    return [
        {
            "name": name
            + _apart(group, [g for n, g in zip(names, groups, strict=True) if n == name]),
            "fully_supervised": group[0].fully_supervised,
            "means": means(group),
        }
        for name, group in zip(names, groups, strict=True)
    ]


def study_of(records: Sequence[Record], record: Record) -> int:
    """Where the study of a run stands in `studies`."""
    return [group[0].study for group in by_study(records)].index(record.study)


def _name(options: Mapping[str, Any]) -> str:
    asks = options["schedule.acquisitions"]
    question = [options["acquisition.name"]] if asks else []
    if asks and options["acquisition.unit"] == "images":
        question = [f"{options['acquisition.name']} of whole images"]
    start = f"{100 * options['data.initial_share']:g} % labeled at the start"
    return ", ".join([options["method.name"], *question, start])


def _apart(group: Sequence[Record], alike: Sequence[Sequence[Record]]) -> str:
    mine, others = group[0].options, [other[0].options for other in alike]
    differing = [
        name
        for name in sorted(mine)
        if name not in ("seed", *FREE_OPTIONS)
        and any(other.get(name) != mine[name] for other in others)
    ]
    return "".join(f", {name} {mine[name]}" for name in differing[:MOST_SAID])


def means(group: Sequence[Record]) -> list[schema.Mean]:
    """Mean and spread of each cycle over the runs of a study that have got there."""
    found: list[schema.Mean] = []
    for number in sorted({cycle.number for record in group for cycle in record.cycles}):
        reached = [c for record in group for c in record.cycles if c.number == number]
        values = [miou for cycle in reached if (miou := cycle.miou()) is not None]
        if not values:
            continue
        mean, std, count = spread(values)
        share = spread([cycle.labeled_share for cycle in reached]).mean
        found.append({"labeled_share": share, "miou": mean, "std": std, "runs": count})
    return found


def goal(shown: Record, records: Sequence[Record], reference: Record | None) -> schema.Goal | None:
    """95 % of full supervision: of the reference, of given runs, or as the paper says.

    Of a run, those that differ in nothing but the seed count as well.
    """
    there = [r for r in records if r.fully_supervised and r.setting == shown.setting]
    full = reference or next((record for record in there if record.cycles), None)
    if full:
        alike = [full, *(r for r in records if r.study == full.study and r.path != full.path)]
        values = [m for r in alike if r.cycles and (m := r.cycles[-1].miou()) is not None]
        if not values:
            raise InputError(f"{full.path} has no measured cycle: name another run as reference")
        mean, std, _ = spread(values)
        source = ", ".join(record.path.resolve().name for record in alike)
        return _goal(shown, records, mean, std, source)
    point = paper.FULLY_SUPERVISED.get(shown.options["data.name"])
    if point is None:
        return None
    return _goal(shown, records, point.miou / 100, None, f"the paper: {point.source}")


def _goal(
    shown: Record, records: Sequence[Record], full: float, std: float | None, source: str
) -> schema.Goal:
    line = GOAL * full
    brothers = [record for record in records if record.study == shown.study]
    reached = [mean["labeled_share"] for mean in means(brothers) if mean["miou"] >= line]
    return {
        "full": full,
        "std": std,
        "source": source,
        "line": line,
        "reached_share": reached[0] if reached else None,
    }


def published(dataset: str) -> list[schema.Published]:
    """The points of the paper for a dataset; none for most."""
    return [
        {
            "method": point.method,
            "labeled_share": point.labeled / 100,
            "miou": point.miou / 100,
            "std": None if point.std is None else point.std / 100,
            "source": point.source,
        }
        for point in paper.POINTS.get(dataset, ())
    ]
