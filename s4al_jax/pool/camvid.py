"""CamVid as it is commonly passed around: six folders, 11 classes and void.

`root` holds train/ trainannot/ val/ valannot/ test/ testannot/; an image and its label map share
the file name up to the ending. A label map holds class ids 0 to 10 and 11 for void.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from s4al_jax.types import UNLABELED, VOID, DatasetSpec, ImageSet, InputError

CLASSES = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
)
"""Class names by id."""

PALETTE = (
    (128, 128, 128),
    (128, 0, 0),
    (192, 192, 128),
    (128, 64, 128),
    (60, 40, 222),
    (128, 128, 0),
    (192, 128, 128),
    (64, 64, 128),
    (64, 0, 128),
    (64, 64, 0),
    (0, 128, 192),
)
"""The colour in which each class is shown, by id."""

FILE_VOID = 11
"""Void as the label files write it."""


def camvid(root: str, *, height: int = 360, width: int = 480) -> DatasetSpec:
    """CamVid under `root`; files of another size are resized to `height` x `width` when read."""
    if not root:
        raise InputError("CamVid's folder is not given: set config.data.root or S4AL_CAMVID")
    if height < 1 or width < 1:
        raise InputError(f"CamVid at {height} x {width} pixels is empty: use 1 x 1 or more")
    folder = Path(root).expanduser()
    train, val, test = (
        _image_set(folder, split, height=height, width=width) for split in ("train", "val", "test")
    )
    return DatasetSpec("camvid", CLASSES, PALETTE, height, width, train, val, test)


def _image_set(root: Path, split: str, *, height: int, width: int) -> ImageSet:
    images, labels = _pictures(root / split), _pictures(root / f"{split}annot")
    for stem in sorted(images.keys() ^ labels.keys()):
        if stem in images:
            raise InputError(f"{images[stem]} has no label: add it to {root / split}annot")
        raise InputError(f"{labels[stem]} has no image: add it to {root / split}")
    names = tuple(sorted(images))
    return ImageSet(
        names,
        lambda index: _image(images[names[index]], height, width),
        lambda index: _truth(labels[names[index]], images[names[index]], height, width),
    )


def _pictures(folder: Path) -> dict[str, Path]:
    """The files of a folder that Pillow has a reader for, by stem."""
    if not folder.is_dir():
        raise InputError(
            f"{folder} is not a folder: CamVid's root needs train, trainannot, val, valannot, "
            "test and testannot"
        )
    endings = Image.registered_extensions()
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in endings or path.name.startswith("."):
            continue
        if path.stem in found:
            raise InputError(f"{found[path.stem]} and {path} share one name: remove one of them")
        found[path.stem] = path
    if not found:
        raise InputError(f"{folder} holds no images: unpack CamVid there")
    return found


def _opened(path: Path, *, pixels: bool = True) -> Image.Image:
    """The picture of a file; without `pixels` only its header is sure to be read."""
    try:
        with Image.open(path) as picture:
            if pixels:
                picture.load()
            return picture
    # Pillow's readers raise OSError, SyntaxError, struct.error and more on a damaged file.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read ({reason}): replace the file") from error


def _image(path: Path, height: int, width: int) -> np.ndarray:
    picture = _opened(path).convert("RGB")
    for size in ((width, picture.height), (width, height)):
        smaller = size[0] < picture.width or size[1] < picture.height
        how = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
        picture = picture.resize(size, how)
    return np.array(picture)


def _truth(path: Path, image_path: Path, height: int, width: int) -> np.ndarray:
    picture = _opened(path)
    if picture.mode not in ("L", "P"):
        raise InputError(
            f"{path} is of mode {picture.mode}, not a map of class ids: save it with one 8-bit "
            "channel (mode L or P)"
        )
    _check_same_size(path, picture, image_path)
    ids = np.asarray(picture)
    labels = _file_codes()[ids]
    if np.any(labels == UNLABELED):
        raise InputError(
            f"{path} holds the id {ids[labels == UNLABELED].min()}: use 0 to "
            f"{len(CLASSES) - 1}, and {FILE_VOID} or {VOID} for void"
        )
    resized = Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST)
    return np.array(resized)


def _check_same_size(path: Path, label: Image.Image, image_path: Path) -> None:
    size = _opened(image_path, pixels=False).size
    if label.size != size:
        raise InputError(
            f"{path} has {label.height} x {label.width} pixels, its image {image_path} has "
            f"{size[1]} x {size[0]}: give both the same size"
        )


def _file_codes() -> np.ndarray:
    """What each byte of a label file means; `UNLABELED` marks those that mean nothing."""
    codes = np.full(256, UNLABELED, np.uint8)
    codes[: len(CLASSES)] = np.arange(len(CLASSES))
    codes[[FILE_VOID, VOID]] = VOID
    return codes
