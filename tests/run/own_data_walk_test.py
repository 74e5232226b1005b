"""docs/own_data.md, walked by its own commands from an empty folder to a trained network."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s4al_jax.streets.dataset import scene
from tests.run.person_test import CLASSES

ROOT = Path(__file__).parents[2]

SMALL = """
    --config.data.height=48 --config.data.width=64 --config.model.backbone.kwargs.width=0.25
    --config.model.head.kwargs.aspp_channels=16 --config.model.head.kwargs.low_level_channels=8
    --config.acquisition.cell_height=12 --config.acquisition.cell_width=16
    --config.acquisition.cells_per_image=2 --config.schedule.acquisitions=1
    --config.schedule.iterations=2 --config.schedule.epochs=1 --config.schedule.last_epochs=2
    --config.schedule.warmup_epochs=1 --config.schedule.replay_start_epoch=2
    --config.batch.labeled=2 --config.batch.unlabeled=2 --config.replay.capacity=4
    --config.oracle.annotator=Ada
""".split()
"""What makes a run of hours one of seconds; all else is as the document says."""


def commands() -> dict[str, list[str]]:
    """The document's commands, by the script or module that each starts."""
    text = (ROOT / "docs/own_data.md").read_text()
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")
    found = [shlex.split(line) for line in lines.splitlines() if line.strip()]
    assert all(command[0] == ".venv/bin/python" for command in found)
    return {command[2] if command[1] == "-m" else command[1]: command[1:] for command in found}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder beside the program's, in which somebody types the commands."""
    for name in ("configs", "scripts"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def typed(command: list[str], home: Path) -> str:
    """What a command says, if it ends well."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    done = subprocess.run(
        [sys.executable, *command], cwd=home, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def answer(home: Path, cycle: int, truth: dict[str, np.ndarray]) -> int:
    """A person: every second photograph in one file for all its regions, else a file for each."""
    folder = home / "runs/photos/requests" / f"{cycle:02d}"
    requests = json.loads((folder / "requests.json").read_text())["requests"]
    for request in requests:
        number, name = request["image"].split("_", 1)
        top, left, bottom, right = request["box"]
        labels = truth[name.replace("__", "/")][top:bottom, left:right]
        if int(number) % 2:
            path = folder / f"answers/{request['image']}.png"
            with Image.open(path if path.exists() else folder / request["whole_file"]) as picture:
                whole = np.array(picture)
            whole[top:bottom, left:right] = labels
            Image.fromarray(whole).save(path)
        else:
            Image.fromarray(labels).save(folder / request["answer_file"])
    return len(requests)


def test_the_document_leads_from_photographs_to_a_network_that_knows_them(home: Path) -> None:
    photos, truth = home / "photos", {}
    for number, name in enumerate(["a", "b", "trip/c", "trip/d e"]):
        height, width = ((96, 128), (60, 90))[number % 2]
        image, labels = scene(height=height, width=width, rng=np.random.default_rng(number))
        truth[name] = np.where(labels == len(CLASSES), 255, labels).astype(np.uint8)
        path = photos / "images" / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    (photos / "classes.txt").write_text("\n".join(CLASSES))
    said = commands()

    look = [*said["scripts/check_data.py"], *SMALL[:2]]
    assert "No errors." in typed(look, home) and (home / "sheet.png").stat().st_size > 10_000

    run = [part for part in said["s4al_jax.main"] if "pretrained" not in part] + SMALL
    for cycle in (0, 1):
        asked = typed(run, home)
        assert f"regions wait for an answer in runs/photos/requests/{cycle:02d}" in asked
        assert answer(home, cycle, truth) == 8
    assert "The run is finished" in typed(run, home)

    typed(said["scripts/export.py"], home)
    for path in (home / "labels/photos/masks").rglob("*.png"):
        name = path.relative_to(home / "labels/photos/masks").with_suffix("").as_posix()
        mask = np.array(Image.open(path))
        known = mask != 255
        assert mask.shape == truth[name].shape and known.mean() > 0.1
        assert np.array_equal(mask[known], truth[name][known])

    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(home / "more.jpg")
    typed(said["scripts/predict.py"], home)
    seen = sorted(p.relative_to(home).as_posix() for p in (home / "seen/labels").rglob("*.png"))
    assert seen == [f"seen/labels/{name}.png" for name in ("a", "b", "more", "trip/c", "trip/d e")]
