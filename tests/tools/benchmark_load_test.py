"""The benchmark of a long run counts what it records, and says what a resume takes."""

import csv
from pathlib import Path

from tests.conftest import Command


def test_every_cycle_annotates_a_cell_of_each_image(tool: Command, tmp_path: Path) -> None:
    out = tmp_path / "load.csv"
    given = ["--images=40", "--cycles=4", "--resume_every=2", f"--workdir={tmp_path}"]
    assert tool("benchmark_load", *given, f"--out={out}") == 0
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["answers"]) for row in rows] == [40, 80, 120, 160]
    assert [row["resume_seconds"] != "" for row in rows] == [False, True, False, True]
    sizes = [int(row["ledger_bytes"]) for row in rows]
    assert all(200 < more - less < 40 * 600 for less, more in zip(sizes, sizes[1:], strict=False))
    assert [path.name for path in tmp_path.iterdir()] == ["load.csv"]
