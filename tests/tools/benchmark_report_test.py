"""The benchmark of the report makes a run like a real one, and measures the page of it."""

import csv
import json
import re
from pathlib import Path

import pytest

from tests.conftest import Command


def test_the_table_says_what_the_page_weighs(
    tool: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, keep = tmp_path / "report.csv", tmp_path / "page"
    given = ["--pool=10", "--measured=2", "--height=60", "--width=90"]
    folders = [f"--out={out}", f"--keep={keep}", f"--workdir={tmp_path}"]
    assert tool("benchmark_report", *given, *folders) == 0
    with out.open() as file:
        (row,) = csv.DictReader(file)
    assert (row["pool_images"], row["cycles"], row["width"]) == ("10", "3", "90")
    html = (keep / "index.html").read_text()
    assert float(row["page_mib"]) == pytest.approx(len(html) / 2**20, abs=0.05)
    found = re.search(r'id="contents">(.*?)</script>', html, re.S)
    assert found
    page = json.loads(found[1])
    assert len(page["pictures"]) == 12 and page["notes"] == []
    (run,) = page["runs"]
    # One of ten images is whole at first, nine give 4 of their 2 x 3 cells, then the last 2.
    assert [cycle["labeled_share"] for cycle in run["cycles"]] == pytest.approx([0.1, 0.7, 1.0])
    assert [cycle["pseudo_labels"] is None for cycle in run["cycles"]] == [False, False, True]
    assert f"page_mib={row['page_mib']}" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page", "report.csv"]
