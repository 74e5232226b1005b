"""Pictures of any proportions at one working size, and back."""

import numpy as np
import pytest

from s4al_jax.files.fit import FITS, check_fit, content, cut_frame, fill_padding, frame, uncut_frame
from s4al_jax.files.resize import resize_ids
from s4al_jax.types import Box, InputError

SIZES = [(1, 1), (4, 6), (7, 5), (5, 40), (40, 5), (60, 80), (61, 80), (60, 81), (3, 400)]
WORKING = (6, 8)


def test_frames_by_hand() -> None:
    # 4 x 8 pixels for 6 x 8: two rows are added below; 6 x 4: four columns on the right.
    assert frame((4, 8), WORKING, "pad") == Box(0, 0, 6, 8)
    assert frame((6, 4), WORKING, "pad") == Box(0, 0, 6, 8)
    # 3 x 8: of the width 4 are kept, in the middle; 12 x 8: 6 of the height.
    assert frame((3, 8), WORKING, "crop") == Box(0, 2, 3, 6)
    assert frame((12, 8), WORKING, "crop") == Box(3, 0, 9, 8)
    assert frame((3, 8), WORKING, "stretch") == Box(0, 0, 3, 8)
    # A tile of 3 x 5 keeps its scale: both sides are padded.
    assert frame((3, 5), WORKING, "tile") == Box(0, 0, 6, 8)
    assert content((3, 5), WORKING, "tile") == (3, 5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_a_frame_has_the_proportions_of_the_working_size_to_a_pixel(
    fit: str, size: tuple[int, int]
) -> None:
    box = frame(size, WORKING, fit)
    height, width = box.shape
    assert abs(height - width * 6 / 8) < 1 or abs(width - height * 8 / 6) < 1
    inside = Box(0, 0, *size)
    if fit == "pad":
        assert box.top == box.left == 0 and (height == size[0] or width == size[1])
        assert height >= size[0] and width >= size[1]
    else:
        assert inside.top <= box.top and box.bottom <= inside.bottom
        assert inside.left <= box.left and box.right <= inside.right
        left, right = box.left, size[1] - box.right
        assert abs(left - right) <= 1 and abs(box.top - (size[0] - box.bottom)) <= 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fit", FITS)
def test_what_a_frame_shows_comes_back_to_its_place(fit: str, size: tuple[int, int]) -> None:
    if fit == "tile":
        size = min(size[0], WORKING[0]), min(size[1], WORKING[1])
    labels = np.arange(size[0] * size[1]).reshape(size) % 200
    framed = cut_frame(labels.astype(np.uint8), WORKING, fit, fill=255)
    assert framed.shape == frame(size, WORKING, fit).shape
    back = uncut_frame(framed, size, WORKING, fit, fill=250)
    shown = back != 250
    np.testing.assert_array_equal(back[shown], labels[shown])
    if fit != "crop":
        assert shown.all() and (framed == 255).sum() == framed.size - labels.size


@pytest.mark.parametrize("size", SIZES)
def test_the_content_is_where_the_working_label_is_none_of_the_padding(
    size: tuple[int, int],
) -> None:
    framed = cut_frame(np.zeros(size, np.uint8), WORKING, "pad", fill=9)
    rows, cols = content(size, WORKING, "pad")
    expected = np.full(WORKING, 9, np.uint8)
    expected[:rows, :cols] = 0
    small = resize_ids(framed, *WORKING)
    if 0 in small:
        np.testing.assert_array_equal(small, expected)
    else:
        assert (rows, cols) == (1, WORKING[1]) or (rows, cols) == (WORKING[0], 1)
    filled = np.zeros(WORKING, np.uint8)
    fill_padding(filled, (rows, cols), 9)
    np.testing.assert_array_equal(filled, expected)


def test_a_color_pads_a_picture() -> None:
    padded = cut_frame(np.zeros((3, 8, 3), np.uint8), WORKING, "pad", fill=(1, 2, 3))
    assert padded.shape == (6, 8, 3) and padded[:3].max() == 0
    np.testing.assert_array_equal(padded[3:], np.broadcast_to([1, 2, 3], (3, 8, 3)))


def test_another_way_is_refused() -> None:
    with pytest.raises(InputError, match="fit is 'squeeze': one of pad, crop, stretch, tile"):
        check_fit("squeeze")
