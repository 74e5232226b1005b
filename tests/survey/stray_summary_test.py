"""All masks with numbers or colors that mean nothing are one line, and what it says works."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s4al_jax.data.folder import folder
from s4al_jax.survey.stray_summary import near_class
from s4al_jax.survey.validate import Survey, check, survey
from s4al_jax.types import VOID, InputError


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ten noisy images of 10 x 20 pixels, all with a mask of two classes."""
    (tmp_path / "classes.txt").write_text("earth\nsky")
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for number in range(10):
        pixels = np.random.default_rng(number).integers(0, 256, (10, 20, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"images/{number}.png")
        save(tmp_path, number, mask())
    return tmp_path


def mask() -> np.ndarray:
    labels = np.zeros((10, 20), np.uint8)
    labels[:, 10:] = 1
    return labels


def save(root: Path, number: int, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(root / f"masks/{number}.png")


def looked_at(root: Path) -> Survey:
    return survey(folder(str(root), height=10, width=20, split="draw"), originals=True)


def test_numbers_are_counted_over_all_masks_and_the_line_makes_them_void(photos: Path) -> None:
    for number in (3, 4, 5):
        labels = mask()
        labels[:2] = 7  # 40 of 200 pixels
        if number == 4:
            labels[9, :3] = 9
        save(photos, number, labels)
    (line,) = looked_at(photos).errors
    assert (
        "3 of 10 masks hold such: 7 in 3 (20 % of the pixels); 9 in 1 (1.5 % of the pixels)" in line
    )
    entry = json.loads("{" + line.partition("classes.json: ")[2] + "}")
    assert entry == {"ids": {"0": "earth", "1": "sky", "7": "void", "9": "void"}}
    with pytest.raises(
        InputError, match=r"holds the id 7: .* \(and 2 more; s4al check lists all\)"
    ):
        check(folder(str(photos), height=10, width=20))
    (photos / "classes.txt").unlink()
    (photos / "classes.json").write_text(json.dumps({"classes": ["earth", "sky"], **entry}))
    found = looked_at(photos)
    assert found.errors == ()
    assert sum(split.void_pixels for split in found.splits.values()) == 3 * 40 + 3


def test_colors_are_counted_and_one_near_to_a_class_is_said_to_be(photos: Path) -> None:
    (photos / "classes.txt").unlink()
    entries = [{"name": "earth", "color": [9, 9, 9]}, {"name": "sky", "color": [100, 0, 0]}]
    content = {"classes": entries, "void_colors": [[1, 1, 1]]}
    (photos / "classes.json").write_text(json.dumps(content))
    for number in range(10):
        colors = np.array([[9, 9, 9], [100, 0, 0]], np.uint8)[mask()]
        if number < 2:
            colors[0, :10] = [12, 9, 8]
            colors[1, :1] = [0, 200, 0]
        save(photos, number, colors)
    (line,) = looked_at(photos).errors
    assert (
        "2 of 10 masks hold such: (12, 9, 8) in 2 (5 % of the pixels), 3 levels from 'earth'"
        in line
    )
    assert "; (0, 200, 0) in 2 (0.5 % of the pixels);" in line
    entry = json.loads("{" + line.partition("classes.json: ")[2] + "}")
    assert entry == {"void_colors": [[1, 1, 1], [0, 200, 0], [12, 9, 8]]}
    (photos / "classes.json").write_text(json.dumps({**content, **entry}))
    assert looked_at(photos).errors == ()


def test_the_colors_of_a_palette_are_counted_too(photos: Path) -> None:
    (photos / "classes.txt").unlink()
    entries = [{"name": "earth", "color": [9, 9, 9]}, {"name": "sky", "color": [100, 0, 0]}]
    (photos / "classes.json").write_text(json.dumps({"classes": entries}))
    labels = mask()
    labels[0, 0] = 2
    picture = Image.fromarray(labels, mode=None).convert("P")
    picture.putpalette([9, 9, 9, 100, 0, 0, 0, 0, 200])
    picture.save(photos / "masks/0.png")
    (line,) = looked_at(photos).errors
    assert "1 of 10 masks holds such: (0, 0, 200) in 1 (0.5 % of the pixels)" in line
    assert line.endswith('"void_colors": [[0, 0, 200]]')


def test_a_mask_of_another_images_size_is_said_to_be_that(photos: Path) -> None:
    big = np.random.default_rng(99).integers(0, 256, (12, 20, 3), np.uint8)
    Image.fromarray(big).save(photos / "images/4.png")
    save(photos, 3, np.zeros((12, 20), np.uint8))
    save(photos, 4, np.zeros((12, 20), np.uint8))
    (line,) = looked_at(photos).errors
    assert re.search(r"masks/3.png has 12 x 20 pixels, .*; \w+/4 has the mask's size", line)


@pytest.mark.parametrize(
    "color, near",
    [((12, 9, 9), (0, 3)), ((9, 9, 9), None), ((9, 18, 9), None), ((100, 8, 0), (1, 8)), (7, None)],
)
def test_a_color_is_near_within_eight_levels(color: object, near: object) -> None:
    known = {(9, 9, 9): 0, (100, 0, 0): 1, (0, 200, 0): VOID}
    assert near_class(color, known) == near  # type: ignore[arg-type]
