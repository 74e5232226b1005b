"""Bad folders of a user's own, and bad class lists in them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s4al_jax.data.folder import folder
from tests.support.bad_inputs import Case, refused
from tests.support.small_datasets import png

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 16, 3), np.uint8)
ENTRIES = 'write {"classes": [{"name": "road", "color": [128, 64, 128]}, ...]}'


def text(place: str, content: str) -> Callable[[Path], object]:
    return lambda root: (root / place).write_text(content)


def raw(place: str, content: bytes) -> Callable[[Path], object]:
    return lambda root: (root / place).write_bytes(content)


def instead(content: str) -> Callable[[Path], object]:
    """A classes.json in the place of the classes.txt."""

    def make(root: Path) -> None:
        (root / "classes.txt").unlink()
        (root / "classes.json").write_text(content)

    return make


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two images of two classes, one of them with a mask."""
    (tmp_path / "classes.txt").write_text("earth\nwater\n")
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for name in "ab":
        Image.fromarray(PIXELS).save(tmp_path / f"images/{name}.png")
    Image.fromarray(PIXELS[..., 0] % 2).save(tmp_path / "masks/a.png")
    return tmp_path


def opened(root: Path) -> None:
    folder(str(root), height=8, width=16)


FOLDERS = (
    Case(
        "without images",
        lambda root: shutil.rmtree(root / "images"),
        "HERE/images is not a folder: see docs/tutorials/own_images.md for what goes where",
    ),
    Case(
        "with empty images",
        lambda root: [shutil.rmtree(root / k) or (root / k).mkdir() for k in ("images", "masks")],
        "HERE/images holds no pictures: put them there",
    ),
    Case(
        "with a list of nothing that is there",
        text("train.txt", "c\n"),
        "HERE/train.txt names 'c', but HERE/images has none",
    ),
    Case(
        "with a list that names an image twice",
        text("train.txt", "a\nb\na.png\n"),
        "HERE/train.txt names 'a', which train.txt named already",
    ),
    Case(
        "with lists that share an image",
        lambda root: [text("train.txt", "a\nb\n")(root), text("val.txt", "a\n")(root)],
        "HERE/val.txt names 'a', which train.txt named already",
    ),
    Case(
        "with an empty list",
        text("train.txt", "\n"),
        "HERE leaves no image to learn from: check how it is split",
    ),
    Case(
        "with a list that leads out of it",
        text("train.txt", "../a\n"),
        "HERE/train.txt names '../a', but HERE/images has none",
    ),
    Case(
        "with a list of an odd name",
        text("train.txt", ".\n"),
        "HERE/train.txt names '.', but HERE/images has none",
    ),
    Case(
        "with a list that is no text",
        raw("train.txt", b"\xff\xfe\x00a"),
        "HERE/train.txt is not text in UTF-8: save it as such",
    ),
    Case(
        "with a list that is a folder",
        lambda root: [text("train.txt", "a\n")(root), (root / "val.txt").mkdir()],
        "HERE/val.txt is no file: write a text there, or remove it",
    ),
    Case(
        "that measures on an image without a mask",
        lambda root: [text("train.txt", "a\n")(root), text("val.txt", "b\n")(root)],
        "b of HERE is in val and has no mask: add one, or move the image to train",
    ),
    Case(
        "with a picture beside its splits",
        lambda root: [
            (root / "images/train").mkdir(),
            (root / "images/val").mkdir(),
            (root / "images/a.png").rename(root / "images/train/a.png"),
            (root / "masks/a.png").unlink(),
            Image.fromarray(PIXELS).save(root / "images/val/c.png"),
        ],
        "HERE/images/b.png is in no split: put it below train, val or test of HERE/images",
    ),
)

