"""Rows of a TIFF file are those of the picture that Pillow reads whole."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from s4al_jax.files.images import image_file, read_rgb
from s4al_jax.files.tiff_windows import open_windows
from s4al_jax.types import InputError

tifffile = pytest.importorskip("tifffile", reason="tifffile is not installed")
pytest.importorskip("imagecodecs", reason="imagecodecs is not installed")

STRIPS, TILES = {"rowsperstrip": 7}, {"tile": (16, 32)}
FORMS: list[dict[str, Any]] = [
    {},
    STRIPS,
    TILES,
    {**STRIPS, "compression": "zlib"},
    {**TILES, "compression": "zlib", "predictor": True},
    {**STRIPS, "compression": "lzw"},
    {**TILES, "compression": "lzw", "predictor": True},
    {**TILES, "compression": "packbits"},
    {**TILES, "compression": "zstd"},
    {**STRIPS, "byteorder": ">"},
    {"compression": "zlib"},
    {**TILES, "bigtiff": True},
]
CUTS = ((0, 5), (5, 6), (6, 30), (30, 41))


def picture(*shape: int, kind: Any = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(kind).max, shape, kind, endpoint=True)


def rows_of(path: Path, cuts: tuple[tuple[int, int], ...] = CUTS) -> np.ndarray:
    with open_windows(image_file(path)) as rows:
        assert rows is not None
        found = [rows.read(top, bottom) for top, bottom in cuts]
        assert rows.size == (cuts[-1][1], found[0].shape[1])
    return np.concatenate(found)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_rows_are_those_that_were_written(form: dict[str, Any], tmp_path: Path) -> None:
    path, given = tmp_path / "a.tif", picture(41, 50, 3)
    tifffile.imwrite(path, given, photometric="rgb", **form)
    np.testing.assert_array_equal(rows_of(path), given)
    # Out of order, and twice.
    with open_windows(image_file(path)) as rows:
        assert rows is not None
        for top, bottom in ((30, 41), (2, 20), (2, 20), (0, 41)):
            np.testing.assert_array_equal(rows.read(top, bottom), given[top:bottom])


@pytest.mark.parametrize("form", [STRIPS, TILES, {**STRIPS, "compression": "zlib"}], ids=str)
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_gray_and_16_bits_are_as_pillow_reads_them(
    form: dict[str, Any], kind: Any, tmp_path: Path
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, picture(41, 50, kind=kind), photometric="minisblack", **form)
    np.testing.assert_array_equal(rows_of(path), read_rgb(image_file(path)))


def test_16_bits_of_color_are_read_by_their_upper_8(tmp_path: Path) -> None:
    path, given = tmp_path / "a.tif", picture(41, 50, 3, kind=np.uint16)
    tifffile.imwrite(path, given, photometric="rgb", byteorder=">", rowsperstrip=3)
    np.testing.assert_array_equal(rows_of(path), given >> 8)


@pytest.mark.parametrize("form", [STRIPS, TILES, {**TILES, "compression": "lzw"}], ids=str)
def test_channels_in_planes_come_together(form: dict[str, Any], tmp_path: Path) -> None:
    path, given = tmp_path / "a.tif", picture(41, 50, 3)
    planes = np.moveaxis(given, 2, 0)
    tifffile.imwrite(path, planes, photometric="rgb", planarconfig="separate", **form)
    np.testing.assert_array_equal(rows_of(path), given)


def test_what_pillow_writes_is_read(tmp_path: Path) -> None:
    given = picture(41, 50, 3)
    for how in ("raw", "tiff_lzw", "tiff_adobe_deflate"):
        path = tmp_path / f"{how}.tif"
        Image.fromarray(given).save(path, compression=how)
        np.testing.assert_array_equal(rows_of(path), given)


def test_no_more_is_decoded_than_the_rows_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, picture(41, 50, 3), photometric="rgb", compression="zlib", **STRIPS)
    with open_windows(image_file(path)) as rows:
        assert rows is not None
        segments = rows.read.__self__  # type: ignore[attr-defined]
        decoded, decode = [], segments._decode

        def count(index: int) -> np.ndarray | None:
            decoded.append(index)
            return decode(index)  # type: ignore[no-any-return]

        monkeypatch.setattr(segments, "_decode", count)
        for top, bottom in CUTS:
            rows.read(top, bottom)
            assert len(segments._kept) <= 2 + (bottom - top) // 7
    # 41 rows in strips of 7; each is decoded once, though 5 and 6 lie in one.
    assert decoded == [0, 1, 2, 3, 4, 5]


def test_other_kinds_are_left_to_the_reader_of_whole_pictures(tmp_path: Path) -> None:
    given = picture(20, 30, 3)
    Image.fromarray(given).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "pages.tif", np.stack([given, given]), photometric="rgb")
    tifffile.imwrite(tmp_path / "float.tif", given[..., 0].astype(np.float32))
    Image.fromarray(given).save(tmp_path / "jpeg.tif", compression="jpeg")
    Image.fromarray(given).save(tmp_path / "turned.tif", tiffinfo={274: 6})
    Image.fromarray(picture(20, 30, 4)).save(tmp_path / "alpha.tif")
    for path in sorted(tmp_path.iterdir()):
        with open_windows(image_file(path)) as rows:
            assert rows is None, path


def test_too_large_and_damaged_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, picture(40, 50, 3), photometric="rgb", compression="zlib", **STRIPS)
    small = image_file(path, max_pixels=1999)._replace(limit_option="--max_pixels")
    said = f"{path} has more than 1999 pixels: make it smaller, or raise --max_pixels"
    with pytest.raises(InputError, match=said), open_windows(small):
        pass
    path.write_bytes(path.read_bytes()[:-500])
    with (
        pytest.raises(InputError, match=r"a\.tif cannot be read .*: replace the file"),
        open_windows(image_file(path)) as rows,
    ):
        assert rows is not None
        rows.read(0, 40)
    path.write_bytes(b"II*\0" + bytes(3))
    with pytest.raises(InputError, match="cannot be read"), open_windows(image_file(path)):
        pass
