"""What is decoded once is mapped ever after, and what has changed is seen."""

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from s4al_jax.data import decode_cache
from s4al_jax.data.camvid import camvid
from s4al_jax.data.cityscapes import cityscapes
from s4al_jax.data.coco import coco
from s4al_jax.data.decode_cache import FOLDER, cache_folder, decode_anew
from s4al_jax.data.folder import folder
from s4al_jax.data.label_studio import label_studio
from s4al_jax.data.parquet import parquet
from s4al_jax.data.table import table
from s4al_jax.data.voc import voc
from s4al_jax.files import images
from s4al_jax.runtime import extras
from s4al_jax.types import DatasetSpec
from tests.support import ways_in
from tests.support.small_datasets import (
    camvid_folders,
    cityscapes_archives,
    cityscapes_folders,
    own_folder,
    png,
)

Make = Callable[[Path], DatasetSpec]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own."""
    monkeypatch.setenv(FOLDER, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of all pictures whose pixels were decoded."""
    names: list[str] = []
    real = images._open_image

    def open_image(file: images.ImageFile, *, pixels: bool = True, **how: object) -> object:
        if pixels:
            names.append(file.name)
        return real(file, pixels=pixels, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(images, "_open_image", open_image)
    return names


def settle(root: Path) -> None:
    """Make all files an hour old."""
    for path in root.rglob("*"):
        time = path.stat().st_mtime - 3600
        os.utime(path, (time, time))


def arrays(spec: DatasetSpec) -> list[np.ndarray]:
    """All that a run reads of a dataset at its start."""
    found = []
    for split in (spec.train, spec.val, spec.test):
        for index, known in enumerate(split.known):
            found.append(split.read_image(index))
            if known:
                found.append(split.read_truth(index))
            if split.shown is not None:
                found.append(np.array(split.shown(index)))
    return found


def assert_same(first: list[np.ndarray], second: list[np.ndarray]) -> None:
    assert len(first) == len(second) > 0
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


SIZE = {"height": 8, "width": 16}


def read_folder(root: Path) -> DatasetSpec:
    return folder(str(root), **SIZE, val_share=0.25, test_share=0.25)


def _archives(root: Path) -> None:
    cityscapes_archives(cityscapes_folders(root / "unpacked"), root)


WAYS: dict[str, tuple[Callable[[Path], object], Make]] = {
    "folder": (lambda root: own_folder(root, 8), read_folder),
    "csv": (lambda root: ways_in.csv_table(root, 8), lambda root: table(str(root), **SIZE)),
    "voc": (lambda root: ways_in.voc_folders(root, 8), lambda root: voc(str(root), **SIZE)),
    "coco": (lambda root: ways_in.coco_folder(root, 8), lambda root: coco(str(root), **SIZE)),
    "label_studio": (
        lambda root: ways_in.label_studio_export(root, 8),
        lambda root: label_studio(str(root), **SIZE),
    ),
    "parquet": (
        lambda root: ways_in.parquet_files(root, 8),
        lambda root: parquet(str(root), **SIZE),
    ),
    "camvid": (camvid_folders, lambda root: camvid(str(root), **SIZE)),
    "cityscapes": (
        cityscapes_folders,
        lambda root: cityscapes(str(root), **SIZE, val=2, fit="pad"),
    ),
    "archives": (_archives, lambda root: cityscapes(str(root), **SIZE, val=2)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_second_look_decodes_nothing_and_gives_the_same(
    way: str, tmp_path: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make, read = WAYS[way]
    if way == "parquet" and not extras.is_installed("pyarrow"):
        pytest.skip("pyarrow is not installed: pip install 's4al_jax[parquet]'")
    root = tmp_path / "data"
    root.mkdir()
    make(root)
    settle(root)
    first = arrays(read(root))
    assert decoded
    decoded.clear()
    assert_same(first, arrays(read(root)))
    assert decoded == []
    monkeypatch.setenv(FOLDER, "")
    assert cache_folder() is None
    assert_same(first, arrays(read(root)))
    assert decoded


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Eight pictures with masks, an hour old, seen once."""
    root = tmp_path / "data"
    root.mkdir()
    own_folder(root, 8)
    settle(root)
    arrays(read_folder(root))
    return root


def replace(path: Path, content: bytes, *, keep_time: bool = False) -> None:
    before = path.stat()
    path.write_bytes(content)
    time = before.st_mtime_ns + (0 if keep_time else 10**9)
    os.utime(path, ns=(time, time))


def of(spec: DatasetSpec, name: str, *, truth: bool = False) -> np.ndarray:
    for split in (spec.train, spec.val, spec.test):
        if name in split.names:
            index = split.names.index(name)
            return split.read_truth(index) if truth else split.read_image(index)
    raise KeyError(name)


def test_a_picture_or_a_mask_that_changed_is_decoded_and_nothing_else(
    root: Path, decoded: list[str]
) -> None:
    # Eleven rows in a working size of eight: what is padded is seen at a part of its size.
    replace(root / "images/0.png", png(np.full((8, 16, 3), 7, np.uint8)))
    replace(root / "masks/5.png", png(np.full((13, 16), 2, np.uint8)))
    spec = read_folder(root)
    decoded.clear()
    arrays(spec)
    names = {Path(name).relative_to(root).as_posix() for name in decoded}
    # A mask is read against its picture, so the truth of 0 is made anew, too.
    assert names == {"images/0.png", "masks/0.png", "masks/5.png"}
    assert (of(spec, "0") == 7).all()
    assert set(np.unique(of(spec, "5", truth=True)).tolist()) <= {2, 255}


def test_what_numbers_mean_is_part_of_what_a_truth_is_made_from(root: Path) -> None:
    before = of(read_folder(root), "3", truth=True)
    classes = [{"name": name} for name in ("earth", "water", "air")]
    ids = {"0": "air", "1": "water", "2": "earth"}
    (root / "classes.txt").unlink()
    (root / "classes.json").write_text(json.dumps({"classes": classes, "ids": ids}))
    after = of(read_folder(root), "3", truth=True)
    np.testing.assert_array_equal(after, np.array([2, 1, 0, *[255] * 253])[before])


def test_what_changed_without_its_size_and_time_is_found_when_all_is_decoded(root: Path) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (8, 16, 3), np.uint8)
    stale, size = of(read_folder(root), "0").copy(), (root / "images/0.png").stat().st_size
    content = png(pixels)
    # Bytes after the end of a PNG are not looked at.
    replace(root / "images/0.png", content.ljust(size, b"\0")[:size], keep_time=True)
    assert len(content) <= size
    np.testing.assert_array_equal(of(read_folder(root), "0"), stale)
    with decode_anew() as changed:
        found = arrays(read_folder(root))
    assert changed == [str(root / "images/0.png")]
    np.testing.assert_array_equal(of(read_folder(root), "0"), pixels)
    with decode_anew() as changed:
        assert_same(found, arrays(read_folder(root)))
    assert changed == []


def test_a_file_of_this_moment_is_not_kept(tmp_path: Path, decoded: list[str]) -> None:
    """It could change again within what its file system calls the same time."""
    own_folder(tmp_path, 8)
    arrays(read_folder(tmp_path))
    decoded.clear()
    arrays(read_folder(tmp_path))
    assert len(decoded) == 3 * 8  # small copies for the draw, pictures, masks


def test_each_working_size_and_fit_has_pictures_of_its_own(root: Path, cache: Path) -> None:
    small = folder(str(root), height=4, width=4, val_share=0.25, test_share=0.25, fit="crop")
    assert of(small, "3").shape == (4, 4, 3)
    kinds = {path.stem for path in cache.rglob("*.index")}
    images = {"images-8x16-pad", "truths-8x16-pad", "images-4x4-crop"}
    assert kinds == images | {"thumbs"}
    (kept,) = cache.iterdir()
    assert kept.name.startswith("data-")


def test_an_archive_that_changed_is_decoded_anew(tmp_path: Path, decoded: list[str]) -> None:
    _archives(tmp_path)
    settle(tmp_path)
    read = WAYS["archives"][1]
    arrays(read(tmp_path))
    decoded.clear()
    labels = tmp_path / "gtFine_trainvaltest.zip"
    with zipfile.ZipFile(labels, "a") as archive:
        archive.writestr("more", "")
    os.utime(labels, (0, 0))
    arrays(read(tmp_path))
    assert {name.partition(":")[0] for name in decoded} == {str(labels)}


def test_where_nothing_can_be_kept_that_is_said_once_and_all_is_read(
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    expected = arrays(read_folder(root))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(FOLDER, str(tmp_path / "file"))
    monkeypatch.setattr(decode_cache, "_noted", [])
    assert_same(expected, arrays(read_folder(root)))
    (line,) = caplog.messages
    assert line.startswith(f"decoded pictures cannot be kept in {tmp_path / 'file'} (Not a dir")


def test_check_decodes_everything_and_says_what_had_changed(
    root: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    how = ["folder", f"--config.data.root={root}"]
    how += ["--config.data.height=8", "--config.data.width=16"]
    assert command("check", *how) == 0
    assert "had changed" not in capsys.readouterr().out
    content = png(np.full((8, 16, 3), 7, np.uint8))
    size = (root / "images/0.png").stat().st_size
    replace(root / "images/0.png", content.ljust(size, b"\0"), keep_time=True)
    assert command("check", *how) == 0
    note = f"note: {root / 'images/0.png'} had changed, but neither its size nor its time"
    assert capsys.readouterr().out.count(note) == 1
