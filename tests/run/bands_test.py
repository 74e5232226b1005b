"""Pictures of six bands and 12 of 16 bits, from a folder of TIFFs to a network and its report."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from s4al_jax.engine import devices
from s4al_jax.files.bands import to_bytes
from s4al_jax.labels.export import export_labels, read_answers
from s4al_jax.report.page import data_uris
from s4al_jax.report.page.gallery import build_gallery
from s4al_jax.run import build, export, loop
from s4al_jax.rundir.records import read
from s4al_jax.types import DatasetSpec, InputError
from tests.conftest import Command
from tests.support.plain_backbone import without_batch_norm
from tests.support.small_datasets import pixels, png
from tests.support.tiny import tiny_config

tifffile = pytest.importorskip("tifffile", reason="s4al_jax[tiff] is not installed")

HEIGHT, WIDTH, BANDS = 16, 32, 6
RANGE, DISPLAY = (16, 4095), (5, 3, 1)
NAMES = ("train/a", "train/b", "train/c", "val/d", "test/e", "test/f")


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    """What the pictures hold: noise of 12 bits, and band 4 says the class."""
    rng, found = np.random.default_rng(0), {}
    for name in NAMES:
        found[name] = rng.integers(0, 4096, (HEIGHT, WIDTH, BANDS)).astype(np.uint16)
        found[name][: HEIGHT // 2, :, 4] = 4095
        found[name][HEIGHT // 2 :, :, 4] = 0
    return found


@pytest.fixture(scope="module")
def root(arrays: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("scenes")
    (place / "classes.txt").write_text("low\nhigh\n")
    for name, array in arrays.items():
        for kind in ("images", "masks"):
            (place / kind / name).parent.mkdir(parents=True, exist_ok=True)
        how = {"photometric": "minisblack", "extrasamples": ["unspecified"] * (BANDS - 1)}
        how |= {"planarconfig": "contig", "tile": (16, 16), "compression": "deflate"}
        tifffile.imwrite(place / f"images/{name}.tif", array, **how)
        (place / f"masks/{name}.png").write_bytes(png((array[..., 4] > 2000).astype(np.uint8)))
    return place


def config_of(root: Path, **kwargs: object) -> ConfigDict:
    """A learner of all labels, with the least network there is, for one cycle of one epoch."""
    config = tiny_config(
        data__name="folder",
        data__root=str(root),
        data__height=HEIGHT,
        data__width=WIDTH,
        data__kwargs=ConfigDict({"split": "folders", **kwargs}),
        data__initial_share=1.0,
        method=ConfigDict({"name": "supervised", "kwargs": {}}),
        schedule__acquisitions=0,
        schedule__last_epochs=1,
        regions__kwargs=ConfigDict({"cell_height": 8, "cell_width": 8}),
        evaluate__splits=("test",),
        report__pool_images=2,
        report__measured_images=1,
        **without_batch_norm(),
    )
    config.lock()
    return config


@pytest.fixture(scope="module")
def made(root: Path) -> build.Experiment:
    own = {"channels": BANDS, "value_range": RANGE, "display_bands": DISPLAY}
    return build.build(config_of(root, **own))


@pytest.fixture(scope="module")
def workdir(made: build.Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("run")
    list(loop.run_cycles(made, place))
    return place


def shown(array: np.ndarray) -> np.ndarray:
    """A picture as a person sees it, by hand: three of the bands, from 16 to 4095."""
    three = array[..., list(DISPLAY)].astype(float).clip(16, 4095)
    return np.floor((three - 16) * 255 / 4079 + 0.5).astype(np.uint8)


def test_the_network_sees_all_bands_and_a_person_three(
    made: build.Experiment, arrays: dict[str, np.ndarray]
) -> None:
    spec = made.spec
    assert (spec.channels, spec.value_range, spec.train.display) == (BANDS, RANGE, DISPLAY)
    for index, name in enumerate(spec.train.names):
        seen = spec.train.read_image(index)
        assert seen.shape == (HEIGHT, WIDTH, BANDS)
        np.testing.assert_array_equal(seen, to_bytes(arrays[name], RANGE))
        np.testing.assert_array_equal(spec.train.picture(index), shown(arrays[name]))
        np.testing.assert_array_equal(spec.train.original(index), shown(arrays[name]))
        assert spec.train.read_deep is not None
        np.testing.assert_array_equal(spec.train.read_deep(index), arrays[name])
    stem = made.fresh_state(0, np.ones(2, np.int64)).student["params"]["backbone"]["conv_0"]
    assert stem["kernel"].shape[2] == BANDS
    assert made.preprocessing["mean"][:3] == (0.485, 0.456, 0.406)
    assert made.preprocessing["mean"][3:] == pytest.approx([1.347 / 3] * 3)


def test_the_report_shows_the_bands_that_were_chosen(
    made: build.Experiment, workdir: Path, arrays: dict[str, np.ndarray]
) -> None:
    gallery = build_gallery(read(workdir), made.spec, made.regions, [])
    names = {picture["name"]: picture["id"] for picture in gallery.pictures}
    assert len(names) == 3
    for name, number in names.items():
        expected = data_uris.photograph(shown(arrays[name]))
        assert gallery.images[number]["image"] == expected
    answers = read_answers(workdir / "annotations", made.spec)
    for original in (True, False):
        out = workdir.parent / f"labels-{workdir.name}-{original}"
        export_labels(out, made.spec, answers, original=original, progress=lambda done, total: None)
        np.testing.assert_array_equal(pixels(out / "images/train/a.png"), shown(arrays["train/a"]))


def test_an_exported_network_sees_what_the_run_saw(
    made: build.Experiment,
    workdir: Path,
    root: Path,
    arrays: dict[str, np.ndarray],
    command: Command,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model, out = tmp_path / "model", tmp_path / "out"
    export.export_network(made, workdir, model)
    said = json.loads((model / "model.json").read_text())["input"]
    assert (said["channels"], said["value_range"]) == (BANDS, list(RANGE))
    assert (said["display_bands"], said["layout"]) == (list(DISPLAY), "6 bands, rows first")
    assert len(said["mean"]) == len(said["std"]) == BANDS
    assert command("predict", root / "images/test", f"--model={model}", f"--out={out}") == 0
    network = export.read_network(model, devices.mesh(1))
    confusion = np.zeros((2, 2), np.int64)
    for name in ("test/e", "test/f"):
        image, found = to_bytes(arrays[name], RANGE), pixels(out / f"labels/{name[5:]}.png")
        logits = network.predict(network.variables, jnp.asarray(image)[None]).logits[0]
        np.testing.assert_array_equal(found, np.asarray(logits).argmax(-1))
        colors = np.array(made.spec.palette)[found]
        overlay = (shown(arrays[name]).astype(int) + colors) // 2
        np.testing.assert_array_equal(pixels(out / f"overlays/{name[5:]}.png"), overlay)
        np.add.at(confusion, ((arrays[name][..., 4] > 2000).astype(int), found), 1)
    measured = np.load(workdir / "cycles/00/confusion_student_test.npy")
    np.testing.assert_array_equal(confusion, measured)

    capsys.readouterr()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "rgb.png")
    assert command("predict", tmp_path / "rgb.png", f"--model={model}", f"--out={out}") == 1
    assert capsys.readouterr().err == (
        f"error: {tmp_path}/rgb.png has 3 bands, the network sees 6 bands: give it those\n"
    )


def test_check_suggests_a_value_range_to_paste(
    root: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    look = ("check", "folder", f"--config.data.root={root}", "--config.data.kwargs.channels=6")
    size = (f"--config.data.height={HEIGHT}", f"--config.data.width={WIDTH}")
    assert command(*look, *size) == 0
    said = capsys.readouterr().out
    (line,) = (line for line in said.splitlines() if "value_range" in line)
    assert line.startswith("suspicion: pictures of 16 bits hold numbers from 0 to 4095 alone")
    option = next(word for word in line.split() if word.startswith("--config.data.kwargs."))
    assert command(*look, *size, option, "--config.data.kwargs.display_bands=5,3,1") == 0
    assert "value_range" not in capsys.readouterr().out


def test_six_bands_are_refused_where_three_are_meant_and_by_datasets_that_know_none(
    root: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    look = ("check", "folder", f"--config.data.root={root}")
    assert command(*look, f"--config.data.height={HEIGHT}", f"--config.data.width={WIDTH}") == 1
    said = capsys.readouterr().out
    assert (
        f"error: {root}/images/train/a.tif has 6 bands, and config.data.kwargs.channels is 3"
        in said
    )
    assert command("check", "demo", "--config.data.kwargs.channels=6") == 1
    said = capsys.readouterr().err
    assert said.startswith("error: config.data.kwargs.channels: no such option; there are seed")


def test_three_bands_said_in_words_are_those_of_the_default(tmp_path: Path) -> None:
    place = tmp_path / "photos"
    for name in NAMES:
        for kind in ("images", "masks"):
            (place / kind / name).parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(len(name))
        image = rng.integers(0, 256, (20, 24, 3), np.uint8)
        (place / f"images/{name}.png").write_bytes(png(image))
        (place / f"masks/{name}.png").write_bytes(png(image[..., 0] // 128))
    (place / "classes.txt").write_text("low\nhigh\n")
    specs: list[DatasetSpec] = [
        build.build(config_of(place, **kwargs)).spec
        for kwargs in ({}, {"channels": 3, "value_range": (), "display_bands": (0, 1, 2)})
    ]
    for index in range(3):
        one, other = (spec.train for spec in specs)
        for read_it in ("read_image", "picture", "original"):
            np.testing.assert_array_equal(
                getattr(one, read_it)(index), getattr(other, read_it)(index)
            )
        np.testing.assert_array_equal(one.picture(index), one.read_image(index))
    with pytest.raises(InputError, match="display_bands is"):
        build.build(config_of(place, display_bands=(0, 1, 3)))
