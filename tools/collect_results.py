"""Gathers finished runs into one CSV: a row for each cycle, with what it was measured on.

python tools/collect_results.py runs/demo_seed* --out=results/demo.csv
"""

import argparse
import csv
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from s4al_jax.rundir import records
from s4al_jax.types import InputError

OPTIONS: tuple[str, ...] = (
    "data.name",
    "data.height",
    "data.width",
    "data.initial_share",
    "method.name",
)
OPTIONS += ("acquisition.name", "seed", "model.pretrained")


def rows(run: Path) -> list[dict[str, Any]]:
    """The cycles of one run, beside its options, versions, device and speed."""
    record = records.read(run)
    identity, options = record.identity, record.options
    about = {name: options[name] for name in OPTIONS} | {
        "run": run.name,
        "date": time.strftime("%Y-%m-%d", time.gmtime((run / "config.json").stat().st_mtime)),
        "device": f"{identity['device']['count']} x {identity['device']['kind']}",
        "versions": " ".join(f"{name}={of}" for name, of in identity["versions"].items()),
        "fingerprint": identity["fingerprint"],
    }
    about["model.pretrained"] = Path(about["model.pretrained"]).name
    return [{**about, **_cycle(cycle, options), **_speed(run)} for cycle in record.cycles]


def _cycle(cycle: records.Cycle, options: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        "cycle": cycle.number,
        "steps": cycle.metrics["epoch"] * options["schedule.iterations"],
        "labeled_percent": round(100 * cycle.labeled_share, 3),
        "regions": cycle.metrics["regions"],
    }
    for network in ("student", "teacher"):
        for split in ("val", "test"):
            miou = cycle.miou(network, split)
            found[f"{split}_{network}_miou"] = None if miou is None else round(100 * miou, 2)
    return found


def _speed(run: Path) -> dict[str, float]:
    seconds = [row["seconds_per_step"] for row in records.rows(run, "timing.jsonl")]
    return {"median_seconds_per_step": round(statistics.median(seconds), 4)}


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--out", required=True, type=Path)
    given = parser.parse_args()
    table = [row for run in given.runs for row in rows(run)]
    with given.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    print(f"{given.out}: {len(table)} cycles of {len(given.runs)} runs")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
