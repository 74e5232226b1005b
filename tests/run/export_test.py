"""A network that leaves its run: the same predictions, from two files alone, by the commands."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from s4al_jax.engine import devices
from s4al_jax.engine.checkpoint import Checkpoints
from s4al_jax.run import build, export
from s4al_jax.rundir.directory import cycle_folder
from s4al_jax.types import InputError
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
    assert said["run"]["measures"] == last.metrics["measures"]["teacher"]


def test_the_json_says_what_another_program_needs(straight: FinishedRun, model: Path) -> None:
    about = json.loads((model / "model.json").read_text())
    assert [entry["name"] for entry in about["classes"]] == list(straight.experiment.spec.classes)
    assert (about["input"]["height"], about["input"]["width"]) == (48, 64)
    assert about["input"]["mean"] == [0.485, 0.456, 0.406]
    assert about["model"]["backbone"] == {"name": "plain", "kwargs": {"features": 8}}
    assert about["run"]["network"] == "teacher"
    assert (about["run"]["cycle"], about["run"]["step"]) == (1, 8)
    assert str(straight.workdir) not in json.dumps(about)


def test_the_arrays_come_back_as_they_were(straight: FinishedRun, model: Path) -> None:
    built = straight.experiment
    checkpoints = Checkpoints(straight.workdir / "checkpoints", keep=2, mesh=built.mesh)
    teacher = checkpoints.state(built.state_shapes).teacher
    checkpoints.close()
    read = export.read_network(model, devices.mesh(1))
    jax.tree.map(np.testing.assert_array_equal, read.variables, teacher)


def test_another_run_starts_from_an_exported_backbone(
    model: Path, tiny: Callable[..., ConfigDict], capsys: pytest.CaptureFixture[str]
) -> None:
    weights = str(model / "model.safetensors")
    built = build.build(tiny(model__pretrained=weights))
    assert "10 tensors loaded" in capsys.readouterr().out
    started = built.fresh_state(0, np.ones(11, np.int64)).student
    read = export.read_network(model, devices.mesh(1)).variables
    for part in ("params", "batch_stats"):
        jax.tree.map(
            np.testing.assert_array_equal, started[part]["backbone"], read[part]["backbone"]
        )


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
    straight: FinishedRun, model: Path, command: Command, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert command("export", tmp_path, f"--model={tmp_path / 'm'}") == 1
    assert "is this the directory of a run?" in capsys.readouterr().err
    wrong = command("export", straight.workdir, f"--model={tmp_path / 'm'}", "--network=oracle")
    assert wrong == 1
    assert (
        "--network=oracle: the run has trained its student and teacher" in capsys.readouterr().err
    )
    with pytest.raises(InputError, match="nothing has been trained in"):
        export.export_network(straight.experiment, tmp_path / "empty", tmp_path / "m")
    with pytest.raises(InputError, match="scripts/export.py writes one"):
        export.read_network(tmp_path, devices.mesh(1))
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    about = json.loads((copy / "model.json").read_text())
    (copy / "model.json").write_text(json.dumps({**about, "version": 2}))
    with pytest.raises(InputError, match="of version 2, this program reads 1"):
        export.read_network(copy, devices.mesh(1))
    (copy / "model.json").write_text(json.dumps({"version": 1}))
    with pytest.raises(InputError, match="not as it was written"):
        export.read_network(copy, devices.mesh(1))
    (copy / "model.json").write_text(json.dumps({**about, "classes": about["classes"][:3]}))
    with pytest.raises(InputError, match="classify.bias has shape"):
        export.read_network(copy, devices.mesh(1))


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
