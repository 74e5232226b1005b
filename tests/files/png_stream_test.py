"""PNG files written row by row are what Pillow reads and would have written."""

import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from s4al_jax.files.png_stream import PngStream


def written(picture: np.ndarray, cuts: list[int], palette: np.ndarray | None = None) -> Image.Image:
    stream = io.BytesIO()
    height, width = picture.shape[:2]
    png = PngStream(stream, height, width, palette=palette, color=picture.ndim == 3)
    for top, bottom in pairwise([0, *cuts, height]):
        png.write(picture[top:bottom])
    opened = Image.open(io.BytesIO(stream.getvalue()))
    opened.load()
    return opened


@pytest.mark.parametrize("cuts", [[], [1], [3, 4, 9], list(range(1, 11))])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_rows_come_back_however_they_are_cut(cuts: list[int], channels: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (11, 7, *channels), np.uint8)
    found = written(picture, cuts)
    assert found.mode == ("RGB" if channels else "L")
    np.testing.assert_array_equal(np.array(found), picture)


def test_numbers_of_a_palette_keep_their_colors() -> None:
    palette = np.arange(768, dtype=np.uint8).reshape(256, 3)
    ids = np.array([[0, 1, 255], [7, 254, 3]], np.uint8)
    found = written(ids, [1], palette)
    assert found.mode == "P" and found.size == (3, 2)
    np.testing.assert_array_equal(np.array(found), ids)
    np.testing.assert_array_equal(np.array(found.convert("RGB")), palette[ids])


def test_one_pixel_is_a_picture() -> None:
    found = written(np.array([[9]], np.uint8), [])
    assert found.size == (1, 1) and found.getpixel((0, 0)) == 9


def test_more_rows_than_there_are_is_a_mistake() -> None:
    png = PngStream(io.BytesIO(), 2, 3)
    png.write(np.zeros((2, 3), np.uint8))
    with pytest.raises(AssertionError, match="more rows"):
        png.write(np.zeros((1, 3), np.uint8))
