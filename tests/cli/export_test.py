"""`s4al export` hands over the labels that were bought, and refuses what it cannot export."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command, FinishedRun
from tests.support.small_datasets import pixels


def test_bought_labels_are_handed_over(
    straight: FinishedRun, command: Command, tmp_path: Path
) -> None:
    assert command("export", straight.workdir, f"--labels={tmp_path / 'labels'}") == 0
    masks = sorted((tmp_path / "labels/masks").glob("*.png"))
    assert len(masks) == 6
    shares = [float(np.mean(pixels(path) != 255)) for path in masks]
    # two whole images; of the others two cells of sixteen, some of whose pixels may be void
    assert (
        sum(share > 0.9 for share in shares) == 2 and sum(share <= 0.125 for share in shares) == 4
    )


def test_what_cannot_be_exported_is_said_in_one_line(
    straight: FinishedRun, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("export", tmp_path, f"--model={tmp_path / 'm'}") == 1
    assert "is this the directory of a run?" in capsys.readouterr().err
    wrong = command("export", straight.workdir, f"--model={tmp_path / 'm'}", "--network=oracle")
    assert wrong == 1
    assert (
        "--network=oracle: the run has trained its student and teacher" in capsys.readouterr().err
    )
    assert not (tmp_path / "m").exists()


def test_what_a_run_knew_under_other_classes_is_not_exported(
    straight: FinishedRun, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(straight.workdir, run)
    splits = json.loads((run / "splits.json").read_text())
    (run / "splits.json").write_text(json.dumps({**splits, "classes": splits["classes"][::-1]}))
    assert command("export", run, f"--model={tmp_path / 'm'}", f"--labels={tmp_path / 'l'}") == 1
    assert "splits.json names others than the dataset has now (classes)" in capsys.readouterr().err
    assert not (tmp_path / "m").exists() and not (tmp_path / "l").exists()
