"""Pictures of any number of bands, and of 16 bits: what is read of them, and what is refused."""

import io
import itertools
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from s4al_jax.files.bands import (
    RGB,
    Bands,
    check_bands,
    per_band,
    read_bands,
    read_deep,
    to_bytes,
    turn_upright,
)
from s4al_jax.files.fit import MEAN_COLOR, mean_color
from s4al_jax.files.images import ImageFile, image_file, read_rgb, read_size
from s4al_jax.files.resize import resize_image
from s4al_jax.files.tiff_header import TiffHeader, read_tiff_header
from s4al_jax.types import InputError

WHOLE = (0, 65535)


def numbers(bands: int, kind: type = np.uint16, size: tuple[int, int] = (21, 35)) -> np.ndarray:
    rng = np.random.default_rng(bands)
    return rng.integers(0, np.iinfo(kind).max + 1, (*size, bands)).astype(kind)


def tiff(path: Path, array: np.ndarray, **how: object) -> ImageFile:
    """A TIFF of `[height, width, bands]` in one page; `how` is tifffile's."""
    tifffile = pytest.importorskip("tifffile", reason="s4al_jax[tiff] is not installed")
    bands = array.shape[-1]
    how = {"photometric": "minisblack", "planarconfig": "contig", **how}
    if bands == 1:
        how.pop("planarconfig")
        array = array[..., 0]
    elif how["planarconfig"] == "separate":
        array = np.moveaxis(array, -1, 0)
    if bands > 1 and how["photometric"] == "minisblack":
        how = {"extrasamples": ["unspecified"] * (bands - 1), **how}
    tifffile.imwrite(path, array, **how)
    return image_file(path)


# --- from 16 bits to 8 ---


def test_a_value_range_is_linear_and_rounds_to_the_nearest() -> None:
    deep = np.array([0, 8, 9, 2047, 2048, 4086, 4087, 4095, 5000, 65535], np.uint16)
    # 8 * 255 / 4095 is 0.498, 9 is 0.560; 2047 is 127.47, 2048 is 127.53; 4086 is 254.44.
    expected = [0, 0, 1, 127, 128, 254, 255, 255, 255, 255]
    assert to_bytes(deep, (0, 4095)).tolist() == expected
    # 100 to 610 are two numbers a level: halves go up.
    between = np.array([99, 100, 101, 102, 103, 609, 610, 611], np.uint16)
    assert to_bytes(between, (100, 610)).tolist() == [0, 0, 1, 1, 2, 255, 255, 255]
    assert to_bytes(np.array([255, 256, 511, 65535], np.uint16)).tolist() == [0, 1, 1, 255]
    small = np.array([0, 7, 255], np.uint8)
    assert to_bytes(small, (0, 4095)) is small


def test_a_value_range_is_that_of_a_slow_twin() -> None:
    everything = np.arange(65536).astype(np.uint16)
    for low, high in ((0, 65535), (0, 1), (17, 1203), (65534, 65535)):
        exact = (np.clip(everything.astype(float), low, high) - low) * 255 / (high - low)
        slow = np.floor(exact + 0.5).astype(np.uint8)
        np.testing.assert_array_equal(to_bytes(everything, (low, high)), slow)


# --- TIFF ---


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("bands", [1, 2, 3, 4, 6, 8, 16])
def test_tiffs_of_every_make_come_back_as_they_were_written(
    bands: int, kind: type, tmp_path: Path
) -> None:
    array, made = numbers(bands, kind), Bands(bands, WHOLE)
    expected = to_bytes(array, WHOLE)
    makes = itertools.product(
        ("contig", "separate"), (None, (16, 16)), (None, "deflate", "lzw"), (False, True)
    )
    for planes, tile, compression, is_big in makes:
        how = {"tile": tile, "compression": compression, "bigtiff": is_big}
        predictor = {"predictor": True} if compression else {}
        file = tiff(tmp_path / "a.tif", array, planarconfig=planes, **how, **predictor)
        assert read_size(file) == (21, 35)
        found = read_bands(file, made)
        assert found.dtype == np.uint8 and found.flags.c_contiguous
        np.testing.assert_array_equal(found, expected, f"{how} {planes}")
        deep = read_deep(file, made)
        if kind == np.uint8:
            assert deep is None
        else:
            np.testing.assert_array_equal(deep, array)
    if kind == np.uint16:
        file = tiff(tmp_path / "b.tif", array, byteorder=">")
        np.testing.assert_array_equal(read_deep(file, made), array)


