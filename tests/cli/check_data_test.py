"""The script that looks at a dataset: what it prints, draws, and ends with."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]


def looked_at(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/check_data.py", f"--config=configs/folder.py:{folder}"]
    command += [f"--sheet={folder}/sheet.png", "--config.data.height=24", "--config.data.width=32"]
    path = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=path)


def test_a_configuration_that_is_a_diff_on_another_one_is_found() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "S4AL_CAMVID"}
    done = subprocess.run(
        [sys.executable, "scripts/check_data.py", "--config=configs/camvid_small.py"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**environment, "PYTHONPATH": ""},
    )
    assert done.returncode == 1
    said = "error: CamVid's folder is not given: set config.data.root or S4AL_CAMVID"
    assert done.stderr.strip() == said


def test_a_folder_is_reported_and_its_errors_end_the_script_with_1(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("earth\nsky")
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 256, (30, 40, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"images/{number}.jpg")
    mask = np.zeros((30, 40), np.uint8)
    mask[:15] = 1
    Image.fromarray(mask).save(tmp_path / "masks/2.png")
    sound = looked_at(tmp_path)
    assert sound.returncode == 0, sound.stderr
    assert "| 30x40 |" in sound.stdout and "No errors." in sound.stdout
    with Image.open(tmp_path / "sheet.png") as picture:
        assert min(picture.size) > 200
    Image.fromarray(mask + 5).save(tmp_path / "masks/3.png")
    broken = looked_at(tmp_path)
    assert broken.returncode == 1
    assert f"error: {tmp_path}/masks/3.png holds the id 5" in broken.stdout
    (tmp_path / "classes.txt").unlink()
    missing = looked_at(tmp_path)
    assert missing.returncode == 1 and "needs a classes.txt" in missing.stderr
    assert "Traceback" not in missing.stderr
