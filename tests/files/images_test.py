"""Picture files of every kind: what they become, and which are refused."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s4al_jax.files.images import (
    ImageFile,
    image_file,
    image_suffixes,
    images_by_name,
    list_images,
    read_color_ids,
    read_ids,
    read_rgb,
    read_size,
)
from s4al_jax.files.resize import argmax_at_size, resize_image
from s4al_jax.types import InputError

GRAY = np.array([[0, 50, 100], [150, 200, 250]], np.uint8)


def saved(picture: Image.Image, path: Path, **how: object) -> ImageFile:
    picture.save(path, **how)
    return image_file(path)


def test_a_gray_picture_has_three_equal_channels(tmp_path: Path) -> None:
    image = read_rgb(saved(Image.fromarray(GRAY), tmp_path / "a.png"))
    assert image.dtype == np.uint8
    assert np.array_equal(image, np.stack([GRAY] * 3, axis=-1))


def test_a_palette_picture_has_its_colors(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array([[0, 1]], np.uint8))
    picture.putpalette([10, 20, 30, 40, 50, 60] + [0] * 762)
    file = saved(picture, tmp_path / "a.png")
    assert read_rgb(file).tolist() == [[[10, 20, 30], [40, 50, 60]]]
    assert read_ids(file).tolist() == [[0, 1]]


def test_sixteen_bits_are_cut_to_the_upper_eight(tmp_path: Path) -> None:
    deep = np.array([[0, 255, 256], [0x1234, 0xFF00, 0xFFFF]], np.uint16)
    for ending in ("png", "tif"):
        image = read_rgb(saved(Image.fromarray(deep), tmp_path / f"a.{ending}"))
        assert image[..., 1].tolist() == [[0, 0, 1], [0x12, 0xFF, 0xFF]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photograph_is_read_upright(orientation: int, tmp_path: Path) -> None:
    """The eight orientations of the EXIF standard: what undoes each, written with numpy."""
    stored = np.stack([GRAY] * 3, axis=-1)
    upright: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = saved(Image.fromarray(stored), tmp_path / "a.png", exif=exif)
    image = read_rgb(file)
    assert np.array_equal(image, upright[orientation](stored))
    assert read_size(file) == image.shape[:2]


def test_opaque_alpha_is_dropped_and_transparency_refused(tmp_path: Path) -> None:
    alpha = np.full(GRAY.shape, 255, np.uint8)
    whole = np.dstack([GRAY, GRAY, GRAY, alpha])
    assert np.array_equal(read_rgb(saved(Image.fromarray(whole), tmp_path / "a.png"))[..., 0], GRAY)
    whole[0, 0, 3] = 254
    with pytest.raises(InputError, match=r"b\.png has transparent pixels: flatten it"):
        read_rgb(saved(Image.fromarray(whole), tmp_path / "b.png"))


def test_what_cannot_be_understood_is_refused_by_name(tmp_path: Path) -> None:
    wide = Image.fromarray(GRAY.astype(np.float32))
    with pytest.raises(InputError, match=r"a\.tif has 32-bit numbers \(mode F\)"):
        read_rgb(saved(wide, tmp_path / "a.tif"))
    pages = [Image.fromarray(GRAY), Image.fromarray(GRAY[::-1])]
    with pytest.raises(InputError, match=r"b\.tif holds 2 pictures"):
        read_rgb(saved(pages[0], tmp_path / "b.tif", save_all=True, append_images=pages[1:]))
    (tmp_path / "c.png").write_text("no picture")
    for read in (read_rgb, read_ids, read_size):
        with pytest.raises(InputError, match=r"c\.png cannot be read"):
            read(image_file(tmp_path / "c.png"))
    with pytest.raises(InputError, match=r"d\.png is of mode RGB, not a map of class ids"):
        read_ids(saved(Image.new("RGB", (2, 2)), tmp_path / "d.png"))


def test_a_picture_need_not_be_a_file_on_disk() -> None:
    buffer = io.BytesIO()
    Image.fromarray(GRAY).save(buffer, format="PNG")
    file = ImageFile("inside.zip:a.png", lambda: io.BytesIO(buffer.getvalue()))
    assert np.array_equal(read_ids(file), GRAY)
    assert read_size(file) == (2, 3)


def test_colors_stand_for_ids_and_unknown_ones_are_named(tmp_path: Path) -> None:
    picture = np.array([[[1, 2, 3], [0, 0, 0]], [[0, 0, 0], [1, 2, 3]]], np.uint8)
    file = saved(Image.fromarray(picture), tmp_path / "a.png")
    assert read_color_ids(file, {(0, 0, 0): 255, (1, 2, 3): 7}).tolist() == [[7, 255], [255, 7]]
    with pytest.raises(InputError, match=r"a\.png holds the color \(1, 2, 3\): no class has it"):
        read_color_ids(file, {(0, 0, 0): 255})


def test_an_axis_that_shrinks_is_averaged(tmp_path: Path) -> None:
    image = np.repeat(np.array([[[0], [50], [100], [150]]], np.uint8), 3, axis=2)
    assert resize_image(image, 1, 2)[0, :, 0].tolist() == [25, 125]
    assert resize_image(image, 2, 4)[:, 3, 0].tolist() == [150, 150]


def test_endings_are_those_of_readers() -> None:
    assert {".png", ".jpg", ".tif", ".bmp"} <= image_suffixes()
    assert ".pdf" not in image_suffixes()


def test_the_likeliest_class_is_argmax_at_the_same_size_and_interpolated_at_another() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 7, 4)).astype(np.float32)
    logits[2, 3] = 1.0  # a tie goes to the first class, as in argmax
    assert np.array_equal(argmax_at_size(logits, 5, 7), logits.argmax(-1))
    # One row of two pixels, class 1 ahead by 3 on the right and behind by 1 on the left. At four
    # pixels the lead is -1, -1 + 4 * 1/4, -1 + 4 * 3/4, 3; and a lead of 0 is none.
    two = np.array([[[1.0, 0.0], [0.0, 3.0]]], np.float32)
    assert argmax_at_size(two, 1, 4).tolist() == [[0, 0, 1, 1]]
    # Shrunk to one pixel, the mean decides.
    assert argmax_at_size(two, 1, 1).tolist() == [[1]]


def test_pictures_are_named_by_their_place_below_what_was_given(tmp_path: Path) -> None:
    for name in ("in/a.png", "in/deep/b.JPG", "in/.hidden/c.png", "in/notes.txt", "d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    inside = {"a": tmp_path / "in/a.png", "deep/b": tmp_path / "in/deep/b.JPG"}
    assert list_images(tmp_path / "in") == inside
    assert images_by_name([tmp_path / "in", tmp_path / "d.png"]) == {
        **inside,
        "d": tmp_path / "d.png",
    }
    (tmp_path / "a.gif").touch()
    for places, message in (
        (["in", "a.gif"], "share one name"),
        (["nowhere"], "no such file or folder"),
        (["in/.hidden/.."], "share one name"),
    ):
        with pytest.raises(InputError, match=message):
            images_by_name([*(tmp_path / place for place in places), tmp_path / "in"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no pictures"):
        images_by_name([tmp_path / "empty"])


@pytest.mark.parametrize("ending", ["jpg", "webp", "jp2"])
def test_class_ids_are_not_read_from_files_that_change_them(ending: str, tmp_path: Path) -> None:
    gray = saved(Image.fromarray(GRAY), tmp_path / f"gray.{ending}")
    with pytest.raises(InputError, match="does not keep the numbers of its pixels: save it as"):
        read_ids(gray)
    color = saved(Image.fromarray(np.stack([GRAY] * 3, axis=-1)), tmp_path / f"color.{ending}")
    with pytest.raises(InputError, match="does not keep the numbers"):
        read_color_ids(color, {})
