"""The benchmark of large pictures predicts each of them whole, and counts its windows."""

import csv
from pathlib import Path

import pytest

from tests.conftest import Command


def test_each_form_is_predicted_in_a_process_of_its_own(tool: Command, tmp_path: Path) -> None:
    pytest.importorskip("tifffile", reason="tifffile is not installed")
    out = tmp_path / "tiles.csv"
    given = ["--sizes=100x300", "--forms=tiles", f"--workdir={tmp_path}", f"--out={out}"]
    assert tool("benchmark_tiles", *given) == 0
    with out.open() as file:
        (row,) = csv.DictReader(file)
    # Tiles of 96 x 128 with steps of 72 and 96: rows at 0 and 72, columns at 0, 96 and 192.
    assert row["form"] == "tiles" and row["windows"] == "6"
    assert int(row["peak_mib"]) >= int(row["network_mib"]) > 0
    assert [path.name for path in tmp_path.iterdir()] == ["tiles.csv"]
