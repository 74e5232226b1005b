"""`s4al check` looks at a dataset: what it prints, draws, and ends with."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Command

SIZE = ("--config.data.height=24", "--config.data.width=32")


def test_a_configuration_that_is_a_diff_on_another_one_is_found(
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("S4AL_CAMVID", raising=False)
    monkeypatch.chdir(tmp_path)
    assert command("check", "camvid_small") == 1
    said = "error: CamVid's folder is not given: set config.data.root or S4AL_CAMVID"
    assert capsys.readouterr().err.strip() == said


def test_a_folder_is_reported_and_its_errors_end_the_command_with_1(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    look = ("check", "folder", f"--config.data.root={tmp_path}", *SIZE)
    (tmp_path / "classes.txt").write_text("earth\nsky")
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 256, (30, 40, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"images/{number}.jpg")
    mask = np.zeros((30, 40), np.uint8)
    mask[:15] = 1
    Image.fromarray(mask).save(tmp_path / "masks/2.png")
    assert command(*look, f"--sheet={tmp_path}/sheet.png") == 0
    said = capsys.readouterr().out
    assert "| 30x40 |" in said and "No errors." in said
    with Image.open(tmp_path / "sheet.png") as picture:
        assert min(picture.size) > 200
    (tmp_path / "sheet.png").unlink()
    Image.fromarray(mask + 5).save(tmp_path / "masks/3.png")
    assert command(*look) == 1
    assert f"error: {tmp_path}/masks/3.png holds the id 5" in capsys.readouterr().out
    assert not (tmp_path / "sheet.png").exists()
    (tmp_path / "classes.txt").unlink()
    assert command(*look) == 1
    said = capsys.readouterr().err
    assert "needs a classes.txt" in said and "Traceback" not in said


def test_a_folder_in_place_of_a_study_is_told_where_folders_are_named(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("check", "folder:photos") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "error: the folder is not given: set config.data.root"
