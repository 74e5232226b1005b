"""Gathers finished runs into one CSV: a row for each cycle, with its measures.

python tools/collect_results.py runs/demo_seed* --out=results/demo.csv
"""

import argparse
import csv
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from s4al_jax.rundir import records
from s4al_jax.types import InputError


def rows(run: Path) -> list[dict[str, Any]]:
    """The cycles of one run, beside what it is, its versions, device and speed."""
    record = records.read(run)
    described = record.description
    data, budget, device = described["dataset"], described["budget"], described["device"]
    about = {
        "dataset": data["name"],
        "height": data["height"],
        "width": data["width"],
        "initial_percent": round(100 * budget["initial"]["pixels"] / budget["pool_pixels"], 3),
        "method": described["method"]["name"],
        "acquisition": described["acquisition"]["name"],
        "seed": described["seed"],
        "changed": json.dumps(described["changed"]),
        "run": run.name,
        "date": time.strftime("%Y-%m-%d", time.gmtime((run / "config.json").stat().st_mtime)),
        "device": f"{device['count']} x {device['kind']}",
        "versions": " ".join(f"{name}={of}" for name, of in described["versions"].items()),
        "fingerprint": record.identity["fingerprint"],
    }
    iterations = described["schedule"]["iterations"]
    return [{**about, **_cycle(cycle, iterations), **_speed(run)} for cycle in record.cycles]


def _cycle(cycle: records.Cycle, iterations: int) -> dict[str, Any]:
    found = {
        "cycle": cycle.number,
        "steps": cycle.metrics["epoch"] * iterations,
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
