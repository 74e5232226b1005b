"""Pascal VOC's folders: palette masks, and lists that say what is in which split.

    root/JPEGImages/NAME.jpg
    root/SegmentationClass/NAME.png            the mask of that image
    root/ImageSets/Segmentation/train.txt      names, one a line; val.txt and test.txt as well

Classes are VOC's own, unless `root` has a `classes.txt` or `classes.json`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from s4al_jax.data.classes import ClassList, class_list, has_class_list, text_of
from s4al_jax.data.file_samples import file_sample
from s4al_jax.data.picture_search import list_pictures
from s4al_jax.data.samples import SPLITS, Draw, dataset, draw_splits
from s4al_jax.files.bands import RGB, Bands
from s4al_jax.files.images import MAX_PIXELS, Color, check_name, id_codes, list_images
from s4al_jax.files.paths import resolve_path
from s4al_jax.types import VOID, DatasetSpec, InputError

CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair"),
    *("cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
"""Class names by id."""

LISTS = "ImageSets/Segmentation"


def voc(
    root: str,
    *,
    height: int,
    width: int,
    train: str = "train",
    val: str = "val",
    test: str = "test",
    masks: str = "SegmentationClass",
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int = 0,
    keep_together: bool = True,
    fit: str = "pad",
    nearest_color: bool = False,
    bands: Bands = RGB,
    max_pixels: int = MAX_PIXELS,
) -> DatasetSpec:
    """Pascal VOC's folders under `root` at `height` x `width`.

    Images of the train list without a mask are the pool. Images in no list are not read. Where
    neither a val nor a test list is given, both are drawn from what has a mask.

    Args:
      root: the folder that holds JPEGImages, such as VOCdevkit/VOC2012.
      height: of the working size.
      width: of it.
      train: the list in ImageSets/Segmentation of what is learned from, without .txt.
      val: the list of what is measured on in training; empty, or no such file: none.
      test: the list of what is measured on at last; empty, or no such file: none.
      masks: the folder of masks.
      val_share: of the images with masks, where it is drawn.
      test_share: of the images with masks, where it is drawn.
      seed: of that draw.
      keep_together: whether nearly the same images and frames of a video come into one split.
      fit: how pictures are brought to the working size, see `files.fit`.
      nearest_color: whether masks may have other colors than classes, see `nearest_colors`.
      bands: which are read and shown.
      max_pixels: a file with more is refused.
    """
    if not root:
        raise InputError("VOC's folder is not given: set config.data.root")
    place = resolve_path(root)
    for needed in ("JPEGImages", masks, LISTS):
        if not needed or not (place / needed).is_dir():
            raise InputError(
                f"{place / needed} is not a folder: config.data.root is the one that holds "
                f"JPEGImages, {masks or 'SegmentationClass'} and {LISTS}"
            )
    images = list_pictures(place / "JPEGImages").paths
    label_files = list_images(place / masks)
    named = {"train": train, "val": val, "test": test}
    splits = {split: _names(place, split, named[split], images) for split in SPLITS}
    _check_disjoint(splits, named, place)
    listed = sorted(name for names in splits.values() for name in names)
    classes = class_list(place) if has_class_list(place) else voc_classes()
    samples = {
        name: file_sample(
            images[name], label_files.get(name), classes, max_pixels, nearest_color=nearest_color
        )
        for name in listed
    }
    if not splits["val"] and not splits["test"]:
        draw = Draw(val_share, test_share, seed, keep_together, bands)
        splits = draw_splits(samples, draw, str(place))
    for split in ("val", "test"):
        for name in splits[split]:
            if samples[name].read_truth is None:
                raise _no_mask(name, split, place / LISTS / f"{named[split]}.txt", place / masks)
    return dataset(
        name="voc",
        samples=samples,
        splits=splits,
        classes=classes,
        height=height,
        width=width,
        place=str(place),
        fit=fit,
        bands=bands,
    )


def _no_mask(name: str, split: str, listed: Path, masks: Path) -> InputError:
    return InputError(
        f"{name} is in {listed} and has no mask in {masks}: add it, or leave the list out with "
        f"config.data.kwargs.{split}="
    )


def voc_classes() -> ClassList:
    """VOC's 21 classes and the colors of its palette; what is on outlines is void."""
    colors = color_map(len(CLASSES))
    meaning = {color: number for number, color in enumerate(colors)}
    return ClassList(
        CLASSES, colors, id_codes(len(CLASSES)), meaning | {color_map(256)[VOID]: VOID}
    )


def color_map(count: int) -> tuple[Color, ...]:
    """The first colors of VOC's palette: of each number its lowest bits, dealt out to red, green
    and blue in turns, from the highest bit of a color down."""

    def channel(number: int, first: int) -> int:
        return sum((number >> (3 * bit + first) & 1) << (7 - bit) for bit in range(8))

    return tuple((channel(n, 0), channel(n, 1), channel(n, 2)) for n in range(count))


def _names(place: Path, split: str, named: str, images: Mapping[str, Path]) -> list[str]:
    """The names in a list of images."""
    path = place / LISTS / f"{named}.txt"
    if not named or not path.exists():
        if split == "train" or named not in ("", split):
            raise InputError(
                f"{path} is missing: add it, or name another list with config.data.kwargs.{split}"
            )
        return []
    return sorted(_lines(path, images, place / "JPEGImages"))


def _lines(path: Path, images: Mapping[str, Path], place: Path) -> Iterator[str]:
    seen = set()
    for line in text_of(path).splitlines():
        name = line.strip()
        if not name:
            continue
        if name not in images:
            raise InputError(f"{path} names {name!r}, but {place} has no picture of that name")
        if name in seen:
            raise InputError(f"{path} names {name!r} twice: remove one of them")
        check_name(name, str(path))
        seen.add(name)
        yield name


def _check_disjoint(splits: Mapping[str, list[str]], named: Mapping[str, str], place: Path) -> None:
    where: dict[str, str] = {}
    for split in SPLITS:
        for name in splits[split]:
            if name in where:
                raise InputError(
                    f"{name} is in {where[name]}.txt and {named[split]}.txt of {place / LISTS}: "
                    f"what is measured on is never learned from; name another list with "
                    f"config.data.kwargs.{split}, or none"
                )
            where[name] = named[split]
