"""A run as the page tells it: its cycles in numbers, what it was started with, how long it took."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from s4al_jax.config import defaults as config
from s4al_jax.labels.ledger import Answer
from s4al_jax.regions import RegionGrid, region_grid, whole_image
from s4al_jax.report.page import schema
from s4al_jax.report.page.again import command
from s4al_jax.report.page.head_tail import Groups, mean_of
from s4al_jax.rundir import records
from s4al_jax.rundir.answers import asked


def run(
    record: records.Record,
    classes: Sequence[str],
    answers: Sequence[Answer],
    *,
    study: int,
    pseudo_labels: Mapping[int, schema.PseudoLabels],
) -> schema.Run:
    """All but the pictures; `pseudo_labels` by cycle, where it is known how good they are."""
    journal = [row for row in records.rows(record.path) if row["kind"] == "train"]
    timing, steps = records.rows(record.path, "timing.jsonl"), record.options["schedule.iterations"]
    seconds = _seconds(journal, timing, steps)
    groups = Groups(record, answers, len(classes))
    identity = record.identity
    began = (record.path / "config.json").stat().st_mtime
    return {
        "name": record.path.resolve().name,
        "path": str(record.path),
        "study": study,
        "seed": record.options["seed"],
        "finished": record.finished,
        "budget_share": budget_share(record),
        "cycles": [
            _cycle(cycle, classes, answers, groups)
            | {
                "pseudo_labels": pseudo_labels.get(cycle.number),
                "seconds": seconds.get(cycle.number),
            }
            for cycle in record.cycles
        ],
        "losses": [_losses(row) for row in journal],
        "options": changed(record.options),
        "fingerprint": identity["fingerprint"],
        "versions": dict(identity["versions"]),
        "device": "{count} x {kind}".format(**identity["device"]),
        "command": command(record.path, record.options),
        "revision": identity.get("revision", ""),
        "started": datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds"),
        "hours": sum(row["seconds_per_step"] for row in timing) * steps / 3600 if timing else None,
    }


def _cycle(
    cycle: records.Cycle, classes: Sequence[str], answers: Sequence[Answer], groups: Groups
) -> schema.Cycle:
    """Without what only pictures and times can say."""
    counted, measured = cycle.counted, cycle.measured
    class_iou = [measured.get(f"iou/{name}") for name in classes]
    confusion = cycle.confusion(*counted) if counted else None
    told = groups.of(cycle.number)
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
        "head_iou": mean_of(class_iou, told[0]) if told else None,
        "tail_iou": mean_of(class_iou, told[1]) if told else None,
        "confusion": None if confusion is None else confusion.tolist(),
        "asked": asked(answers, cycle.number, len(classes)),
        "pseudo_labels": None,
        "seconds": None,
    }


def _losses(row: Mapping[str, Any]) -> schema.Losses:
    about = ("number", "kind", "cycle", "epoch", "phase")
    metrics = {name: value for name, value in row.items() if name not in about}
    return {
        "step": row["number"],
        "cycle": row["cycle"],
        "phase": row["phase"],
        "metrics": metrics,
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


def budget_share(record: records.Record) -> float | None:
    """The share of the pool's pixels that the whole run may pay for; None before it has begun."""
    options, splits = record.options, record.splits
    if splits is None:
        return None
    pool, initial = len(splits["train"]), len(splits["initial"])
    costs = np.sort(grid(options).costs.ravel())[::-1]
    if options["acquisition.unit"] == "images":
        bought = max(1, round(options["acquisition.image_share"] * pool))
    else:
        bought = pool - initial
        costs = costs[: options["acquisition.cells_per_image"]]
    # Where nothing is known at the start, the first question comes before the first cycle.
    rounds = record.planned - 1 + (not initial)
    pixels = options["data.height"] * options["data.width"]
    return (initial * pixels + rounds * bought * int(costs.sum())) / (pool * pixels)


def grid(options: Mapping[str, Any]) -> RegionGrid:
    """The cells that a run can ask for."""
    height, width = options["data.height"], options["data.width"]
    if options["acquisition.unit"] == "images":
        return whole_image(height, width)
    cell = options["acquisition.cell_height"], options["acquisition.cell_width"]
    return region_grid(height, width, *cell)


def changed(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that differ from the default configuration."""
    defaults = config.flat(config.default())
    absent = object()
    return {name: value for name, value in options.items() if value != defaults.get(name, absent)}
