"""`s4al report` writes one page of several runs, or of one wherever it stands, or tables."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from ml_collections import ConfigDict

from s4al_jax.report.page.schema import Page
from tests.conftest import Command
from tests.support.small_runs import annotate, small_run

FULL = {"method__name": "supervised", "data__initial_share": 1.0, "schedule__acquisitions": 0}


def contents(out: Path) -> Page:
    html = (out / "index.html").read_text()
    found = re.search(r'<script type="application/json" id="contents">(.*?)</script>', html, re.S)
    assert found
    return json.loads(found[1])


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two seeds and a run that queries at random."""
    made = [small_run(tmp_path / f"seed{s}", 0.4, 0.5 + 0.1 * s, seed=s) for s in (0, 1)]
    return [*made, small_run(tmp_path / "random", 0.3, 0.35, acquisition__name="random")]


def test_several_runs_stand_beside_each_other_with_their_goal(
    runs: list[Path], command: Command, tmp_path: Path
) -> None:
    full, out = small_run(tmp_path / "full", 0.6, **FULL), tmp_path / "out"
    given = [*runs, f"--out={out}", f"--reference={full}", f"--shown={runs[1]}"]
    assert command("report", *given) == 0
    page = contents(out)
    assert [run["name"] for run in page["runs"]] == ["seed0", "seed1", "random", "full"]
    assert [run["study"] for run in page["runs"]] == [0, 0, 1, 2]
    assert [run["seed"] for run in page["runs"]] == [0, 1, 0, 0]
    assert page["shown"] == 1
    assert [study["name"].split(", ")[:2] for study in page["studies"][:2]] == [
        ["s4al", "entropy"],
        ["s4al", "random"],
    ]
    assert page["studies"][0]["means"][1]["miou"] == pytest.approx(0.55)
    assert page["studies"][2]["fully_supervised"]
    assert page["goal"] and page["goal"]["line"] == pytest.approx(0.57)
    assert page["goal"]["reached_share"] is None and page["goal"]["source"] == "full"


def test_head_and_tail_and_the_pairs_that_are_confused_are_the_shown_runs(
    command: Command, tmp_path: Path
) -> None:
    run = small_run(tmp_path / "run", 0.5, 0.4)
    annotate(run)
    confusion = np.array([[6, 1, 3], [4, 6, 0], [0, 0, 0]], np.int64)
    np.save(run / "cycles/01/confusion_student_test.npy", confusion)
    measured = json.loads((run / "cycles/01/metrics.json").read_text())
    ious = {"road": 0.8, "tree": 0.5, "car": 0.1}
    measured["measures"]["student"]["test"] |= {f"iou/{n}": iou for n, iou in ious.items()}
    measured["class_groups"] = {"head": [0, 1], "tail": [2]}
    (run / "cycles/01/metrics.json").write_text(json.dumps(measured))
    assert command("report", run) == 0
    page = contents(run / "report")
    assert [entry["tail"] for entry in page["classes"]] == [False, False, True]
    cycle = page["runs"][0]["cycles"][1]
    assert (cycle["head_iou"], cycle["tail_iou"]) == (pytest.approx(0.65), 0.1)
    assert cycle["annotated"] == [16, 0, 192, 176]
    pairs = [(pair["truth"], pair["predicted"]) for pair in page["confused"]]
    assert pairs == [(1, 0), (0, 2), (0, 1)]
    assert page["confused"][0] == {"truth": 1, "predicted": 0, "share": 0.4, "pixels": 4}


def test_a_run_that_has_just_begun_has_a_page(command: Command, tmp_path: Path) -> None:
    run = small_run(tmp_path / "run")
    (run / "splits.json").unlink()
    assert command("report", run) == 0
    page = contents(run / "report")
    assert len(page["classes"]) == 3 and page["runs"][0]["cycles"] == []
    # One of four images, then two cells of 12 x 16 of each of the others.
    assert page["runs"][0]["budget_share"] == pytest.approx((3072 + 6 * 192) / (4 * 3072))
    assert page["notes"] == ["run is not finished: 0 of 2 cycles are measured."]