def test_pages_of_one_band_and_one_size_are_bands_and_smaller_copies_are_passed_over(
    tmp_path: Path,
) -> None:
    tifffile = pytest.importorskip("tifffile")
    array, path = numbers(6), tmp_path / "pages.tif"
    tifffile.imwrite(path, np.moveaxis(array, -1, 0), photometric="minisblack")
    file = image_file(path)
    np.testing.assert_array_equal(read_bands(file, Bands(6)), array >> 8)
    assert read_size(file) == (21, 35)
    with tifffile.TiffWriter(path) as writer:  # a pyramid
        how = {"photometric": "minisblack", "extrasamples": ["unspecified"] * 5}
        writer.write(array, planarconfig="contig", **how)
        writer.write(array[::2, ::2], planarconfig="contig", subfiletype=1, **how)
    np.testing.assert_array_equal(read_bands(file, Bands(6)), array >> 8)
    with tifffile.TiffWriter(path) as writer:
        for page in (array[..., 0], array[:20, :, 1]):
            writer.write(page, photometric="minisblack")
    with pytest.raises(InputError) as caught:
        read_bands(file, Bands(2))
    assert str(caught.value) == (
        f"{path} holds 2 pages that are not one band each, of one size and kind: save the picture "
        "that is meant"
    )


def test_a_picture_is_turned_as_pillow_turns_it(tmp_path: Path) -> None:
    array = numbers(4, np.uint8, (3, 5))
    for turn in range(1, 9):
        plain = Image.fromarray(array[..., :3])
        plain.getexif()[274] = turn
        upright = np.array(ImageOps.exif_transpose(plain))
        np.testing.assert_array_equal(turn_upright(array[..., :3], turn), upright)
        tags = [(274, "H", 1, turn, True)]
        file = tiff(tmp_path / "a.tif", array, extratags=tags)
        np.testing.assert_array_equal(read_bands(file, Bands(4))[..., :3], upright)
        assert read_size(file) == upright.shape[:2]


def test_a_header_says_size_and_kind_in_either_byte_order() -> None:
    entries = [(256, 3, 1, 35), (257, 4, 1, 21), (258, 3, 1, 16), (262, 3, 1, 1), (274, 3, 1, 6)]
    for order, mark in (("<", b"II"), (">", b"MM")):
        written = b"".join(
            struct.pack(f"{order}HHI", *entry[:3])
            + struct.pack(f"{order}{'I' if entry[1] == 4 else 'H2x'}", entry[3])
            for entry in entries
        )
        head = mark + struct.pack(f"{order}HIH", 42, 8, len(entries))
        file = head + written + bytes(4)
        assert read_tiff_header(io.BytesIO(file)) == TiffHeader(21, 35, 1, 16, 1, 6)
        assert read_tiff_header(io.BytesIO(file[:40])) is None
    assert read_tiff_header(io.BytesIO(b"\x89PNG" + bytes(40))) is None


# --- other formats ---


def test_one_or_three_bands_come_from_any_picture(tmp_path: Path) -> None:
    gray, color = numbers(1, np.uint8), numbers(3, np.uint8)
    for ending in ("png", "bmp", "tif", "webp"):
        exact = {"lossless": True} if ending == "webp" else {}
        Image.fromarray(color).save(tmp_path / f"c.{ending}", **exact)
        read = read_bands(image_file(tmp_path / f"c.{ending}"), Bands(3, WHOLE))
        np.testing.assert_array_equal(read, color)
    for ending in ("png", "bmp", "tif"):
        Image.fromarray(gray[..., 0]).save(tmp_path / f"g.{ending}")
        file = image_file(tmp_path / f"g.{ending}")
        np.testing.assert_array_equal(read_bands(file, Bands(1)), gray)
        np.testing.assert_array_equal(read_bands(file, Bands(3, WHOLE)), np.repeat(gray, 3, -1))
    deep = numbers(1)
    Image.fromarray(deep[..., 0]).save(tmp_path / "deep.png")
    file = image_file(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_bands(file, Bands(1, WHOLE)), to_bytes(deep, WHOLE))
    np.testing.assert_array_equal(read_deep(file, Bands(1)), deep)


