"""`s4al predict` shows what an exported network sees: what the run was measured with."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s4al_jax.files.fit import MEAN_COLOR, cut_frame
from s4al_jax.run import export
from s4al_jax.rundir.directory import cycle_folder
from s4al_jax.types import VOID
from tests.conftest import Command, FinishedRun
from tests.support.small_datasets import pixels


@pytest.fixture(scope="module")
def model(straight: FinishedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model")
    export.export_network(straight.experiment, straight.workdir, out)
    return out


def test_predictions_on_files_are_those_of_the_engines_evaluation(
    straight: FinishedRun, command: Command, tmp_path: Path
) -> None:
    spec = straight.experiment.spec
    for index, name in enumerate(spec.test.names):
        path = tmp_path / "images/deep" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(spec.test.read_image(index)).save(path)
    model, out = tmp_path / "model", tmp_path / "out"
    assert command("export", straight.workdir, f"--model={model}") == 0
    assert (
        command("predict", tmp_path / "images", f"--model={model}", f"--out={out}", "--batch=2")
        == 0
    )
    classes = len(spec.classes)
    confusion = np.zeros((classes, classes), np.int64)
    for index, name in enumerate(spec.test.names):
        truth, seen = spec.test.read_truth(index), pixels(out / f"labels/deep/{name}.png")
        known = truth < classes
        np.add.at(confusion, (truth[known], seen[known]), 1)
        assert pixels(out / f"overlays/deep/{name}.png").shape == (48, 64, 3)
        assert pixels(out / f"uncertainty/deep/{name}.png").shape == (48, 64)
    last = cycle_folder(straight.workdir, straight.experiment.schedule.cycles - 1)
    assert np.array_equal(confusion, np.load(last.path / "confusion_teacher_test.npy"))
    said = json.loads((model / "model.json").read_text())
    assert said["run"]["measures"] == (last.read_metrics() or {})["measures"]["teacher"]


def test_pictures_of_any_size_get_maps_of_theirs_and_a_broken_one_is_named(
    model: Path, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    for name, size in (("a b.jpg", (30, 50)), ("ü.png", (96, 128)), ("gray.png", (1, 1))):
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    assert command("predict", tmp_path, f"--model={model}", f"--out={out}") == 1
    said = capsys.readouterr()
    assert "3 images" in said.out and "broken.png cannot be read" in said.err
    for folder in ("labels", "overlays", "uncertainty"):
        assert pixels(out / folder / "a b.png").shape[:2] == (30, 50)
        assert pixels(out / folder / "ü.png").shape[:2] == (96, 128)
    assert pixels(out / "labels/a b.png").max() < 11
    alone = tmp_path / "alone"
    again = ("predict", tmp_path / "a b.jpg", f"--model={model}", f"--out={alone}")
    assert command(*again, "--size=working", "--batch=1") == 0
    assert pixels(alone / "labels/a b.png").shape == (48, 64)


@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_a_picture_of_other_proportions_is_seen_in_its_frame(
    fit: str, model: Path, command: Command, tmp_path: Path
) -> None:
    about, own = json.loads((model / "model.json").read_text()), tmp_path / "model"
    shutil.copytree(model, own)
    about["input"]["fit"] = fit
    (own / "model.json").write_text(json.dumps(about))
    picture = np.random.default_rng(0).integers(0, 256, (48, 120, 3), np.uint8)
    # 48 x 64: padded to 90 x 120, or cropped to 48 x 64, from column 28 on.
    framed, place = cut_frame(picture, (48, 64), fit, fill=MEAN_COLOR), (slice(48), slice(28, 92))
    for name, array in (("wide", picture), ("framed", framed)):
        Image.fromarray(array).save(tmp_path / f"{name}.png")
    out = tmp_path / "out"
    pictures = (tmp_path / "wide.png", tmp_path / "framed.png")
    assert command("predict", *pictures, f"--model={own}", f"--out={out}") == 0
    seen, of_frame = (pixels(out / f"labels/{name}.png") for name in ("wide", "framed"))
    assert seen.shape == (48, 120)
    if fit == "pad":
        np.testing.assert_array_equal(seen, of_frame[:48])
    else:
        np.testing.assert_array_equal(seen[place], of_frame)
        seen[place] = VOID
        assert np.all(seen == VOID)


def test_a_folder_without_a_network_says_who_writes_one(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = (tmp_path, f"--model={tmp_path}", f"--out={tmp_path / 'out'}")
    assert command("predict", *given) == 1
    said = f"error: {tmp_path}/model.json: no such file; s4al export writes one\n"
    assert capsys.readouterr().err == said and not (tmp_path / "out").exists()
