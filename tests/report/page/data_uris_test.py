"""Pictures in a page are small, and their colors are those of the classes."""

import base64
import io

import numpy as np
from PIL import Image

from s4al_jax.report.page import data_uris
from s4al_jax.types import UNLABELED, VOID

PALETTE = ((255, 0, 0), (0, 128, 64))


def opened(uri: str, kind: str) -> Image.Image:
    head, _, content = uri.partition(",")
    assert head == f"data:image/{kind};base64"
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    assert picture.format == kind.upper()
    return picture


def test_labels_have_their_classes_colors_and_what_is_no_class_is_transparent() -> None:
    labels = np.array([[0, 1], [VOID, UNLABELED]], np.uint8)
    seen = np.array(opened(data_uris.label_map(labels, PALETTE), "png").convert("RGBA"))
    assert seen[0].tolist() == [[255, 0, 0, 255], [0, 128, 64, 255]]
    assert seen[1, :, 3].tolist() == [0, 0]


def test_what_is_wide_is_shrunk_and_labels_are_never_mixed() -> None:
    labels = np.zeros((360, 480), np.uint8)
    labels[:, 240:] = 1
    small = opened(data_uris.label_map(labels, PALETTE), "png")
    assert small.size == (320, 240)
    seen = np.array(small.convert("RGB"))
    assert (seen[:, :160] == PALETTE[0]).all() and (seen[:, 160:] == PALETTE[1]).all()
    photograph = np.full((360, 480, 3), (200, 100, 50), np.uint8)
    shrunk = opened(data_uris.photograph(photograph), "jpeg")
    assert shrunk.size == (320, 240)
    np.testing.assert_allclose(np.array(shrunk)[120, 160], (200, 100, 50), atol=4)
    assert opened(data_uris.gray(np.zeros((360, 480), np.uint8)), "jpeg").size == (160, 120)
    narrow = opened(data_uris.gray(np.full((10, 30), 255, np.uint8)), "jpeg")
    assert narrow.size == (30, 10) and narrow.mode == "L"
    assert np.array(narrow).min() >= 253
