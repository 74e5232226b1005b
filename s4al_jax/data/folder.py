"""A user's own folder: images in any sub-folders, masks for as many of them as there are.

    root/classes.txt                 or classes.json, see `class_list`
    root/images/any/where/a.jpg      any size, any format that Pillow reads
    root/masks/any/where/a.png       the mask of that image, where there is one; or a folder `a` of
                                     masks of one class each, see `instance_masks`

An image is called by its path below `images`, without its ending. Which split it is in is said by
folders (`images/train`, `images/val`, `images/test`), by lists of names (`train.txt`, `val.txt`,
`test.txt` beside `images`), or drawn: val and test from the images that have a mask, all others
are the pool. Images of other proportions than the working size are padded, see `files.fit`.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from s4al_jax.data.areas import check_choice
from s4al_jax.data.classes import class_list, text_of
from s4al_jax.data.file_samples import file_sample
from s4al_jax.data.folder_files import folder_files
from s4al_jax.data.instance_masks import OVERLAPS
from s4al_jax.data.samples import SPLITS, Draw, dataset, draw_splits
from s4al_jax.files.bands import RGB, Bands
from s4al_jax.files.images import MAX_PIXELS
from s4al_jax.files.paths import resolve_path
from s4al_jax.types import DatasetSpec, InputError


def folder(
    root: str,
    *,
    height: int,
    width: int,
    split: str = "auto",
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int = 0,
    keep_together: bool = True,
    fit: str = "pad",
    overlap: str = "refuse",
    nearest_color: bool = False,
    bands: Bands = RGB,
    max_pixels: int = MAX_PIXELS,
) -> DatasetSpec:
    """The images under `root` at `height` x `width`.

    `split` is "folders", "lists", "draw", or "auto": the first of these that the folder offers.
    `val_share` and `test_share` are the shares of the images with masks that a draw takes; with
    `keep_together` nearly the same images and the frames of a video come into one split. A file
    with more than `max_pixels` is refused. `fit` is "pad", "crop", "stretch" or "tile", see
    `files.fit`; `bands` says which bands are read and shown. `overlap` is for masks of one class
    each, see `instance_masks`, `nearest_color` for masks in colors that are only nearly those of
    classes, see `nearest_colors`.
    """
    if not root:
        raise InputError("the folder is not given: set config.data.root")
    check_choice("overlap", overlap, OVERLAPS)
    place = resolve_path(root)
    classes = class_list(_existing(place))
    images, masks = folder_files(place)
    if not images:
        raise InputError(f"{place / 'images'} holds no pictures: put them there")
    how = _way(place, images) if split == "auto" else split
    samples = {
        name: file_sample(
            image,
            masks.get(name),
            classes,
            max_pixels,
            nearest_color=nearest_color,
            overlap=overlap,
        )
        for name, image in images.items()
    }
    if how == "folders":
        splits = _by_folder(place, images)
    elif how == "lists":
        splits = _by_lists(place, images)
    elif how == "draw":
        draw = Draw(val_share, test_share, seed, keep_together, bands)
        splits = draw_splits(samples, draw, str(place))
    else:
        raise InputError(f"config.data.kwargs.split is {split!r}: auto, folders, lists or draw")
    return dataset(
        name="folder",
        samples=samples,
        splits=splits,
        classes=classes,
        height=height,
        width=width,
        place=str(place),
        fit=fit,
        bands=bands,
    )


def _existing(place: Path) -> Path:
    if not place.is_dir():
        raise InputError(
            f"{place} is not a folder: see docs/tutorials/own_images.md for what goes where"
        )
    return place


def _way(place: Path, images: Mapping[str, Path]) -> str:
    if (place / "train.txt").exists():
        return "lists"
    heads = {name.split("/")[0] for name in images}
    told_apart = heads <= set(SPLITS) or heads & {"val", "test"}
    return "folders" if "train" in heads and told_apart else "draw"


def _by_folder(place: Path, images: Mapping[str, Path]) -> dict[str, list[str]]:
    names = {s: [n for n in sorted(images) if n.startswith(f"{s}/")] for s in SPLITS}
    lost = sorted(set(images) - {name for of_split in names.values() for name in of_split})
    if lost:
        raise InputError(
            f"{images[lost[0]]} is in no split: put it below train, val or test of "
            f"{place / 'images'}"
        )
    return names


def _by_lists(place: Path, images: Mapping[str, Path]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {s: [] for s in SPLITS}
    where: dict[str, str] = {}
    for split in SPLITS:
        path = place / f"{split}.txt"
        if not path.exists():
            continue
        for line in text_of(path).splitlines():
            name = line.strip()
            if not name:
                continue
            if name not in images and PurePosixPath(name).name:
                name = PurePosixPath(name).with_suffix("").as_posix()
            if name not in images:
                raise InputError(f"{path} names {line.strip()!r}, but {place / 'images'} has none")
            if name in where:
                raise InputError(f"{path} names {name!r}, which {where[name]} named already")
            where[name] = f"{split}.txt"
            names[split].append(name)
    return {split: sorted(of_split) for split, of_split in names.items()}
