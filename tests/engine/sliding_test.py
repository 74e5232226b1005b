"""Windows that slide over a picture: against a slow twin, and what must hold for any picture."""

import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.acquisition.scores import entropy_share
from s4al_jax.engine import sliding
from s4al_jax.engine.sliding import check_overlap, classes_and_uncertainty, slide, windows
from s4al_jax.files.fit import MEAN_COLOR
from s4al_jax.types import InputError

WORKING = (6, 8)
SIZES = [(6, 8), (1, 1), (4, 30), (17, 3), (13, 21), (12, 16), (7, 9)]
OVERLAPS = [0, 0.25, 0.5, 0.8]


def see(tiles: np.ndarray) -> np.ndarray:
    """Logits that depend on the pixel, on its place in the window, and on all of the window."""
    rows, cols = np.mgrid[: tiles.shape[1], : tiles.shape[2]]
    mean = tiles.mean((1, 2, 3))[:, None, None]
    return np.stack(
        [tiles[..., 0] / 50 + rows, tiles[..., 1] / 70 - cols, mean / 9 + 0 * tiles[..., 2]], -1
    ).astype(np.float32)


def picture(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)


def slid(
    given: np.ndarray, overlap: float, network: Callable[[np.ndarray], np.ndarray] = see
) -> np.ndarray:
    """Logits of a picture, of which every row is read once and comes back."""
    read: list[int] = []

    def rows(top: int, bottom: int) -> np.ndarray:
        read.extend(range(top, bottom))
        return given[top:bottom]

    size = given.shape[0], given.shape[1]
    found = slide(rows, size, WORKING, network, overlap=overlap, batch=3)
    bands = [(band.picture.copy(), band.logits.copy()) for band in found]
    assert read == list(range(size[0]))
    np.testing.assert_array_equal(np.concatenate([band[0] for band in bands]), given)
    return np.concatenate([band[1] for band in bands])


def slow(given: np.ndarray, overlap: float) -> np.ndarray:
    """The same, pixel by pixel, with the sums of all weights."""
    (height, width), (rows, cols) = given.shape[:2], WORKING
    steps = rows - round(rows * overlap), cols - round(cols * overlap)
    total, weight = np.zeros((height, width, 3)), np.zeros((height, width, 1))
    top = 0
    while True:
        left = 0
        while True:
            tile = np.empty((rows, cols, 3), np.uint8)
            for r in range(rows):
                for c in range(cols):
                    inside = top + r < height and left + c < width
                    tile[r, c] = given[top + r, left + c] if inside else MEAN_COLOR
            logits = see(tile[None])[0]
            for r in range(min(rows, height - top)):
                for c in range(min(cols, width - left)):
                    bell = math.sin(math.pi * (r + 0.5) / rows) ** 2
                    bell *= math.sin(math.pi * (c + 0.5) / cols) ** 2
                    total[top + r, left + c] += bell * logits[r, c]
                    weight[top + r, left + c] += bell
            if left + cols >= width:
                break
            left += steps[1]
        if top + rows >= height:
            break
        top += steps[0]
    return total / weight


