"""Bad images and masks in a user's folder, as the check before a training finds them."""

import os
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s4al_jax.data.folder import folder
from s4al_jax.survey.validate import check
from tests.support.bad_inputs import Case, refused

MAX_PIXELS = 20_000
NOISE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
IDS = (NOISE[..., 0] % 3).astype(np.uint8)
IMAGE, MASK = "images/b.png", "masks/b.png"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four images with masks of three classes, all in order."""
    (tmp_path / "classes.txt").write_text("earth\nwater\nair\n")
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for number, name in enumerate("abcd"):
        Image.fromarray(NOISE ^ np.uint8(number)).save(tmp_path / f"images/{name}.png")
        Image.fromarray(IDS).save(tmp_path / f"masks/{name}.png")
    return tmp_path


def checked(root: Path) -> None:
    # The four images are nearly the same: whoever keeps such together could not split them.
    how = {"val_share": 0.25, "keep_together": False, "max_pixels": MAX_PIXELS}
    check(folder(str(root), height=16, width=20, **how))  # type: ignore[arg-type]


def test_the_folder_is_good_before_anything_bad_is_put_into_it(photos: Path) -> None:
    checked(photos)


def written(place: str, content: bytes) -> Callable[[Path], object]:
    return lambda root: (root / place).write_bytes(content)


def cut(place: str, share: float) -> Callable[[Path], object]:
    def make(root: Path) -> None:
        os.truncate(root / place, int(share * (root / place).stat().st_size))

    return make


def saved(place: str, picture: Image.Image, **how: object) -> Callable[[Path], object]:
    return lambda root: picture.save(root / place, **how)


def replaced(place: str, other: str, make: Callable[[Path], object]) -> Callable[[Path], object]:
    """Another file in the place of one."""

    def made(root: Path) -> None:
        (root / place).unlink()
        make(root / other)

    return made


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is large and holds nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b""))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + data + chunk(b"IEND", b"")


def in_a_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b.png", b"")


def without_its_middle(root: Path) -> None:
    content = (root / IMAGE).read_bytes()
    (root / IMAGE).write_bytes(content[:200] + content[300:])


PALETTE = Image.fromarray(IDS).convert("P")
FRAMES = {"save_all": True, "append_images": [Image.fromarray(255 - NOISE)]}
UNKNOWN = "cannot be read (no kind of picture that is read here): replace the file"
REPLACE = "cannot be read ({}): replace the file"
TOO_LARGE = "has more than 20000 pixels: make it smaller, or raise config.data.max_pixels"
NO_TEXT = "has a sign in its name that is no text, such as a line break: rename it"
AS_PNG = "which does not keep the numbers of its pixels: save it as PNG"
SEEN = Image.fromarray(np.dstack([NOISE, np.full(IDS.shape, 200, np.uint8)]))

IMAGES = (
    Case("of zero bytes", written(IMAGE, b""), f"HERE/{IMAGE} {UNKNOWN}"),
    Case("that is a text", written(IMAGE, b"a cat\n"), f"HERE/{IMAGE} {UNKNOWN}"),
    Case("that is an archive", lambda root: in_a_zip(root / IMAGE), f"HERE/{IMAGE} {UNKNOWN}"),
    Case(
        "cut after its half",
        cut(IMAGE, 0.5),
        f"HERE/{IMAGE} " + REPLACE.format("image file is truncated"),
    ),
    Case(
        "cut in its header",
        cut(IMAGE, 0.003),
        f"HERE/{IMAGE} " + REPLACE.format("Truncated File Read"),
    ),
    Case(
        "with a hole in it",
        without_its_middle,
        f"HERE/{IMAGE} "
        + REPLACE.format("unrecognized data stream contents when reading image file"),
    ),
    Case("of no pixels", written(IMAGE, bomb(0, 10)), f"HERE/{IMAGE} {UNKNOWN}"),
    Case("that is a bomb", written(IMAGE, bomb(30_000, 30_000)), f"HERE/{IMAGE} {TOO_LARGE}"),
    Case("just too large", written(IMAGE, bomb(201, 100)), f"HERE/{IMAGE} {TOO_LARGE}"),
    Case(
        "30 000 pixels wide",
        saved(IMAGE, Image.fromarray(np.zeros((1, 30_000, 3), np.uint8))),
        f"HERE/{IMAGE} {TOO_LARGE}",
    ),
    Case(
        "that moves (PNG)",
        saved(IMAGE, Image.fromarray(NOISE), **FRAMES),
        f"HERE/{IMAGE} holds 2 pictures: save the one that is meant",
    ),
    Case(
        "that moves (GIF)",
        replaced(IMAGE, "images/b.gif", lambda p: Image.fromarray(NOISE).save(p, **FRAMES)),
        "HERE/images/b.gif holds 2 pictures: save the one that is meant",
    ),
    Case(
        "that one can see through",
        saved(IMAGE, SEEN),
        f"HERE/{IMAGE} has transparent pixels: flatten it onto a background",
    ),
    Case(
        "of numbers in 32 bits",
        replaced(
            IMAGE,
            "images/b.tif",
            lambda p: Image.fromarray(NOISE[..., 0].astype(np.int32)).save(p),
        ),
        "HERE/images/b.tif has 32-bit numbers (mode I) whose range is not known: save it with 8 or "
        "16 bits",
    ),
    Case(
        "that is a link to itself",
        replaced(IMAGE, IMAGE, lambda p: p.symlink_to(p)),
        f"HERE/{IMAGE} " + REPLACE.format("Too many levels of symbolic links"),
    ),
    Case(
        "that is a link to nothing",
        replaced(IMAGE, IMAGE, lambda p: p.symlink_to("nowhere.png")),
        f"HERE/{IMAGE} " + REPLACE.format("No such file or directory"),
    ),
    Case(
        "that is a folder",
        replaced(IMAGE, IMAGE, Path.mkdir),
        f"HERE/{IMAGE} is no file: remove it, or put the picture there",
    ),
    Case(
        "that is a pipe",
        replaced(IMAGE, IMAGE, os.mkfifo),
        f"HERE/{IMAGE} is no file: remove it, or put the picture there",
    ),
    Case(
        "with a line break in its name",
        lambda root: (root / IMAGE).rename(root / "images/b\nc.png"),
        f"'HERE/images/b\\nc.png' {NO_TEXT}",
    ),
    Case(
        "with a name that is not UTF-8",
        lambda root: (root / IMAGE).rename(os.fsdecode(os.fsencode(root) + b"/images/\xff.png")),
        f"'HERE/images/\\udcff.png' {NO_TEXT}",
    ),
    Case(
        "twice under one name",
        saved("images/b.bmp", Image.fromarray(NOISE)),
        "HERE/images/b.bmp and HERE/images/b.png share one name: remove one of them",
    ),
    Case(
        "that stands in two splits",
        lambda root: [
            (root / f"images/{name}.png").write_bytes((root / "images/a.png").read_bytes())
            for name in "bcd"
        ],
        "train/a and val/c are the same picture (1 such pairs): keep each picture in one split "
        "only",
    ),
)

MASKS = (
    Case("of zero bytes", written(MASK, b""), f"HERE/{MASK} {UNKNOWN}"),
    Case(
        "cut after its half",
        cut(MASK, 0.5),
        f"HERE/{MASK} " + REPLACE.format("image file is truncated"),
    ),
    Case("that is a bomb", written(MASK, bomb(30_000, 30_000)), f"HERE/{MASK} {TOO_LARGE}"),
    Case(
        "of another size than its image",
        saved(MASK, Image.fromarray(IDS[:20])),
        f"HERE/{MASK} has 20 x 50 pixels, its image HERE/{IMAGE} has 40 x 50: give both the same "
        "size",
    ),
    Case(
        "with an id that is no class",
        saved(MASK, Image.fromarray(IDS + np.uint8(1))),
        f"HERE/{MASK} holds the id 3: use the numbers of the classes, and 255 for void; or say "
        "what it is in classes.json (s4al check says how to make it void)",
    ),
    Case(
        "with the id that means not answered",
        saved(MASK, Image.fromarray(np.full_like(IDS, 254))),
        f"HERE/{MASK} holds the id 254: use the numbers of the classes, and 255 for void; or say "
        "what it is in classes.json (s4al check says how to make it void)",
    ),
    Case(
        "in colors without a palette",
        saved(MASK, Image.fromarray(NOISE)),
        f"HERE/{MASK} is a color picture: give every class its color in classes.json, or save "
        "masks with one 8-bit channel",
    ),
    Case(
        "of sixteen bits with a number that is no class",
        saved(MASK, Image.fromarray(IDS.astype(np.uint16) + 256)),
        f"HERE/{MASK} holds the id 256: use the numbers of the classes, and 255 for void; or say "
        "what it is in classes.json (s4al check says how to make it void)",
    ),
    Case(
        "as JPEG",
        replaced(MASK, "masks/b.jpg", lambda p: Image.fromarray(IDS).save(p)),
        f"HERE/masks/b.jpg is a JPEG file, {AS_PNG}",
    ),
    Case(
        "as JPEG that is called PNG",
        saved(MASK, Image.fromarray(IDS), format="JPEG"),
        f"HERE/{MASK} is a JPEG file, {AS_PNG}",
    ),
    Case(
        "of no image",
        saved("masks/e.png", Image.fromarray(IDS)),
        "HERE/masks/e.png is the mask of no image: remove it or add the image",
    ),
    Case(
        "that is a pipe",
        replaced(MASK, MASK, os.mkfifo),
        f"HERE/{MASK} is no file: remove it, or put the picture there",
    ),
    Case(
        "all of one class and void",
        lambda root: [
            Image.fromarray(np.where(IDS == 1, 255, 0).astype(np.uint8)).save(path)
            for path in (root / "masks").iterdir()
        ],
        "all masks together hold only the class 'earth' and void (255): if that number means a "
        "class, say so under ids in classes.json",
    ),
)


@pytest.mark.parametrize("case", IMAGES, ids=lambda case: case.name)
def test_an_image(case: Case, photos: Path) -> None:
    refused(case, photos, checked)


@pytest.mark.parametrize("case", MASKS, ids=lambda case: case.name)
def test_a_mask(case: Case, photos: Path) -> None:
    refused(case, photos, checked)


def test_what_only_looks_odd_is_read(photos: Path) -> None:
    """One pixel, printer's colors, a wrong ending, an opaque palette, damaged EXIF data."""
    for name in "abcd":
        (photos / f"masks/{name}.png").unlink()
    for name in "abc":
        (photos / f"images/{name}.png").unlink()
    Image.fromarray(NOISE[:1, :1]).save(photos / "images/one.png")
    Image.fromarray(NOISE).convert("CMYK").save(photos / "images/printed.jpg")
    Image.fromarray(NOISE).save(photos / "images/called.png", format="JPEG")
    opaque = bytes([255] * 256)
    Image.fromarray(NOISE).quantize().save(photos / "images/palette.png", transparency=opaque)
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01\x03\0\x05"
    Image.fromarray(NOISE).save(photos / "images/odd.jpg", exif=exif)
    spec = folder(str(photos), height=16, width=20, max_pixels=MAX_PIXELS)
    assert spec.train.names == ("called", "d", "odd", "one", "palette", "printed")
    assert {spec.train.read_image(index).shape for index in range(6)} == {(16, 20, 3)}


def test_a_program_is_no_picture(photos: Path) -> None:
    """Pillow would have Ghostscript run it."""
    Image.fromarray(NOISE).save(photos / "images/e.eps")
    spec = folder(str(photos), height=16, width=20)
    assert "e" not in (*spec.train.names, *spec.val.names, *spec.test.names)
    (photos / "images/e.eps").rename(photos / "images/e.png")
    (photos / IMAGE).unlink()
    (photos / MASK).unlink()
    case = Case("a program", lambda root: None, f"HERE/images/e.png {UNKNOWN}")
    refused(case, photos, checked)


def test_what_pillow_warns_of_is_kept_from_users(photos: Path) -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01\x03\0\x05"
    Image.fromarray(NOISE).save(photos / "odd.jpg", exif=exif)
    (photos / "bomb.png").write_bytes(bomb(12_000, 10_000))
    command = """
import pathlib, sys
from s4al_jax.files.images import (image_file, read_rgb, read_size)
place = pathlib.Path(sys.argv[1])
read_rgb(image_file(place / "odd.jpg"))
try:
    read_size(image_file(place / "bomb.png"))
except ValueError as error:
    print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", command, str(photos)], capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    assert "bomb.png has more than 100000000 pixels" in ran.stdout
