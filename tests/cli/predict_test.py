"""`s4al predict` shows what an exported network sees: what the run was measured with."""

import json
import shutil
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from s4al_jax.acquisition.scores import entropy_share
from s4al_jax.engine import devices
from s4al_jax.engine.infer import predictor
from s4al_jax.engine.sliding import slide
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


def model_of_tiles(model: Path, own: Path) -> Path:
    """The network as one that was trained on tiles."""
    about = json.loads((model / "model.json").read_text())
    about["input"]["fit"] = "tile"
    shutil.copytree(model, own)
    (own / "model.json").write_text(json.dumps(about))
    return own


def test_a_network_of_tiles_slides_over_a_large_picture(
    model: Path, command: Command, tmp_path: Path
) -> None:
    own = model_of_tiles(model, tmp_path / "model")
    picture = np.random.default_rng(0).integers(0, 256, (100, 150, 3), np.uint8)
    images = tmp_path / "images"
    images.mkdir()
    Image.fromarray(picture).save(images / "large.png")
    Image.fromarray(picture[:20, :30]).save(images / "small.png")
    out = tmp_path / "out"
    assert command("predict", images, f"--model={own}", f"--out={out}", "--overlap=0.5") == 0

    mesh = devices.mesh(1)
    network = export.read_network(own, mesh)
    see = predictor(network.predict, mesh, batch=8)
    for name, part in (("large", picture), ("small", picture[:20, :30])):
        bands = slide(
            lambda top, bottom, part=part: part[top:bottom],
            (part.shape[0], part.shape[1]),
            (48, 64),
            lambda tiles: see(network.variables, tiles).logits,
            overlap=0.5,
            batch=8,
        )
        logits = np.concatenate([band.logits.copy() for band in bands])
        np.testing.assert_array_equal(pixels(out / f"labels/{name}.png"), logits.argmax(-1))
        gray = 255 * np.asarray(entropy_share(jnp.asarray(logits[None])))[0]
        np.testing.assert_allclose(pixels(out / f"uncertainty/{name}.png"), gray, atol=0.51)
        assert pixels(out / f"overlays/{name}.png").shape == part.shape
    assert not list(out.rglob("*.part"))
    # A picture of one tile is what it was before, but for its padding.
    again = tmp_path / "again"
    assert command("predict", images, f"--model={model}", f"--out={again}", "--tile") == 0
    small = pixels(again / "labels/small.png")
    np.testing.assert_array_equal(small, pixels(out / "labels/small.png"))


def test_a_large_tiff_is_seen_as_its_pixels_are_in_any_file(
    model: Path, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile = pytest.importorskip("tifffile", reason="tifffile is not installed")
    picture = np.random.default_rng(0).integers(0, 256, (130, 90, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "b.tif", picture, photometric="rgb", rowsperstrip=9)
    damaged = tmp_path / "damaged.tif"
    tifffile.imwrite(damaged, picture, photometric="rgb", rowsperstrip=9)
    damaged.write_bytes(damaged.read_bytes()[:-9000])
    out = tmp_path / "out"
    given = ("predict", f"--model={model}", "--tile", f"--out={out}")
    files = (tmp_path / "a.png", tmp_path / "b.tif", damaged)
    assert command(*given, *files) == 1
    said = capsys.readouterr()
    assert "damaged.tif cannot be read" in said.err and "2 images" in said.out
    for folder in ("labels", "overlays", "uncertainty"):
        one, other = (pixels(out / folder / f"{name}.png") for name in "ab")
        np.testing.assert_array_equal(one, other)
        # Of the damaged file nothing is left.
        assert len(list((out / folder).iterdir())) == 2
    assert command(*given, *files[:2], "--max_pixels=11699") == 1
    said = capsys.readouterr()
    for name in ("a.png", "b.tif"):
        path = tmp_path / name
        hint = "has more than 11699 pixels: make it smaller, or raise --max_pixels"
        assert f"error: {path} {hint}\n" in said.err


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--overlap=1", "the overlap is 1.0: choose a share of a tile from 0 to below 1"),
        ("--size=working", "--size=working: images seen in tiles have maps of their own size"),
    ],
)
def test_options_that_tiles_do_not_have_are_refused(
    option: str,
    said: str,
    model: Path,
    command: Command,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    out = tmp_path / "out"
    given = ("predict", tmp_path / "a.png", f"--model={model}", f"--out={out}", "--tile", option)
    assert command(*given) == 1
    assert capsys.readouterr().err == f"error: {said}\n" and not out.exists()


def test_a_folder_without_a_network_says_who_writes_one(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = (tmp_path, f"--model={tmp_path}", f"--out={tmp_path / 'out'}")
    assert command("predict", *given) == 1
    said = f"error: {tmp_path}/model.json: no such file; s4al export writes one\n"
    assert capsys.readouterr().err == said and not (tmp_path / "out").exists()
