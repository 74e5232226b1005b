"""Runs beside each other: studies with their spread, and how far it is to full supervision."""

from collections.abc import Sequence

from s4al_jax.report.page import published as paper
from s4al_jax.report.page import schema
from s4al_jax.rundir.records import Record, by_study, spread
from s4al_jax.types import InputError

GOAL = 0.95
"""of the mIoU of full supervision: what active learning should reach"""

MOST_DIFFERENCES = 3


def studies(records: Sequence[Record]) -> list[schema.Study]:
    """In the order of the runs; two of one name are distinguished by the options that differ."""
    groups = by_study(records)
    names = [group[0].description["name"] for group in groups]
    return [
        {
            "name": name
            + _differences(group, [g for n, g in zip(names, groups, strict=True) if n == name]),
            "fully_supervised": group[0].description["method"]["labels_all"],
            "means": means(group),
        }
        for name, group in zip(names, groups, strict=True)
    ]


def study_of(records: Sequence[Record], record: Record) -> int:
    """Where the study of a run stands in `studies`."""
    return [group[0].study for group in by_study(records)].index(record.study)


def _differences(group: Sequence[Record], alike: Sequence[Sequence[Record]]) -> str:
    """The options in which a study differs from others of its name."""
    mine = group[0].description["study"]
    others = [other[0].description["study"] for other in alike]
    differing = [
        name for name in sorted(mine) if any(other.get(name) != mine[name] for other in others)
    ]
    return "".join(f", {name} {mine[name]}" for name in differing[:MOST_DIFFERENCES])


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
    """95 % of full supervision: of the reference, else of a given run with all labels, else as the
    paper says. Runs that differ from it in nothing but the seed count as well.
    """
    setting = shown.description["setting"]
    supervised = [
        record
        for record in records
        if record.description["method"]["labels_all"] and record.description["setting"] == setting
    ]
    full = reference or next((record for record in supervised if record.cycles), None)
    if full:
        alike = [full, *(r for r in records if r.study == full.study and r.path != full.path)]
        values = [m for r in alike if r.cycles and (m := r.cycles[-1].miou()) is not None]
        if not values:
            raise InputError(f"{full.path} has no measured cycle: name another run as reference")
        mean, std, _ = spread(values)
        source = ", ".join(record.name for record in alike)
        return _goal(shown, records, mean, std, source)
    point = paper.FULLY_SUPERVISED.get(shown.description["dataset"]["name"])
    if point is None:
        return None
    return _goal(shown, records, point.miou / 100, None, f"the paper: {point.source}")


def _goal(
    shown: Record, records: Sequence[Record], full: float, std: float | None, source: str
) -> schema.Goal:
    line = GOAL * full
    same_study = [record for record in records if record.study == shown.study]
    reached = [mean["labeled_share"] for mean in means(same_study) if mean["miou"] >= line]
    return {
        "full": full,
        "std": std,
        "source": source,
        "line": line,
        "reached_share": reached[0] if reached else None,
    }


def published_points(dataset: str) -> list[schema.Published]:
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
