"""`s4al demo` trains, compares and writes the page, and can be given again."""

import os
import re
from pathlib import Path

import pytest

from tests.conftest import Command

CONFIG = """
from tests.support import cheap_method
from s4al_jax.config import defaults

def get_config(study=None):
    config = cheap_method.get_config().unlock()
    if study == "supervised":
        config.schedule.acquisitions, config.data.initial_share = 0, 1.0
    config.lock()
    return config
"""


def test_it_ends_with_a_table_and_a_page_and_does_nothing_twice(
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With networks of one weight: ./configs comes before the configurations of the package."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/demo.py").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    assert command("demo", "--config.seed=1") == 0
    lines = capsys.readouterr().out.splitlines()
    titles = [line for line in lines if re.match("[123]/3 ", line)]
    assert titles == [
        "1/3 Active learning, into runs/demo",
        "2/3 The same network with every label, into runs/demo_supervised",
        "3/3 The results side by side",
    ]
    start = lines.index(titles[2])
    table = [[cell.strip() for cell in row.split("|")[1:-1]] for row in lines[start + 1 : -2]]
    assert table[0] == [
        *("cycle", "labeled % of pixels", "annotated regions", "mIoU %", "mIoU % trained on all")
    ]
    assert [row[:3] for row in table[2:]] == [["0", "33.33", "0"], ["1", "41.67", "8"]]
    assert lines[-2].startswith("runs/demo/report/index.html: ")
    assert lines[-1] == (
        "The results lie in runs/demo and runs/demo_supervised; open runs/demo/report/index.html."
    )
    kept = [path for path in (tmp_path / "runs").rglob("*") if "report" not in path.parts]
    before = {path: os.stat(path).st_mtime_ns for path in kept}
    assert command("demo", "--config.seed=1") == 0
    assert capsys.readouterr().out.splitlines()[-len(table) - 3 :] == lines[start:]
    assert {path: os.stat(path).st_mtime_ns for path in kept} == before
