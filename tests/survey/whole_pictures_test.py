"""What looks wrong in tiles is told from their whole pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s4al_jax.data.folder import folder
from s4al_jax.streets.dataset import scene
from s4al_jax.survey import suspicions, validate, whole_pictures
from s4al_jax.survey.sketches import Sketch, sketch
from s4al_jax.types import VOID
from tests.support.photographs import CLASSES

SIZE, TILE, LARGE = (120, 200), (48, 64), (230, 310)


def write(root: Path, name: str, image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """One picture and its mask; gives the mask as it will be read."""
    labels = np.where(labels == len(CLASSES), VOID, labels).astype(np.uint8)
    for kind, array in (("images", image), ("masks", labels)):
        path = root / kind / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
    (root / "classes.txt").write_text("\n".join(CLASSES))
    return labels


def drawn(number: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    return scene(height=size[0], width=size[1], rng=np.random.default_rng(number))


def sketches_of(root: Path, tile: tuple[int, int]) -> list[Sketch]:
    spec = folder(str(root), height=tile[0], width=tile[1], split="folders", fit="tile")
    found: list[Sketch] = []
    validate.survey(spec, look=whole_pictures.sketcher(spec, found))
    return found


def test_tiles_make_the_sketch_of_their_picture(tmp_path: Path) -> None:
    wanted = []
    for number, name in enumerate(["train/a", "train/b", "val/c", "test/d"]):
        image, labels = drawn(number, SIZE)
        truth = write(tmp_path, name, image, labels)
        wanted.append(sketch(f"{name.split('/')[0]}/{name}", image, truth, len(CLASSES)))
    found = sketches_of(tmp_path, TILE)
    # Small pictures are compared as they are, so the tiles put together are the picture itself.
    for one, whole in zip(found, wanted, strict=True):
        assert (one.label, one.size) == (whole.label, SIZE)
        for field in ("thumb", "edges", "outlines", "traits", "shifts"):
            np.testing.assert_array_equal(getattr(one, field), getattr(whole, field))


def test_a_picture_without_a_mask_has_a_sketch_of_the_picture_alone(tmp_path: Path) -> None:
    for number, name in enumerate(["train/a", "train/b", "test/d"]):
        write(tmp_path, name, *drawn(number, SIZE))
    (tmp_path / "masks/train/b.png").unlink()
    a, b, d = sketches_of(tmp_path, TILE)
    assert a.traits is not None and d.traits is not None
    assert b.traits is None and b.outlines is None and b.edges.any()


@pytest.mark.parametrize("moved", [False, True])
def test_a_moved_mask_is_named_once_and_clean_tiles_not_at_all(moved: bool, tmp_path: Path) -> None:
    names = [f"train/{i}" for i in range(5)] + ["val/5", "test/6"]
    for number, name in enumerate(names):
        image, labels = drawn(number, LARGE)
        if moved and number == 3:
            labels = np.roll(labels, (7, -6), (0, 1))
        write(tmp_path, name, image, labels)
    said = suspicions.suspicions(sketches_of(tmp_path, (96, 128)), CLASSES)
    if moved:
        (one,) = said
        assert one.label == "train/train/3"
        assert (
            "fits its image better when moved 7 pixels up and 6 pixels right (of 230 x" in one.text
        )
    else:
        assert said == ()


def test_a_sheet_shows_the_tile_in_the_middle(tmp_path: Path) -> None:
    for number, name in enumerate(["train/a", "test/d"]):
        write(tmp_path, name, *drawn(number, SIZE))
    spec = folder(str(tmp_path), height=48, width=64, split="folders", fit="tile")
    # Three rows of four tiles.
    assert whole_pictures.middle_tiles(spec) == {
        "train/train/a": "train/train/a@r1c2",
        "test/test/d": "test/test/d@r1c2",
    }
