"""Bands through every way in for data, and what `s4al check` suspects of 16 bits."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s4al_jax.data.coco import coco
from s4al_jax.data.folder import folder
from s4al_jax.data.label_studio import label_studio
from s4al_jax.data.parquet import parquet
from s4al_jax.data.related import related_files
from s4al_jax.data.table import table
from s4al_jax.data.voc import voc
from s4al_jax.files.bands import RGB, Bands, to_bytes
from s4al_jax.files.images import image_file
from s4al_jax.survey.value_ranges import range_suspicion
from s4al_jax.types import DatasetSpec, ImageSet, InputError
from tests.support import ways_in
from tests.support.small_datasets import own_folder

WAYS: dict[str, tuple[Callable[[Path, int], None], Callable[..., DatasetSpec]]] = {
    "folder": (own_folder, folder),
    "voc": (ways_in.voc_folders, voc),
    "coco": (ways_in.coco_folder, coco),
    "csv": (ways_in.csv_table, table),
    "label_studio": (ways_in.label_studio_export, label_studio),
    "parquet": (ways_in.parquet_files, parquet),
}


@pytest.mark.parametrize("name", WAYS)
def test_every_way_in_takes_bands(name: str, tmp_path: Path) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    write, read = WAYS[name]
    write(tmp_path, 8)
    plain, turned, gray = (
        read(str(tmp_path), height=8, width=16, bands=bands)
        for bands in (RGB, Bands(display_bands=(2, 1, 0)), Bands(1))
    )
    assert (plain.channels, gray.channels) == (3, 1)
    np.testing.assert_array_equal(plain.train.read_image(0), turned.train.read_image(0))
    np.testing.assert_array_equal(turned.train.picture(0), plain.train.read_image(0)[..., ::-1])
    np.testing.assert_array_equal(turned.train.original(0), plain.train.original(0)[..., ::-1])
    with pytest.raises(InputError, match="has 3 bands, and config.data.kwargs.channels is 1"):
        gray.train.read_image(0)
    with pytest.raises(InputError, match="config.data.kwargs.channels is 17"):
        read(str(tmp_path), height=8, width=16, bands=Bands(17))


def test_a_gray_picture_is_one_band_padded_in_gray_and_shown_in_gray(tmp_path: Path) -> None:
    own_folder(tmp_path, 4)
    pictures = {}
    for path in sorted((tmp_path / "images").iterdir()):
        with Image.open(path) as picture:
            pictures[path.stem] = np.array(picture.convert("L"))
        Image.fromarray(pictures[path.stem]).save(path)
    spec = folder(str(tmp_path), height=11, width=22, bands=Bands(1), val_share=0, test_share=0)
    for index, name in enumerate(spec.train.names):
        (height, width), own = pictures[name].shape, pictures[name]
        original = spec.train.original(index)
        assert original.shape[-1] == 3 and np.ptp(original, axis=-1).max() == 0
        np.testing.assert_array_equal(original[:height, :width, 1], own)
        assert np.all(original[:, width:] == 115)
        assert spec.train.read_image(index).shape == (11, 22, 1)


def test_what_is_kept_of_one_range_is_not_taken_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S4AL_IMAGE_CACHE", str(tmp_path / "kept"))
    place, deep = tmp_path / "own", np.arange(96, dtype=np.uint16).reshape(8, 12) * 40
    place.mkdir()
    own_folder(place, 1)
    path = place / "images/0.png"
    Image.fromarray(deep).save(path)
    Image.fromarray(np.zeros((8, 12), np.uint8)).save(place / "masks/0.png")
    os.utime(path, (10**9, 10**9))
    for bands in (Bands(1), Bands(1, (0, 4095)), Bands(1, (0, 2047)), Bands(1)):
        for _ in range(2):
            spec = folder(
                str(place), height=8, width=12, bands=bands, val_share=0.0, test_share=0.0
            )
            expected = to_bytes(deep, bands.value_range)
            np.testing.assert_array_equal(spec.train.read_image(0)[..., 0], expected)
    names = "".join(store.name for store in (tmp_path / "kept").glob("*/images-*"))
    assert "-1bands-0-4095" in names and "-1bands-0-2047" in names


def test_an_image_set_shows_its_bands_in_their_order() -> None:
    image = np.arange(2 * 2 * 5, dtype=np.uint8).reshape(2, 2, 5)
    images = ImageSet(("a",), lambda index: image, lambda index: image[..., 0], display=(4, 0, 3))
    assert images.picture(0)[0, 1].tolist() == [9, 5, 8]
    assert images.original(0)[1, 0].tolist() == [14, 10, 13]
    assert images._replace(display=(2, 2, 2)).picture(0)[0, 0].tolist() == [2, 2, 2]


def test_nearly_the_same_pictures_of_many_bands_belong_together(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile", reason="s4al_jax[tiff] is not installed")
    rng, paths = np.random.default_rng(0), {}
    fields = [np.kron(rng.integers(0, 256, (8, 8, 5)), np.ones((8, 8, 1))) for _ in range(3)]
    for name, field in zip("abcd", [*fields, fields[0] + 1], strict=True):
        paths[name] = tmp_path / f"{name}.tif"
        array = np.moveaxis(field.clip(0, 255).astype(np.uint8), -1, 0)
        tifffile.imwrite(paths[name], array, photometric="minisblack", planarconfig="separate")
    files = {name: image_file(path) for name, path in paths.items()}
    assert related_files(files, str(tmp_path), Bands(5)) == [["a", "d"]]


# --- pictures of 16 bits that use few of their numbers ---


def said(*pictures: np.ndarray | None) -> str:
    found = range_suspicion(pictures)
    assert found is None or (found.label, found.title) == ("", "")
    return found.text if found else ""


def test_a_range_is_suggested_where_no_picture_uses_more_than_an_eighth() -> None:
    twelve = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    # 4 of 4096 numbers lie below 4, and 4 above 4091: a thousandth at each end.
    assert said(None, twelve) == (
        "pictures of 16 bits hold numbers from 0 to 4095 alone, which become 16 of 256 levels: "
        "--config.data.kwargs.value_range=4,4091 spreads 99.8% of them over all"
    )
    assert "from 7 to 8191" in said(np.array([[7]], np.uint16), np.array([[8191]], np.uint16))
    assert not said(twelve, np.array([[8192]], np.uint16))
    assert not said(None, None) and not said()
    assert "value_range=300,301 " in said(np.full((3, 3), 300, np.uint16))


def test_pictures_are_taken_one_by_one_until_one_uses_more() -> None:
    taken = []

    def pictures() -> object:
        for number in (100, 60000, 5):
            taken.append(number)
            yield np.array([[number]], np.uint16)

    assert range_suspicion(pictures()) is None and taken == [100, 60000]  # type: ignore[arg-type]
