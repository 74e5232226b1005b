"""Bad folders of CamVid and bad archives of Cityscapes, as the check before a training goes."""

import gc
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s4al_jax.data.camvid import camvid
from s4al_jax.data.cityscapes import cityscapes
from s4al_jax.files.images import check_name
from s4al_jax.survey.validate import check
from s4al_jax.types import InputError
from tests.support.bad_inputs import Case, refused
from tests.support.small_datasets import (
    camvid_folders,
    cityscapes_archives,
    cityscapes_folders,
    png,
)

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 16, 3), np.uint8)
NO_TEXT = "has a sign in its name that is no text, such as a line break: rename it"


def text(place: str, content: str) -> Callable[[Path], object]:
    return lambda root: (root / place).write_text(content)


def raw(place: str, content: bytes) -> Callable[[Path], object]:
    return lambda root: (root / place).write_bytes(content)


CAMVID = (
    Case(
        "without a split",
        lambda root: shutil.rmtree(root / "valannot"),
        "HERE/valannot is not a folder: CamVid's root needs train, trainannot, val, valannot, test "
        "and testannot",
    ),
    Case(
        "with a lost label",
        lambda root: (root / "trainannot/train_1.png").unlink(),
        "HERE/train/train_1.png has no label: add it to HERE/trainannot",
    ),
    Case(
        "with an id beyond void",
        lambda root: Image.fromarray(np.full((8, 16), 12, np.uint8)).save(
            root / "valannot/val_0.png"
        ),
        "HERE/valannot/val_0.png holds the id 12: use 0 to 10, and 11 or 255 for void",
    ),
    Case(
        "with a line break in a name",
        lambda root: (root / "train/train_1.png").rename(root / "train/a\nb.png"),
        f"'HERE/train/a\\nb.png' {NO_TEXT}",
    ),
    Case(
        "prepared in part",
        text("preparation.json", "{}"),
        "HERE is prepared in part: give the preparing command again",
    ),
)


@pytest.mark.parametrize("case", CAMVID, ids=lambda case: case.name)
def test_camvid(case: Case, tmp_path: Path) -> None:
    camvid_folders(tmp_path, count=2)
    refused(case, tmp_path, lambda root: check(camvid(str(root), height=8, width=16)))


IMAGES, LABELS = "leftImg8bit_trainvaltest.zip", "gtFine_trainvaltest.zip"
INSIDE = "leftImg8bit/train/ulm/"


def added(name: str, content: bytes = b"", **kind: int) -> Callable[[Path], object]:
    """One member more in the archive of images."""

    def make(root: Path) -> None:
        info = zipfile.ZipInfo(name)
        info.external_attr = kind.get("mode", 0o644) << 16
        with zipfile.ZipFile(root / IMAGES, "a") as archive:
            archive.writestr(info, content)

    return make


def torn(root: Path) -> None:
    os.truncate(root / IMAGES, (root / IMAGES).stat().st_size // 2)


def flipped(root: Path) -> None:
    """A byte inside of the first member that was written."""
    content = bytearray((root / IMAGES).read_bytes())
    at = content.index(b"IDAT") + 40
    content[at] ^= 255
    (root / IMAGES).write_bytes(content)


ARCHIVES = (
    Case(
        "cut after its half",
        torn,
        f"HERE/{IMAGES} is no whole zip archive (File is not a zip file): download it again",
    ),
    Case(
        "that is a text",
        text(IMAGES, "404 not found"),
        f"HERE/{IMAGES} is no whole zip archive (File is not a zip file): download it again",
    ),
    Case(
        "of zero bytes",
        raw(IMAGES, b""),
        f"HERE/{IMAGES} is no whole zip archive (File is not a zip file): download it again",
    ),
    Case(
        "with another byte",
        flipped,
        f"HERE/{IMAGES}:leftImg8bit/val/lindau/lindau_000001_000019_leftImg8bit.png cannot be read "
        "(Bad CRC-32 for file 'leftImg8bit/val/lindau/lindau_000001_000019_leftImg8bit.png'): "
        "replace the file",
    ),
    Case(
        "that climbs out of its folder",
        added(f"{INSIDE}../../../../x_000000_000019_leftImg8bit.png", png(PIXELS)),
        f"'HERE/{IMAGES}:{INSIDE}../../../../x_000000_000019_leftImg8bit.png' has a name that "
        "leads out of its folder: rename it",
    ),
    Case(
        "with an absolute name",
        added("/leftImg8bit/train/ulm/x_000000_000019_leftImg8bit.png", png(PIXELS)),
        f"'HERE/{IMAGES}:/leftImg8bit/train/ulm/x_000000_000019_leftImg8bit.png' has a name that "
        "leads out of its folder: rename it",
    ),
    Case(
        "with a line break in a name",
        added(f"{INSIDE}a\nb_leftImg8bit.png", png(PIXELS)),
        f"'HERE/{IMAGES}:{INSIDE}a\\nb_leftImg8bit.png' {NO_TEXT}",
    ),
    Case(
        "with a link in the place of an image",
        added(f"{INSIDE}ulm_000009_000019_leftImg8bit.png", b"/etc/passwd", mode=0o120777),
        f"HERE/{IMAGES}:{INSIDE}ulm_000009_000019_leftImg8bit.png has no label: add "
        "gtFine/train/ulm/ulm_000009_000019_gtFine_labelIds.png",
    ),
    Case(
        "with one name in two cities",
        added("leftImg8bit/train/aachen/ulm_000000_000019_leftImg8bit.png", png(PIXELS)),
        f"HERE/{IMAGES}:leftImg8bit/train/aachen/ulm_000000_000019_leftImg8bit.png and "
        f"HERE/{IMAGES}:{INSIDE}ulm_000000_000019_leftImg8bit.png share one name: "
        "remove one of them",
    ),
    Case(
        "without labels",
        lambda root: (root / LABELS).unlink(),
        f"HERE holds neither {LABELS} nor the folder gtFine: put one of them there",
    ),
    Case(
        "of something else",
        lambda root: [
            (root / IMAGES).unlink(),
            zipfile.ZipFile(root / IMAGES, "w").close(),
            (root / LABELS).unlink(),
            zipfile.ZipFile(root / LABELS, "w").close(),
        ],
        "HERE has no leftImg8bit/train/CITY/*_leftImg8bit.png: get Cityscapes' archives again",
    ),
)


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folders = cityscapes_folders(tmp_path_factory.mktemp("folders"))
    return cityscapes_archives(folders, tmp_path_factory.mktemp("archives"))


# An error keeps the archive that it is about open for as long as somebody looks at it.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("case", ARCHIVES, ids=lambda case: case.name)
def test_an_archive(case: Case, archives: Path, tmp_path: Path) -> None:
    root = tmp_path / "inner"
    shutil.copytree(archives, root)
    refused(case, root, lambda root: check(cityscapes(str(root), height=8, width=16, val=2)))
    assert list(tmp_path.iterdir()) == [root], "something was written outside of the folder"
    gc.collect()


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", ""])
def test_a_name_that_leads_out_of_a_folder(name: str) -> None:
    """Records of any data set have names, and labels are exported under them."""
    with pytest.raises(InputError) as error:
        check_name(name, "data:train")
    assert str(error.value) == ("'data:train' has a name that leads out of its folder: rename it")
