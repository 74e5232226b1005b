"""Pictures larger than the working size, cut into tiles: from files to labels of their size."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from s4al_jax.cli.listeners import run_listeners
from s4al_jax.data.folder import folder
from s4al_jax.files import images
from s4al_jax.files.fit import MEAN_COLOR
from s4al_jax.files.tile_grid import parse_tile_name
from s4al_jax.labels.export import export_labels, read_answers
from s4al_jax.run import build, loop
from s4al_jax.rundir import views
from s4al_jax.survey import validate
from s4al_jax.types import VOID, AnnotationsPending, Box
from tests.conftest import Command
from tests.support import cheap_method
from tests.support.photographs import CLASSES
from tests.support.small_datasets import pixels

SIZES = {"train/a": (60, 150), "train/b": (48, 64), "train/deep/c": (50, 20)}
"""height and width; tiles have 48 x 64"""

CONFIG = """
from ml_collections import ConfigDict

from s4al_jax.config import defaults


def get_config(study=None):
    config = defaults.default()
    config.data.update(name="folder", height=48, width=64)
    config.data.kwargs = ConfigDict({"split": "folders", "fit": "tile"})
    return config
"""


def write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place, rng = tmp_path / "scans", np.random.default_rng(0)
    for name, size in (SIZES | {"val/v": (49, 64), "test/t": (30, 70)}).items():
        write(place / f"images/{name}.png", rng.integers(0, 256, (*size, 3), np.uint8))
        write(place / f"masks/{name}.png", rng.integers(0, 2, size, np.uint8))
    (place / "classes.txt").write_text("\n".join(CLASSES))
    return place


@pytest.fixture
def config(root: Path) -> Callable[..., ConfigDict]:
    """Cells of 12 x 16 pixels."""

    def made(cells: int = 16, annotator: str = "oracle") -> ConfigDict:
        config = cheap_method.get_config().unlock()
        config.data.name, config.data.root = "folder", str(root)
        config.data.kwargs = ConfigDict({"split": "folders", "fit": "tile"})
        config.data.initial_share = 0.2
        config.budget.regions_per_image = cells
        config.annotator.name = annotator
        return config

    return made


def test_tiles_are_the_pictures_pixels_and_padding_is_void(root: Path) -> None:
    spec = folder(str(root), height=48, width=64, split="folders", fit="tile")
    names = [f"train/a@r{row}c{col}" for row in range(2) for col in range(3)]
    names += ["train/b@r0c0", "train/deep/c@r0c0", "train/deep/c@r1c0"]
    assert list(spec.train.names) == names and spec.fit == "tile"
    assert spec.val.names == ("val/v@r0c0", "val/v@r1c0")
    assert spec.test.names == ("test/t@r0c0", "test/t@r0c1")
    assert spec.train.shown is not None and spec.train.read_original_truth is not None
    for split in (spec.train, spec.val, spec.test):
        for index, name in enumerate(split.names):
            tile = parse_tile_name(name)
            rows, cols = split.shown(index) if split.shown else (0, 0)
            place = tile.box((48, 64), (rows, cols)).slices
            image, truth = split.read_image(index), split.read_truth(index)
            np.testing.assert_array_equal(split.original(index), image)
            whole = pixels(root / f"images/{tile.picture}.png")
            np.testing.assert_array_equal(image[:rows, :cols], whole[place])
            mask = pixels(root / f"masks/{tile.picture}.png")
            np.testing.assert_array_equal(truth[:rows, :cols], mask[place])
            assert np.all(truth[rows:] == VOID) and np.all(truth[:, cols:] == VOID)
            assert np.all(image[rows:] == MEAN_COLOR) and np.all(image[:, cols:] == MEAN_COLOR)
    # 150 columns are 64 + 64 + 22, 60 rows 48 + 12.
    shown = [spec.train.shown(index) for index in range(6)]
    assert shown == [(48, 64), (48, 64), (48, 22), (12, 64), (12, 64), (12, 22)]


def test_what_lies_beyond_a_picture_is_no_void_of_a_person(root: Path) -> None:
    spec = folder(str(root), height=48, width=64, split="folders", fit="tile")
    found = validate.survey(spec).splits
    assert [found[split].void_pixels for split in ("train", "val", "test")] == [0, 0, 0]
    assert found["test"].class_pixels.sum() == 30 * 70


def test_the_report_shows_nothing_where_there_is_no_picture(
    root: Path, config: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    given = config()
    given.report.pool_images, given.schedule.acquisitions = 9, 0
    made = build.build(given)
    list(loop.run_cycles(made, tmp_path / "run", listeners=run_listeners(tmp_path / "run")))
    kept = views.read(tmp_path / "run/cycles/00/views.npz")
    assert kept is not None and made.spec.train.shown is not None
    assert len(kept.places) >= 9
    for place, predicted, uncertainty in zip(
        kept.places, kept.predicted, kept.uncertainty, strict=True
    ):
        split = {"pool": made.spec.train, "val": made.spec.val, "test": made.spec.test}[place.split]
        assert split.shown is not None
        rows, cols = split.shown(place.image)
        assert np.all(predicted[:rows, :cols] < len(CLASSES))
        assert np.all(predicted[rows:] == VOID) and np.all(predicted[:, cols:] == VOID)
        assert not uncertainty[rows:].any() and not uncertainty[:, cols:].any()


def test_the_tiles_of_a_picture_decode_it_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded, real = [], images._open_image

    def count(file: images.ImageFile, *, pixels: bool = True, **how: object) -> object:
        decoded.extend([file.name] if pixels else [])
        return real(file, pixels=pixels, **how)  # type: ignore[arg-type]

    monkeypatch.setenv("S4AL_IMAGE_CACHE", "")
    monkeypatch.setattr(images, "_open_image", count)
    spec = folder(str(root), height=48, width=64, split="folders", fit="tile")
    assert decoded == []
    for index in range(len(spec.train.names)):
        spec.train.read_image(index), spec.train.original(index), spec.train.read_truth(index)
    assert len(decoded) == len(set(decoded)) == 2 * len(SIZES)


def test_a_run_labels_all_tiles_and_the_export_puts_them_together(
    root: Path, config: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    made = build.build(config())
    results = list(loop.run_cycles(made, tmp_path / "run"))
    total = sum(rows * cols for rows, cols in SIZES.values())
    assert results[-1].metrics["labeled_pixels"] == total
    described = json.loads((tmp_path / "run/run.json").read_text())
    assert described["budget"]["pool_pixels"] == total
    assert described["preprocessing"]["fit"] == "tile"
    answers = read_answers(tmp_path / "run/annotations", made.spec)
    seen: list[tuple[int, int]] = []
    export_labels(
        tmp_path / "out",
        made.spec,
        answers,
        original=True,
        progress=lambda done, of: seen.append((done, of)),
    )
    assert seen == [(6, 9), (7, 9), (9, 9)]
    assert (tmp_path / "out/train.txt").read_text().split() == list(SIZES)
    for name in SIZES:
        for kind in ("images", "masks"):
            found, given = (pixels(at / f"{kind}/{name}.png") for at in (tmp_path / "out", root))
            np.testing.assert_array_equal(found, given)
    coco = json.loads((tmp_path / "out/coco.json").read_text())
    assert [(i["height"], i["width"]) for i in coco["images"]] == list(SIZES.values())


def test_what_was_labeled_of_some_tiles_is_exported_in_its_place(
    root: Path, config: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    made = build.build(config(cells=1))
    list(loop.run_cycles(made, tmp_path / "run"))
    answers = read_answers(tmp_path / "run/annotations", made.spec)
    export_labels(tmp_path / "out", made.spec, answers, original=True, progress=lambda *_: None)
    labeled = 0
    for name, size in SIZES.items():
        found, truth = (
            pixels(tmp_path / f"out/masks/{name}.png"),
            pixels(root / f"masks/{name}.png"),
        )
        known = found != VOID
        assert found.shape == size and known.any() and not known.all()
        np.testing.assert_array_equal(found[known], truth[known])
        labeled += int(known.sum())
    assert labeled == sum(answer.cost for of_image in answers for answer in of_image)


def test_a_person_is_asked_about_tiles_in_the_pixels_of_the_picture(
    root: Path, config: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    truths = {name: pixels(root / f"masks/{name}.png") for name in SIZES}
    for name in ("train/a", "train/deep/c"):
        (root / f"masks/{name}.png").unlink()
    made, run = build.build(config(cells=2, annotator="files")), tmp_path / "run"
    with pytest.raises(AnnotationsPending):
        list(loop.run_cycles(made, run))
    folder = run / "requests/01"
    asked = json.loads((folder / "requests.json").read_text())["requests"]
    assert asked
    for request in asked:
        tile = parse_tile_name(made.spec.train.names[int(request["image"][:5])])
        place = tile.box((48, 64), (48, 64)).slices
        truth = truths[tile.picture][place][Box(*request["box"]).slices]
        crop = pixels(root / f"images/{tile.picture}.png")[place][Box(*request["box"]).slices]
        np.testing.assert_array_equal(pixels(folder / request["crop_file"]), crop)
        write(folder / request["answer_file"], truth)
    list(loop.run_cycles(made, run, listeners=run_listeners(run)))
    answers = read_answers(run / "annotations", made.spec)
    export_labels(tmp_path / "out", made.spec, answers, original=True, progress=lambda *_: None)
    labeled = 0
    for name in SIZES:
        found = pixels(tmp_path / f"out/masks/{name}.png")
        np.testing.assert_array_equal(found[found != VOID], truths[name][found != VOID])
        labeled += int((found != VOID).sum())
    assert labeled == sum(answer.cost for of_image in answers for answer in of_image)
    assert (run / "report/index.html").is_file()


def test_check_counts_tiles_and_passes_over_blank_ones(
    root: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    # The same black border in all three splits, beside pictures that differ.
    for name in ("train/b", "val/v", "test/t"):
        picture = pixels(root / f"images/{name}.png")[:30, :64]
        black = np.zeros((30, 64, 3), np.uint8)
        write(root / f"images/{name}.png", np.concatenate([picture, black], axis=1))
        write(root / f"masks/{name}.png", np.zeros((30, 128), np.uint8))
    (root / "tile.py").write_text(CONFIG)
    given = ("check", root / "tile.py", f"--config.data.root={root}")
    assert command(*given) == 0, capsys.readouterr()
    said = capsys.readouterr().out
    assert "No errors." in said and "| train |     10 |" in said, said
    (root / "images/val/v.png").write_bytes(b"no picture")
    assert command(*given) == 1
    assert capsys.readouterr().out.count("val/v.png cannot be read") == 1