CLASS_LISTS = (
    Case(
        "that is missing",
        lambda root: (root / "classes.txt").unlink(),
        "HERE needs a classes.txt (a name a line) or a classes.json; neither is there: write one",
    ),
    Case(
        "twice",
        text("classes.json", "[]"),
        "HERE needs a classes.txt (a name a line) or a classes.json; both are there: remove one",
    ),
    Case(
        "of nobody", text("classes.txt", "\n\n"), "HERE/classes.txt names 0 classes: give 1 to 253"
    ),
    Case(
        "of too many",
        text("classes.txt", "".join(f"c{i}\n" for i in range(254))),
        "HERE/classes.txt names 254 classes: give 1 to 253",
    ),
    Case(
        "that repeats itself",
        text("classes.txt", "a\nb\na\n"),
        "HERE/classes.txt names 'a' 2 times: give each its own name",
    ),
    Case(
        "with void",
        text("classes.txt", "a\nvoid\n"),
        "HERE/classes.txt names 'void' 1 times: void is no class",
    ),
    Case(
        "that is a picture",
        raw("classes.txt", png(PIXELS)),
        "HERE/classes.txt is not text in UTF-8: save it as such",
    ),
    Case(
        "with a sign that is no text",
        text("classes.txt", "a\nb\x00\n"),
        "HERE/classes.txt names 'b\\x00': a name is one line of text",
    ),
    Case(
        "that is no JSON",
        instead("{"),
        "HERE/classes.json is not as it should be (Expecting property name enclosed in double "
        f"quotes: line 1 column 2 (char 1)): {ENTRIES}",
    ),
    Case(
        "that is a number",
        instead("3"),
        f"HERE/classes.json is not as it should be ('int' object is not iterable): {ENTRIES}",
    ),
    Case(
        "nested without end",
        instead("[" * 100_000),
        f"HERE/classes.json is not as it should be (nested without end): {ENTRIES}",
    ),
    Case(
        "without names",
        instead('[{"color": [1, 2, 3]}]'),
        f"HERE/classes.json is not as it should be ('name'): {ENTRIES}",
    ),
    Case(
        "with names that are no texts",
        instead('[{"name": ["a"], "color": [1, 2, 3]}]'),
        f"HERE/classes.json is not as it should be (the name ['a'] is no text): {ENTRIES}",
    ),
    Case(
        "with an unknown entry",
        instead('{"classes": ["a"], "color": 1}'),
        "HERE/classes.json: no such entry 'color'; see docs/tutorials/own_images.md",
    ),
    Case(
        "with half a color",
        instead('[{"name": "a", "color": [1, 2]}]'),
        "HERE/classes.json: [1, 2] is no color: give [red, green, blue] of 0 to 255",
    ),
    Case(
        "with a color beyond all",
        instead('[{"name": "a", "color": [1, 2, 1e999]}]'),
        "HERE/classes.json: [1, 2, inf] is no color: give [red, green, blue] of 0 to 255",
    ),
    Case(
        "with a broken color",
        instead('[{"name": "a", "color": [1, 2, 3.7]}]'),
        "HERE/classes.json: [1, 2, 3.7] is no color: give [red, green, blue] of 0 to 255",
    ),
    Case(
        "with one color for two",
        instead('[{"name": "a", "color": [1, 2, 3]}, {"name": "b", "color": [1, 2, 3]}]'),
        "HERE/classes.json: two classes have the color [1, 2, 3]",
    ),
    Case(
        "with ids beyond two bytes",
        instead('{"classes": ["a"], "ids": {"65536": "a"}}'),
        "HERE/classes.json: ids has '65536': numbers in a mask are 0 to 65535",
    ),
    Case(
        "with ids of a strange script",
        instead('{"classes": ["a"], "ids": {"\\u00b2": "a"}}'),
        "HERE/classes.json: ids has '²': numbers in a mask are 0 to 65535",
    ),
    Case(
        "with ids in a list",
        instead('{"classes": ["a"], "ids": ["a"]}'),
        "HERE/classes.json is not as it should be ('list' object has no attribute 'items'): "
        f"{ENTRIES}",
    ),
    Case(
        "with an id of no class",
        instead('{"classes": ["a"], "ids": {"1": "b"}}'),
        "HERE/classes.json: ids gives 1 the name 'b', which is no class",
    ),
    Case(
        "with an id of a list",
        instead('{"classes": ["a"], "ids": {"1": ["b"]}}'),
        "HERE/classes.json: ids gives 1 the name ['b'], which is no class",
    ),
    Case(
        "with a class without its id",
        instead('{"classes": ["a", "b"], "ids": {"1": "b"}}'),
        "HERE/classes.json: ids has no number for 'a'",
    ),
)


@pytest.mark.parametrize("case", FOLDERS, ids=lambda case: case.name)
def test_a_folder(case: Case, photos: Path) -> None:
    refused(case, photos, opened)


@pytest.mark.parametrize("case", CLASS_LISTS, ids=lambda case: case.name)
def test_a_class_list(case: Case, photos: Path) -> None:
    refused(case, photos, opened)
