"""The benchmark of large pools records what it says, and names as computed what it computes."""

import csv
from pathlib import Path

import pytest

from tests.conftest import Command


def test_rows_say_what_was_chosen_recorded_and_computed(tool: Command, tmp_path: Path) -> None:
    out, workdir = tmp_path / "pool.csv", tmp_path / "work"
    given = ["--images=300,3000", "--most_answers=1500", "--images_per_second=50", "--devices=2"]
    assert tool("benchmark_pool", *given, f"--workdir={workdir}", f"--out={out}") == 0
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["scope"], row["budget"], int(row["images"])) for row in rows] == [
        (scope, budget, images)
        for images in (300, 3000)
        for scope, budget in (
            ("image", "4 cells an image"),
            ("pool", "4 cells an image"),
            ("pool", "100000 cells"),
        )
    ]
    # A tenth of 300 x 256 cells is known, so that fewer than 100,000 are left.
    counts = [int(row["chosen"]) for row in rows]
    assert counts[:2] + counts[3:] == [1200, 1200, 12_000, 12_000, 100_000]
    assert counts[2] == pytest.approx(0.9 * 300 * 256, abs=400)
    assert [row["recorded"] for row in rows] == ["1200", "", "1500", "1500", "", "1500"]
    for row in rows:
        hours = float(row["scoring_hours_computed"])
        assert hours == pytest.approx(int(row["images"]) / 100 / 3600, rel=1e-3)
        assert float(row["select_seconds"]) >= 0 and int(row["select_peak_mib"]) > 10
        if row["recorded"]:
            assert 200 < int(row["ledger_bytes"]) / int(row["recorded"]) < 600
            assert float(row["record_seconds"]) > 0 and float(row["open_seconds"]) > 0
        else:
            assert row["ledger_bytes"] == row["open_seconds"] == ""
    assert list(workdir.iterdir()) == []
