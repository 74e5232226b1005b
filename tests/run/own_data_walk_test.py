"""docs/tutorials/own_images.md, walked by its own commands from photographs to a network."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s4al_jax.streets.dataset import scene
from tests.conftest import Command
from tests.run.person_test import CLASSES

ROOT = Path(__file__).parents[2]

SMALL = """
    --config.data.height=48 --config.data.width=64 --config.model.backbone.kwargs.width=0.25
    --config.model.head.kwargs.aspp_channels=16 --config.model.head.kwargs.low_level_channels=8
    --config.regions.kwargs.cell_height=12 --config.regions.kwargs.cell_width=16
    --config.budget.regions_per_image=2 --config.schedule.acquisitions=1
    --config.schedule.iterations=2 --config.schedule.epochs=1 --config.schedule.last_epochs=2
    --config.method.kwargs.warmup_epochs=1 --config.method.kwargs.replay_start_epoch=2
    --config.batch.labeled=2 --config.batch.unlabeled=2 --config.method.kwargs.replay_capacity=4
    --config.annotator.person=Ada
    --config.devices=1
""".split()
"""What makes a run of hours one of seconds; all else is as the document says."""


def commands() -> dict[str, list[str]]:
    """The document's command lines, by the name of the command."""
    text = (ROOT / "docs/tutorials/own_images.md").read_text()
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")
    found = [shlex.split(line) for line in lines.splitlines() if line.strip()]
    assert all(words[0] == "s4al" for words in found)
    return {words[1]: words[1:] for words in found}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which somebody types the commands."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


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


def test_the_document_leads_from_photographs_to_a_network_that_knows_them(
    home: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    def typed(words: list[str]) -> str:
        assert command(*words) == 0, capsys.readouterr().err
        return capsys.readouterr().out

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

    assert "No errors." in typed([*said["check"], *SMALL[:2]])
    assert (home / "sheet.png").stat().st_size > 10_000

    run = [part for part in said["train"] if "pretrained" not in part] + SMALL
    for cycle in (0, 1):
        asked = typed(run)
        assert f"regions wait for an answer in runs/photos/requests/{cycle:02d}" in asked
        assert answer(home, cycle, truth) == 8
    assert "The run is finished" in typed(run)

    typed(said["export"])
    for path in (home / "labels/photos/masks").rglob("*.png"):
        name = path.relative_to(home / "labels/photos/masks").with_suffix("").as_posix()
        mask = np.array(Image.open(path))
        known = mask != 255
        assert mask.shape == truth[name].shape and known.mean() > 0.1
        assert np.array_equal(mask[known], truth[name][known])

    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(home / "more.jpg")
    typed(said["predict"])
    maps = home / "predictions" / "labels"
    written = sorted(path.relative_to(maps).as_posix() for path in maps.rglob("*.png"))
    assert written == [f"{name}.png" for name in ("a", "b", "more", "trip/c", "trip/d e")]
