"""A run is killed in every stage and started again by the same command: the same bits every time.

The real thing, with real signals, on networks of one weight; `resume_test.py` has the real method.
"""

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import CACHE
from tests.support.flags import ONE_DEVICE

ROOT = Path(__file__).parents[2]

# In the order in which a run gets there, so that few have to begin anew.
STAGES = {
    "tests/support/cheap_method.py": (
        "reading images:1",
        "ledger.fsync:2",  # the line is written, and the disk may not have it
        "ledger.fsync done:2",
        "compile:1",
        "checkpoint.rename:1",
        "checkpoint.replace:1",  # all is saved but its manifest
        "metrics.fsync:1",
        "step:1",
        "evaluation:1",
        "evaluation.replace done:1",
        "views:1",
        "scoring:1",
        "selection:1",
        "report:1",
        "report.replace:1",  # the page is written beside its place
        "annotation:1",
        "restoring:1",
        "checkpoint.remove:1",
    ),
    "tests/support/cheap_person.py": (
        "requests.fsync:4",
        "requests.replace:9",
        "answers:1",
        "answers:4",
        "ledger.fsync:1",  # an answer is read, and the ledger does not know it yet
        "ledger:2",  # one parcel is recorded, the others are not
    ),
}


@pytest.mark.parametrize("config", STAGES)
def test_wherever_a_run_is_killed_it_goes_on_to_the_same_bits(
    config: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    out = tmp_path / "kills.csv"
    command = [sys.executable, "-m", "tools.torture", f"--config={config}"]
    command += [f"--at={stage}" for stage in STAGES[config]]
    done = subprocess.run(
        [*command, f"--workdir={tmp_path / 'work'}", f"--programs={CACHE}", f"--out={out}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | ONE_DEVICE,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["drawn"] for row in rows] == list(STAGES[config]), done.stdout
    assert {row["outcome"] for row in rows} == {"same bits"}
    record_property("cases", len(rows))