def test_a_deep_color_png_obeys_the_value_range(tmp_path: Path) -> None:
    codecs = pytest.importorskip("imagecodecs")
    deep, path = numbers(3) >> 4, tmp_path / "a.png"
    path.write_bytes(codecs.png_encode(deep))
    file = image_file(path)
    np.testing.assert_array_equal(read_bands(file, RGB), deep >> 8)
    np.testing.assert_array_equal(read_bands(file, Bands(3, (0, 4095))), to_bytes(deep, (0, 4095)))
    np.testing.assert_array_equal(read_deep(file, RGB), deep)
    opaque = np.concatenate([deep, np.full((21, 35, 1), 65535, np.uint16)], -1)
    path.write_bytes(codecs.png_encode(opaque))
    np.testing.assert_array_equal(read_deep(file, RGB), deep)
    opaque[3, 4, 3] -= 1
    path.write_bytes(codecs.png_encode(opaque))
    with pytest.raises(InputError, match="has transparent pixels"):
        read_bands(file, Bands(3, (0, 4095)))


def test_three_bands_without_a_range_are_what_read_rgb_reads(tmp_path: Path) -> None:
    pictures = {
        "rgb.png": Image.fromarray(numbers(3, np.uint8)),
        "gray.png": Image.fromarray(numbers(1, np.uint8)[..., 0]),
        "deep.png": Image.fromarray(numbers(1)[..., 0]),
        "photo.jpg": Image.fromarray(numbers(3, np.uint8)),
        "palette.gif": Image.fromarray(numbers(3, np.uint8)).quantize(8),
        "cmyk.tif": Image.fromarray(numbers(3, np.uint8)).convert("CMYK"),
        "both.png": Image.fromarray(numbers(1, np.uint8)[..., 0]).convert("LA"),
        "bits.png": Image.fromarray(numbers(1, np.uint8)[..., 0] > 99),
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / name)
        file = image_file(tmp_path / name)
        read = read_bands(file, RGB)
        np.testing.assert_array_equal(read, read_rgb(file))
        if name != "deep.png":
            with Image.open(tmp_path / name) as again:
                np.testing.assert_array_equal(read, np.array(again.convert("RGB")))


# --- what is refused ---


def test_what_does_not_fit_is_one_line(tmp_path: Path) -> None:
    six, path = numbers(6), tmp_path / "a.tif"
    where = "config.data.kwargs.channels"

    def said(bands: Bands) -> str:
        with pytest.raises(InputError) as caught:
            read_bands(image_file(path), bands)
        assert "\n" not in str(caught.value)
        return str(caught.value).removeprefix(f"{path} ")

    tiff(path, six)
    assert said(Bands(4)) == f"has 6 bands, and {where} is 4: set it to 6, or save files of 4"
    assert said(RGB) == f"has 6 bands, and {where} is 3: set it to 6, or save files of 3"
    tiff(path, six.astype(np.float32))
    assert said(Bands(6)) == (
        "holds float32 numbers, whose range is not known: save it as uint8 or uint16"
    )
    tiff(path, six.astype(np.int16))
    assert said(Bands(6)).startswith("holds int16 numbers")
    tiff(path, six)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert said(Bands(6)).startswith("cannot be read (")
    path.write_bytes(whole)
    with pytest.raises(InputError, match="has more than 734 pixels: make it smaller"):
        read_bands(image_file(path, max_pixels=734), Bands(6))
    assert read_size(image_file(path)) == (21, 35)
    with pytest.raises(InputError):
        read_size(image_file(path, max_pixels=734))
    Image.fromarray(numbers(3, np.uint8)).save(path)
    assert said(Bands(1)) == f"has 3 bands, and {where} is 1: set it to 3, or save files of 1"
    assert said(Bands(6)).startswith("has 3 bands")


