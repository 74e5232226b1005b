"""A run as the page tells it: its cycles in numbers, what it was started with, how long it took."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from s4al_jax import config
from s4al_jax.pool.ledger import Answer
from s4al_jax.pool.regions import RegionGrid, region_grid, whole_image
from s4al_jax.report import contents, runs
from s4al_jax.report.again import command
from s4al_jax.report.groups import Groups, mean_of
from s4al_jax.report.paid import asked


def run(
    record: runs.Record,
    classes: Sequence[str],
    answers: Sequence[Answer],
    *,
    study: int,
    pseudo_labels: Mapping[int, contents.PseudoLabels],
) -> contents.Run:
    """All but the pictures; `pseudo_labels` by cycle, where it is known how good they are."""
    journal = [row for row in runs.rows(record.path) if row["kind"] == "train"]
    timing, steps = runs.rows(record.path, "timing.jsonl"), record.knobs["schedule.iterations"]
    seconds = _seconds(journal, timing, steps)
    groups = Groups(record, answers, len(classes))
    identity = record.identity
    began = (record.path / "config.json").stat().st_mtime
    return {
        "name": record.path.resolve().name,
        "path": str(record.path),
        "study": study,
        "seed": record.knobs["seed"],
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
        "knobs": changed(record.knobs),
        "fingerprint": identity["fingerprint"],
        "versions": dict(identity["versions"]),
        "device": "{count} x {kind}".format(**identity["device"]),
        "command": command(record.path, record.knobs),
        "revision": identity.get("revision", ""),
        "started": datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds"),
        "hours": sum(row["seconds_per_step"] for row in timing) * steps / 3600 if timing else None,
    }


def _cycle(
    cycle: runs.Cycle, classes: Sequence[str], answers: Sequence[Answer], groups: Groups
) -> contents.Cycle:
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


def _losses(row: Mapping[str, Any]) -> contents.Losses:
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


def budget_share(record: runs.Record) -> float | None:
    """The share of the pool's pixels that the whole run may pay for; None before it has begun."""
    knobs, splits = record.knobs, record.splits
    if splits is None:
        return None
    pool, initial = len(splits["train"]), len(splits["initial"])
    costs = np.sort(grid(knobs).costs.ravel())[::-1]
    if knobs["acquisition.unit"] == "images":
        bought = max(1, round(knobs["acquisition.image_share"] * pool))
    else:
        bought = pool - initial
        costs = costs[: knobs["acquisition.cells_per_image"]]
    # Where nothing is known at the start, the first question comes before the first cycle.
    rounds = record.planned - 1 + (not initial)
    pixels = knobs["data.height"] * knobs["data.width"]
    return (initial * pixels + rounds * bought * int(costs.sum())) / (pool * pixels)


def grid(knobs: Mapping[str, Any]) -> RegionGrid:
    """The cells that a run can ask for."""
    height, width = knobs["data.height"], knobs["data.width"]
    if knobs["acquisition.unit"] == "images":
        return whole_image(height, width)
    cell = knobs["acquisition.cell_height"], knobs["acquisition.cell_width"]
    return region_grid(height, width, *cell)


def changed(knobs: Mapping[str, Any]) -> dict[str, Any]:
    """The knobs that differ from the default configuration."""
    defaults = config.flat(config.default())
    absent = object()
    return {name: value for name, value in knobs.items() if value != defaults.get(name, absent)}
