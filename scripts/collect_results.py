"""Gathers finished runs into one CSV: a row for each cycle, with what it was measured on.

python scripts/collect_results.py runs/demo_seed* --out=results/demo.csv
"""

import argparse
import csv
import json
import statistics
import time
from pathlib import Path
from typing import Any

KNOBS: tuple[str, ...] = (
    "data.name",
    "data.height",
    "data.width",
    "data.initial_share",
    "method.name",
)
KNOBS += ("acquisition.name", "seed", "model.pretrained")


def rows(run: Path) -> list[dict[str, Any]]:
    """The cycles of one run, beside its knobs, versions, device and speed."""
    if not (run / "config.json").is_file():
        raise SystemExit(f"error: {run} is not the directory of a run")
    identity = json.loads((run / "config.json").read_text())
    knobs, versions = identity["knobs"], identity["versions"]
    about = {name: knobs[name] for name in KNOBS} | {
        "run": run.name,
        "date": time.strftime("%Y-%m-%d", time.gmtime((run / "config.json").stat().st_mtime)),
        "device": f"{identity['device']['count']} x {identity['device']['kind']}",
        "versions": " ".join(f"{name}={version}" for name, version in versions.items()),
        "fingerprint": identity["fingerprint"],
    }
    about["model.pretrained"] = Path(about["model.pretrained"]).name
    return [
        {**about, **_cycle(json.loads(path.read_text()), knobs), **_speed(run)}
        for path in sorted(run.glob("cycles/*/metrics.json"))
    ]


def _cycle(metrics: dict[str, Any], knobs: dict[str, Any]) -> dict[str, Any]:
    found = {
        "cycle": metrics["cycle"],
        "steps": metrics["epoch"] * knobs["schedule.iterations"],
        "labeled_percent": round(100 * metrics["labeled_share"], 3),
        "regions": metrics["regions"],
    }
    for network in ("student", "teacher"):
        for split in ("val", "test"):
            measured = metrics["measures"].get(network, {}).get(split)
            miou = round(100 * measured["miou"], 2) if measured else None
            found[f"{split}_{network}_miou"] = miou
    return found


def _speed(run: Path) -> dict[str, float]:
    lines = (run / "timing.jsonl").read_text().splitlines()
    seconds = [json.loads(line)["seconds_per_step"] for line in lines]
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
    main()