def test_transparency_is_no_band(tmp_path: Path) -> None:
    array, path = numbers(4, np.uint8), tmp_path / "a.tif"
    array[..., 3] = 255
    file = tiff(path, array, photometric="rgb", extrasamples=["unassalpha"])
    with pytest.raises(InputError) as caught:
        read_bands(file, Bands(4))
    assert str(caught.value) == (
        f"{path} calls its band 3 transparency (ExtraSamples 2), which is no band to learn from: "
        "save it without, or with ExtraSamples 0 if it is one"
    )
    np.testing.assert_array_equal(read_bands(file, Bands(3, WHOLE)), array[..., :3])
    array[5, 6, 3] = 254
    file = tiff(path, array, photometric="rgb", extrasamples=["unassalpha"])
    for bands in (RGB, Bands(3, WHOLE)):
        with pytest.raises(InputError, match="has transparent pixels"):
            read_bands(file, bands)
    seven = np.full((4, 5, 7), 255, np.uint8)
    kinds = ["unspecified"] * 5 + ["unassalpha"]
    file = tiff(path, seven, extrasamples=kinds)
    assert read_bands(file, Bands(6)).shape == (4, 5, 6)


def test_a_package_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tiff(tmp_path / "a.tif", numbers(4))
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(InputError) as caught:
        read_bands(file, Bands(4))
    assert str(caught.value) == (
        "pictures of other than one or three bands, or of more than 8 bits, need tifffile and "
        "imagecodecs: pip install 's4al_jax[tiff]'"
    )


@pytest.mark.parametrize(
    ("bands", "line"),
    [
        (Bands(0), "channels is 0: give 1 to 16"),
        (Bands(17), "channels is 17: give 1 to 16"),
        (Bands(3, (5,)), "value_range is (5,): give the lowest and the highest number, whole and"),
        (Bands(3, (9, 9)), "value_range is (9, 9): give"),
        (Bands(3, (0, 65536)), "value_range is (0, 65536): give"),
        (Bands(3, (0.0, 9.0)), "value_range is (0.0, 9.0): give"),  # type: ignore[arg-type]
        (Bands(6, (), (0, 1)), "display_bands is (0, 1): give three bands, from 0 to 5"),
        (Bands(6, (), (1, 2, 6)), "display_bands is (1, 2, 6): give three bands, from 0 to 5"),
    ],
)
def test_options_that_make_no_sense_are_refused(bands: Bands, line: str) -> None:
    with pytest.raises(InputError) as caught:
        check_bands(bands)
    assert str(caught.value).startswith(f"config.data.kwargs.{line}")


def test_what_makes_sense_is_not_refused() -> None:
    for bands in (RGB, Bands(1), Bands(16, (0, 4095), (15, 0, 3)), Bands(2, (1, 65535))):
        check_bands(bands)


# --- what is shown, and what a band is taken for ---


def test_people_see_three_bands() -> None:
    assert [Bands(count).display for count in (1, 2, 3, 6)] == [
        *((0, 0, 0), (0, 1, 1)),
        *((0, 1, 2), (0, 1, 2)),
    ]
    assert Bands(6, (), (5, 3, 1)).display == (5, 3, 1)


def test_the_key_of_what_is_kept_says_all_that_decides_the_numbers() -> None:
    assert RGB.key == Bands(display_bands=(2, 1, 0)).key == ""
    assert Bands(6).key == "-6bands" and Bands(3, (0, 4095)).key == "-3bands-0-4095"


def test_bands_beyond_rgb_have_its_mean() -> None:
    assert per_band((0.2, 0.4, 0.9), 3) == (0.2, 0.4, 0.9)
    assert per_band((0.2, 0.4, 0.9), 5) == pytest.approx((0.2, 0.4, 0.9, 0.5, 0.5))
    assert per_band((0.2, 0.4, 0.9), 2) == pytest.approx((0.5, 0.5))
    # 124 + 116 + 104 is 344, a third of which is 114.67
    assert mean_color(3) == MEAN_COLOR and mean_color(4) == (*MEAN_COLOR, 115)
    assert mean_color(1) == (115,)


@pytest.mark.parametrize("bands", [1, 2, 4, 6])
def test_each_band_is_resized_as_a_gray_picture_is(bands: int) -> None:
    array = numbers(bands, np.uint8)
    for size in ((10, 12), (40, 50), (30, 20)):
        found = resize_image(array, *size)
        assert found.shape == (*size, bands)
        for band in range(bands):
            alone = resize_image(np.ascontiguousarray(array[..., band]), *size)
            np.testing.assert_array_equal(found[..., band], alone)