def test_without_its_dataset_a_run_has_a_page_without_pictures(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = {"data__name": "folder", "data__root": "/nowhere", "data__kwargs": ConfigDict()}
    run = small_run(tmp_path / "run", 0.5, 0.6, **gone)
    assert command("report", run) == 0
    page = contents(run / "report")
    assert [entry["name"] for entry in page["classes"]] == ["road", "tree", "car"]
    assert len({entry["color"] for entry in page["classes"]}) == 3
    (note,) = page["notes"]
    assert note.startswith("There are no pictures, since the dataset is not where it was: /nowhere")
    assert f"note: {note}" in capsys.readouterr().out
    assert page["pictures"] == [] and page["runs"][0]["cycles"][1]["miou"]["student"]["test"] == 0.6


def test_another_dataset_than_the_runs_gives_no_pictures(command: Command, tmp_path: Path) -> None:
    run = small_run(tmp_path / "run", 0.5, 0.6)
    assert command("report", run) == 0
    assert contents(run / "report")["notes"][0].endswith("has other images or classes now.")


def test_runs_that_cannot_be_compared_are_named(
    runs: list[Path], command: Command, tmp_path: Path
) -> None:
    larger = small_run(tmp_path / "larger", 0.4, 0.5, data__height=96)
    assert command("report", runs[0], larger, f"--out={tmp_path / 'out'}") == 0
    notes = contents(tmp_path / "out")["notes"]
    assert any(note.startswith("larger has another setting") for note in notes)


def test_mistakes_are_said_in_one_line(
    runs: list[Path],
    command: Command,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = small_run(tmp_path / "other", 0.4)
    described = json.loads((other / "run.json").read_text())
    described["dataset"]["classes"][0]["name"] = "street"
    (other / "run.json").write_text(json.dumps(described))
    out = f"--out={tmp_path / 'out'}"
    for arguments, said in (
        ([*runs], "--out is missing: name a folder"),
        ([*runs, out, "--shown=elsewhere"], "--shown=elsewhere is none of the runs"),
        ([tmp_path / "nowhere"], "is this the directory of a run?"),
        ([runs[0], other, out], "tells other classes apart"),
    ):
        assert command("report", *arguments) == 1
        error = capsys.readouterr().err.strip()
        assert said in error and "\n" not in error
    assert not (tmp_path / "out").exists()


def test_tables_are_printed_below_the_names_of_the_runs(
    runs: list[Path], command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("report", runs[0], "--table") == 0
    head, rule, *rows = capsys.readouterr().out.splitlines()
    assert head.split("|")[1].strip() == "cycle" and rule.startswith("|---")
    assert [row.split("|")[4].strip() for row in rows] == ["40.0", "50.0"]
    assert command("report", *runs[:2], "--table", f"--reference={runs[2]}") == 0
    said = capsys.readouterr().out.splitlines()
    assert [said[0], said[6]] == list(map(str, runs[:2])) and said[5] == ""
    beside = [
        line.split("|")[4:6] for line in said if line.startswith("| ") and "cycle" not in line
    ]
    assert [[cell.strip() for cell in cells] for cells in beside] == [
        ["40.0", "35.0"],
        ["50.0", "35.0"],
        ["40.0", "35.0"],
        ["60.0", "35.0"],
    ]
    assert not (runs[0] / "report").exists()


def test_a_folder_without_cycles_has_no_table(
    runs: list[Path], command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = small_run(tmp_path / "begun")
    for arguments in ([begun], [runs[0], begun], [runs[0], f"--reference={begun}"]):
        assert command("report", *arguments, "--table") == 1
        error = capsys.readouterr().err
        assert f"{begun} holds no finished cycle" in error and error.count("\n") == 1
