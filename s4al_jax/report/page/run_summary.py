"""A run as the page tells it: its cycles in numbers, what it was started with, how long it took."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from s4al_jax.labels.ledger import Answer
from s4al_jax.report.page import schema
from s4al_jax.rundir import records
from s4al_jax.rundir.answers import annotated_pixels

NO_METRICS = ("number", "kind", "cycle", "epoch", "stage")
"""What a row of the journal says besides its metrics."""


def summarize_run(
    record: records.Record,
    answers: Sequence[Answer],
    *,
    study: int,
    pseudo_labels: Mapping[int, schema.PseudoLabels],
) -> schema.Run:
    """All but the pictures.

    Args:
      record: the run.
      answers: what it had annotated.
      study: where its study stands in `Page.studies`.
      pseudo_labels: by cycle, where it is known how good they are.
    """
    journal = [row for row in records.rows(record.path) if row["kind"] == "train"]
    timing = records.rows(record.path, "timing.jsonl")
    described = record.description
    steps = described["schedule"]["iterations"]
    seconds = _seconds(journal, timing, steps)
    began = (record.path / "config.json").stat().st_mtime
    return {
        "name": record.name,
        "path": str(record.path),
        "study": study,
        "seed": described["seed"],
        "finished": record.is_finished,
        "budget_share": _budget_share(record),
        "cycles": [
            _cycle(cycle, record.classes, answers)
            | {
                "pseudo_labels": pseudo_labels.get(cycle.number),
                "seconds": seconds.get(cycle.number),
            }
            for cycle in record.cycles
        ],
        "losses": [_losses(row) for row in journal],
        "options": described["changed"],
        "fingerprint": record.identity["fingerprint"],
        "versions": described["versions"],
        "device": "{count} x {kind}".format(**described["device"]),
        "command": described["command"],
        "revision": described["revision"],
        "started": datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds"),
        "hours": sum(row["seconds_per_step"] for row in timing) * steps / 3600 if timing else None,
    }


def _cycle(cycle: records.Cycle, classes: Sequence[str], answers: Sequence[Answer]) -> schema.Cycle:
    """Without what only pictures and times can say."""
    preferred, measures = cycle.preferred_measure, cycle.measures
    class_iou = [measures.get(f"iou/{name}") for name in classes]
    confusion = cycle.confusion(*preferred) if preferred else None
    return {
        "number": cycle.number,
        "labeled_share": cycle.labeled_share,
        "labeled_pixels": cycle.metrics["labeled_pixels"],
        "regions": cycle.metrics["regions"],
        "miou": {
            network: {split: found["miou"] for split, found in splits.items()}
            for network, splits in cycle.metrics["measures"].items()
        },
        "class_iou": class_iou,
        "head_iou": mean_of(class_iou, cycle.class_group("head")),
        "tail_iou": mean_of(class_iou, cycle.class_group("tail")),
        "confusion": None if confusion is None else confusion.tolist(),
        "annotated": annotated_pixels(answers, cycle.number, len(classes)),
        "pseudo_labels": None,
        "seconds": None,
    }


def mean_of(values: Sequence[float | None], wanted: Sequence[int] | None) -> float | None:
    """The mean of those at the wanted indices that are defined; None where there are none."""
    known = [value for index in wanted or () if (value := values[index]) is not None]
    return sum(known) / len(known) if known else None


def _losses(row: Mapping[str, Any]) -> schema.Losses:
    return {
        "step": row["number"],
        "cycle": row["cycle"],
        "stage": row["stage"],
        "metrics": {name: value for name, value in row.items() if name not in NO_METRICS},
    }


def _seconds(
    journal: Sequence[Mapping[str, Any]], timing: Sequence[Mapping[str, Any]], iterations: int
) -> dict[int, float]:
    """Training time by cycle; of an epoch that was done again, the last time counts."""
    latest = {row["number"]: row["seconds_per_step"] for row in timing}
    found: dict[int, float] = {}
    for row in journal:
        if row["number"] in latest:
            seconds = latest[row["number"]] * iterations
            found[row["cycle"]] = found.get(row["cycle"], 0.0) + seconds
    return found


def _budget_share(record: records.Record) -> float:
    budget = record.description["budget"]
    pixels = budget["initial"]["pixels"] + sum(cycle["pixels"] for cycle in budget["cycles"])
    return pixels / budget["pool_pixels"]