@pytest.mark.parametrize("overlap", OVERLAPS)
@pytest.mark.parametrize("size", SIZES)
def test_logits_are_those_of_the_slow_twin(size: tuple[int, int], overlap: float) -> None:
    given = picture(size)
    np.testing.assert_allclose(slid(given, overlap), slow(given, overlap), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("overlap", OVERLAPS)
@pytest.mark.parametrize("size", SIZES)
def test_a_constant_network_gives_no_seams(size: tuple[int, int], overlap: float) -> None:
    constant = np.array([3.0, -1.0, 2.5], np.float32)
    found = slid(picture(size), overlap, lambda tiles: np.tile(constant, (*tiles.shape[:3], 1)))
    np.testing.assert_allclose(found, np.broadcast_to(constant, (*size, 3)), rtol=1e-6)


def test_pictures_may_have_more_bands_than_three() -> None:
    colors, more = picture((13, 21)), picture((13, 21))[..., ::-1]

    def see_six(tiles: np.ndarray) -> np.ndarray:
        assert tiles.shape[-1] == 6
        return see(tiles[..., :3])

    found = slid(np.concatenate([colors, more], -1), 0.25, see_six)
    np.testing.assert_array_equal(found, slid(colors, 0.25))


def test_without_overlap_it_is_tile_by_tile_to_the_bit() -> None:
    given = picture((13, 21))
    padded = np.empty((18, 24, 3), np.uint8)
    padded[:] = MEAN_COLOR
    padded[:13, :21] = given
    found = slid(given, 0)
    for top in range(0, 18, 6):
        for left in range(0, 24, 8):
            alone = see(padded[None, top : top + 6, left : left + 8])[0]
            expected = alone[: 13 - top, : 21 - left]
            np.testing.assert_array_equal(found[top : top + 6, left : left + 8], expected)


def test_where_one_window_covers_a_pixel_alone_its_logits_are_unchanged() -> None:
    # The second window has rows 4 to 9 and columns 5 to 12; the first one has rows and columns up
    # to 5 and 7, the third one those from 8 and 10 on.
    assert windows(14, 6, 0.4).starts == (0, 4, 8) and windows(20, 8, 0.4).starts == (0, 5, 10, 15)
    given = picture((14, 20))
    found, alone = slid(given, 0.4), see(given[None, 4:10, 5:13])[0]
    np.testing.assert_array_equal(found[6:8, 8:10], alone[2:4, 3:5])


@pytest.mark.parametrize("window", [1, 2, 8, 9])
def test_windows_cover_every_pixel_and_their_weights_sum_to_one(window: int) -> None:
    for length in range(1, 40):
        for overlap in (0, 0.1, 0.25, 0.5, 0.9, 0.99):
            starts, weights = windows(length, window, overlap)
            total = np.zeros(starts[-1] + window)
            for start, of_window in zip(starts, weights, strict=True):
                assert np.all(of_window > 0)
                total[start : start + window] += of_window
            assert len(total) >= length and (len(starts) == 1 or starts[-2] + window < length)
            np.testing.assert_allclose(total, 1, rtol=1e-6)


def test_weights_fall_towards_the_edge_of_a_window() -> None:
    _, weights = windows(20, 8, 0.5)
    # Windows at 0, 4, 8 and 12; the second is shared on all of its length.
    assert np.all(np.diff(weights[1][:4]) > 0) and np.all(np.diff(weights[1][4:]) < 0)
    np.testing.assert_allclose(weights[1], weights[1][::-1], rtol=1e-6)
    # sin²(π/16) = 0.0381 against sin²(9π/16) = 0.9619.
    assert weights[1][0] == pytest.approx(0.0381, abs=1e-4)


@pytest.mark.parametrize("block", [1, 10**6])
def test_classes_and_uncertainty_are_those_of_the_logits(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sliding, "BLOCK", block)
    logits = np.random.default_rng(0).normal(0, 4, (5, 7, 4)).astype(np.float32)
    logits[0, 0], logits[0, 1] = 0, (1000, 0, 0, -1000)
    labels, uncertainty = classes_and_uncertainty(logits)
    np.testing.assert_array_equal(labels, logits.argmax(-1))
    expected = np.asarray(entropy_share(jnp.asarray(logits[None])))[0]
    np.testing.assert_allclose(uncertainty, expected, atol=1e-6)
    assert uncertainty[0, 0] == pytest.approx(1) and uncertainty[0, 1] == 0
    assert np.all(classes_and_uncertainty(logits[..., :1])[1] == 0)


@pytest.mark.parametrize("overlap", [-0.1, 1, 1.5, math.nan])
def test_an_overlap_that_is_no_share_is_refused(overlap: float) -> None:
    with pytest.raises(InputError, match="choose a share of a tile from 0 to below 1"):
        check_overlap(overlap)
