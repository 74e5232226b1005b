"""Small data sets on disk, with the true names and layout: Cityscapes, CamVid, and TFDS's.

Not a test: others read what these write.
"""

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from s4al_jax.data.camvid import camvid
from s4al_jax.types import DatasetSpec

TRAIN = {"aachen": 5, "ulm": 3}
VAL = {"lindau": 2}
HEIGHT, WIDTH = 8, 16


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def own_folder(root: Path, count: int) -> None:
    """A user's folder: photographs of several sizes, all with masks of three classes."""
    rng = np.random.default_rng(0)
    (root / "classes.txt").write_text("earth\nwater\nair\n")
    for kind in ("images", "masks"):
        (root / kind).mkdir()
    for number in range(count):
        size = (HEIGHT + number, WIDTH)
        pixels = rng.integers(0, 256, (*size, 3), np.uint8)
        (root / f"images/{number}.png").write_bytes(png(pixels))
        (root / f"masks/{number}.png").write_bytes(png(rng.integers(0, 3, size, np.uint8)))


def data_science_bowl(root: Path, count: int = 10) -> None:
    """The Bowl's layout: folders, each with an image of 3 x 4 pixels and two nuclei of one
    pixel, the first of which is as many pixels from the corner as the folder's name says."""
    for number in range(count):
        name = f"{number:02d}{'ab' * 31}"
        noise = np.random.default_rng(number).integers(0, 256, (3, 4, 4), np.uint8)
        noise[..., 3] = 255
        masks = {f"{thing:02d}{'cd' * 31}": number + thing for thing in range(2)}
        for kind in ("images", "masks"):
            (root / name / kind).mkdir(parents=True)
        (root / f"{name}/images/{name}.png").write_bytes(png(noise))
        for mask, at in masks.items():
            inside = (np.arange(12) == at).reshape(3, 4)
            (root / f"{name}/masks/{mask}.png").write_bytes(png(255 * inside.astype(np.uint8)))


def cityscapes_folders(root: Path) -> Path:
    """Cityscapes as it is unpacked: eight images of train, two of val, a test without labels."""
    rng = np.random.default_rng(0)
    for split, cities in (("train", TRAIN), ("val", VAL), ("test", {"bonn": 1})):
        for city, count in cities.items():
            images, labels = root / "leftImg8bit" / split / city, root / "gtFine" / split / city
            images.mkdir(parents=True)
            labels.mkdir(parents=True)
            for frame in range(count):
                name = f"{city}_{frame:06d}_000019"
                pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
                (images / f"{name}_leftImg8bit.png").write_bytes(png(pixels))
                ids = rng.integers(0, 34, (HEIGHT, WIDTH), np.uint8)
                (labels / f"{name}_gtFine_labelIds.png").write_bytes(png(ids))
                (labels / f"{name}_gtFine_color.png").write_bytes(png(pixels))
                (labels / f"{name}_gtFine_instanceIds.png").write_bytes(png(ids))
                (labels / f"{name}_gtFine_polygons.json").write_text("{}")
    return root


def cityscapes_archives(folders: Path, root: Path) -> Path:
    """The two archives of what `cityscapes_folders` wrote, members in no order."""
    for name in ("leftImg8bit", "gtFine"):
        with zipfile.ZipFile(root / f"{name}_trainvaltest.zip", "w") as archive:
            archive.writestr("README", "Cityscapes")
            archive.writestr("license.txt", "license")
            for path in sorted((folders / name).rglob("*.*"), reverse=True):
                archive.write(path, path.relative_to(folders).as_posix())
    return root


def camvid_folders(root: Path, *, count: int = 5) -> Path:
    """CamVid with `count` images a split."""
    rng = np.random.default_rng(1)
    for split in ("train", "val", "test"):
        for folder in (root / split, root / f"{split}annot"):
            folder.mkdir(parents=True)
        for index in range(count):
            pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
            (root / split / f"{split}_{index}.png").write_bytes(png(pixels))
            ids = rng.integers(0, 12, (HEIGHT, WIDTH), np.uint8)
            (root / f"{split}annot" / f"{split}_{index}.png").write_bytes(png(ids))
    return root


def deadly(root: str, *, height: int, width: int) -> DatasetSpec:
    """CamVid under `root`; the process that reads its first image ends."""
    spec = camvid(root, height=height, width=width)
    return spec._replace(train=spec.train._replace(read_image=lambda index: os._exit(1)))


class Streets(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A user's builder: picture `street_i` has the brightness i, its label the class i % 11."""

    VERSION = tfds.core.Version("1.2.0")

    def _info(self) -> Any:
        features = {
            "name": tfds.features.Text(),
            "city": tfds.features.Text(),
            "number": np.int64,
            "photo": tfds.features.Image(shape=(None, None, 3)),
            "classes": tfds.features.LabeledImage(labels=[f"class {i}" for i in range(11)]),
            "boxes": tfds.features.Sequence({"row": np.int64}),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, manager: Any) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
        return {"train": self._generate_examples(0, 20), "eval": self._generate_examples(20, 26)}

    def _generate_examples(self, start: int, stop: int) -> Iterator[tuple[str, dict[str, Any]]]:
        for i in range(start, stop):
            label = np.full((HEIGHT, WIDTH), i % 11, np.uint8)
            label[0] = 255
            yield (
                f"street_{i:02d}",
                {
                    "name": f"street_{i:02d}",
                    "city": "ulm",
                    "number": i,
                    "photo": png(np.full((HEIGHT, WIDTH, 3), i, np.uint8)),
                    "classes": png(label),
                    "boxes": [{"row": 1}, {"row": 2}],
                },
            )


def streets(root: Path, *, file_format: str = "array_record") -> Path:
    """What the user's builder leaves in its data_dir."""
    Streets(data_dir=str(root), file_format=file_format).download_and_prepare()
    return root


def pixels(path: Path) -> np.ndarray:
    """What a picture file holds, as it is."""
    with Image.open(path) as picture:
        return np.array(picture)
