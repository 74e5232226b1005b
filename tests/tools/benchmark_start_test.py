"""The benchmark of starts: a row for each, and only the first one writes what is kept."""

import csv
from pathlib import Path

import pytest

from tests.conftest import Command


def test_rows_say_what_each_start_took(
    tool: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "start.csv"
    assert tool("benchmark_start", "--images=8", f"--workdir={tmp_path}", f"--out={out}") == 0
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["start"] for row in rows] == ["first", "later", "uncached"]
    assert {(row["dataset"], row["images"], row["size"]) for row in rows} == {
        ("folder", "8", "360x480")
    }
    # Images and masks take four bytes a pixel: 8 x 360 x 480 x 4 are 5.3 MiB.
    assert [int(row["kept_mib"]) for row in rows] == [5, 5, 0]
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert list(tmp_path.iterdir()) == [out]
