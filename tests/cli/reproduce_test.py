"""`s4al reproduce` makes a table of real runs: stopped, gone on with, and not done again."""

import csv
import json
from pathlib import Path

import pytest

from s4al_jax.cli import reproduce
from s4al_jax.paper import sweep
from s4al_jax.paper.tables import DATASETS, IMAGES, TABLES, Kind
from tests.conftest import Command

PROTOCOL = """
from s4al_jax.config import defaults
from tests.support import cheap_method

def get_config(argument=None):
    # Networks of one weight: this is not about what a run computes.
    config = cheap_method.get_config().unlock()
    config.evaluate.update(every_epochs=9, splits=("test",))
    return defaults.study(config, argument, supervised={"iterations": 2, "epochs": 3})
"""


class Stopped(Exception):
    """What stops a run in this test."""


@pytest.fixture
def protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "tiny.py"
    path.write_text(PROTOCOL)
    monkeypatch.setattr(sweep, "POLL_SECONDS", 0.02)
    return path


def test_a_table_is_made_of_runs_that_go_on_and_are_not_done_twice(
    protocol: Path,
    tmp_path: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    runs, out = tmp_path / "runs", tmp_path / "out"
    asked = ("2a", f"--profile={protocol}", "--seeds=4", f"--runs={runs}", f"--out={out}")
    power = "--set=config.optimizer.power=0.8"
    region, image = (
        sweep.job(protocol, kind, 4, {"optimizer.power": 0.8}) for kind in (Kind(), IMAGES)
    )

    assert command("reproduce", *asked, power, "--dry_run", "--no_timing") == 0
    said = capsys.readouterr().out
    # Two cycles of 3 and 4 epochs, three of 3, 3 and 4, two steps each.
    assert "2 runs, of which 0 are done and 0 begun; 34 of 34 steps are left" in said
    assert "not known" in said and not runs.exists()

    def until_begun() -> None:
        if sweep.progress(region, runs).steps:
            raise Stopped

    with pytest.raises(Stopped):
        sweep.perform(region, runs, until_begun)
    begun = sweep.progress(region, runs)
    assert not begun.done and 0 < begun.steps < 14

    assert command("reproduce", *asked, power, "--no_timing") == 0
    said = capsys.readouterr().out
    assert "0 are done and 1 begun" in said and "run 2 of 2" in said
    log = (runs / "logs" / f"{region.name}.log").read_text()
    assert log.count("reading 11 images") == 2, "it was started twice"

    journal = (runs / region.name / "metrics.jsonl").read_text().splitlines()
    trained = [row["number"] for row in map(json.loads, journal) if row["kind"] == "train"]
    assert trained == [2, 4, 6, 8, 10, 12, 14]

    rows = list(csv.DictReader((out / "2a_camvid.csv").read_text().splitlines()))
    for row, job, last in (("Region", region, "01"), ("Image", image, "02")):
        path = runs / job.name / "cycles" / last / "metrics.json"
        ours = json.loads(path.read_text())["measures"]["teacher"]["test"]["miou"]
        (line,) = [r for r in rows if (r["row"], r["measure"]) == (row, "miou")]
        assert float(line["ours"]) == pytest.approx(100 * ours, abs=1e-3)
        assert float(line["deviation"]) == pytest.approx(
            float(line["ours"]) - float(line["paper"]), abs=2e-3
        )
    assert {row["paper"] for row in rows if row["measure"] == "recall sign"} == {"73.75", "75.22"}
    page = (out / "2a_camvid.md").read_text()
    assert "61.78" in page and "2 runs, seed 4; on" in page
    assert f"Made with `s4al reproduce 2a --profile={protocol} --seeds=4 " in page
    assert (out / "2a_camvid.png").read_bytes().startswith(b"\x89PNG")

    def again(*_: object) -> None:
        raise AssertionError("a finished run was done again")

    monkeypatch.setattr(sweep, "perform", again)
    assert command("reproduce", *asked, power) == 0
    assert "2 are done and 0 begun; 0 of 34 steps are left: 0 s" in capsys.readouterr().out


def test_what_cannot_be_asked_for_is_said_in_one_line(
    tmp_path: Path, command: Command, capsys: pytest.CaptureFixture
) -> None:
    runs = f"--runs={tmp_path}"
    for asked, hint in (
        (("1", "--profile=paper", runs), "is on cityscapes: give --dataset=cityscapes"),
        (("3a", "--profile=small", "--dataset=cityscapes", runs), "small (camvid), paper (camvid)"),
        (("3a", "--set=method.kwargs.replay_capacity=5", runs), "give config.OPTION=VALUE"),
        (("3a", "--set=config.replay.size=5", runs), "no option config.replay.size"),
    ):
        assert command("reproduce", *asked) == 1
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert line.startswith("error: ") and hint in line


def test_a_run_that_fails_ends_the_command_with_what_it_said(
    tmp_path: Path, command: Command, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "POLL_SECONDS", 0.02)
    asked = ("s1", "--profile=small", f"--runs={tmp_path}", "--set=config.data.root=/nowhere")
    assert command("reproduce", *asked, "--no_timing", "--set=config.devices=1") == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "has not come to its end: error: /nowhere" in line and "logs/camvid_180x240" in line


def test_the_tables_and_datasets_of_the_help_are_those_there_are() -> None:
    assert reproduce.TABLES == (*(table.name for table in TABLES), "all")
    assert reproduce.DATASETS == DATASETS
