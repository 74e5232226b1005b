"""A dataset from samples: pictures by name, each with its truth where somebody has labeled it.

What a way in has to say is where pictures, truths and classes are, and which picture is in which
split; the rest is the same for all of them and is here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from s4al_jax.data.classes import ClassList
from s4al_jax.data.decode_cache import DecodeCache
from s4al_jax.data.group_draw import draw_groups
from s4al_jax.data.last_read import LastRead
from s4al_jax.data.related import related_files
from s4al_jax.files.bands import RGB, Bands, check_bands, read_bands, read_deep
from s4al_jax.files.fit import check_fit, content, cut_frame, mean_color
from s4al_jax.files.images import ImageFile, read_size
from s4al_jax.files.resize import resize_ids, resize_image
from s4al_jax.files.stamps import Stamp, joint_stamp, no_stamp, stamp
from s4al_jax.files.tile_grid import tile_boxes
from s4al_jax.types import VOID, Box, DatasetSpec, ImageSet, InputError

SPLITS = ("train", "val", "test")


class Sample(NamedTuple):
    """A picture, and what is known of it."""

    image: ImageFile
    """any size, any format that `files.bands` reads"""
    read_truth: Callable[[], np.ndarray] | None = None
    """-> uint8 of the picture's size, class ids and `VOID`; None: nobody has labeled it"""
    truth_stamp: Stamp = no_stamp
    """of all that the truth is made from"""
    tile: Box | None = None
    """the part of the picture that is meant; None: all of it"""


def dataset(
    name: str,
    samples: Mapping[str, Sample],
    splits: Mapping[str, Sequence[str]],
    classes: ClassList,
    *,
    height: int,
    width: int,
    place: str,
    fit: str = "pad",
    bands: Bands = RGB,
) -> DatasetSpec:
    """The samples at a working size.

    Args:
      name: of the dataset.
      samples: by name.
      splits: the names in train, val and test.
      classes: what the ids mean.
      height: of the working size.
      width: of it.
      place: where the samples are, for messages.
      fit: how pictures are brought to the working size, see `files.fit`.
      bands: which are read and shown.
    """
    check_fit(fit)
    check_bands(bands)
    if not splits["train"]:
        raise InputError(f"{place} leaves no image to learn from: check how it is split")
    for split in ("val", "test"):
        for sample in splits[split]:
            if samples[sample].read_truth is None:
                raise InputError(
                    f"{sample} of {place} is in {split} and has no mask: add one, or move the "
                    "image to train"
                )
    working, own = (height, width), ({n: samples[n] for n in splits[s]} for s in SPLITS)
    train, val, test = (image_set(of_split, working, place, fit, bands) for of_split in own)
    return DatasetSpec(
        name,
        classes.names,
        classes.palette,
        *working,
        *(train, val, test),
        fit=fit,
        channels=bands.channels,
        value_range=tuple(bands.value_range),
    )


def image_set(
    samples: Mapping[str, Sample],
    working: tuple[int, int],
    place: str,
    fit: str,
    bands: Bands = RGB,
    *,
    originals: bool = True,
) -> ImageSet:
    """A split of a dataset: samples at the working size, kept once they are decoded.

    Args:
      samples: by name, in their order; where they are fitted by tiles, all tiles of each follow one
        another.
      working: height and width.
      place: where the dataset is.
      fit: how pictures are brought to the working size.
      bands: which are read and shown.
      originals: whether people see and label pictures in their own pixels; else in those of the
        working size, which is for the fit "stretch".
    """
    assert originals or fit == "stretch", "padding and crops are made in a picture's own pixels"
    if fit == "tile":
        samples = tiles(samples, working)
    reader, every = _Reader(working, fit, place, bands), tuple(samples.values())
    split = ImageSet(
        tuple(samples),
        lambda index: reader.image(every[index]),
        lambda index: reader.truth(every[index]),
        has_truth=tuple(sample.read_truth is not None for sample in every),
        display=bands.display,
        read_deep=lambda index: read_deep(every[index].image, bands),
    )
    if not originals:
        return split
    return split._replace(
        read_original=lambda index: reader.framed_image(every[index])[0],
        read_original_truth=lambda index: reader.framed_truth(every[index])[0],
        shown=(lambda index: reader.size(every[index])) if fit in ("pad", "tile") else None,
    )


def tiles(samples: Mapping[str, Sample], working: tuple[int, int]) -> dict[str, Sample]:
    """The samples cut into tiles of the working size, see `files.tile_grid`.

    One that is not larger is a single tile. So is one whose size cannot be read: reading it says
    why.
    """

    def size(image: ImageFile) -> tuple[int, int]:
        try:
            return read_size(image)
        except InputError:
            return working

    return {
        str(tile): sample._replace(tile=box)
        for name, sample in samples.items()
        for tile, box in tile_boxes(name, size(sample.image), working)
    }


class Draw(NamedTuple):
    """How val and test are drawn."""

    val: float
    """the share of the samples with a truth that is drawn for it"""
    test: float
    seed: int
    keep_together: bool = True
    """whether nearly the same pictures, and the frames of a video, come into one split; all
    pictures are read for it, once"""
    bands: Bands = RGB
    """which are read of the pictures"""


def draw_splits(samples: Mapping[str, Sample], draw: Draw, place: str) -> dict[str, list[str]]:
    """Val and test drawn from the samples that have a truth; all others are the pool.

    Where related samples are kept together, those of which one has no truth are of the pool.
    """
    if min(draw.val, draw.test) < 0 or draw.val + draw.test >= 1 or draw.seed < 0:
        raise InputError(
            f"val_share {draw.val}, test_share {draw.test}, seed {draw.seed}: give shares from 0 "
            "that leave something to learn from, and a seed from 0"
        )
    labeled = sum(sample.read_truth is not None for sample in samples.values())
    related: list[list[str]] = []
    if draw.keep_together and round(draw.val * labeled) + round(draw.test * labeled):
        files = {name: sample.image for name, sample in samples.items()}
        related = related_files(files, place, draw.bands)
    return draw_related(samples, draw, related)


def draw_related(
    samples: Mapping[str, Sample], draw: Draw, related: Sequence[Sequence[str]]
) -> dict[str, list[str]]:
    """As `draw_splits`, of samples of which it is known which are `related`."""
    names = sorted(samples)
    labeled = [name for name in names if samples[name].read_truth]
    order = [labeled[i] for i in np.random.default_rng(draw.seed).permutation(len(labeled))]
    sizes = {"val": round(draw.val * len(order)), "test": round(draw.test * len(order))}
    drawn = draw_groups(order, related, sizes)
    taken = {*drawn["val"], *drawn["test"]}
    return {"train": [name for name in names if name not in taken], **drawn}


def pool_contents(images: ImageSet, working: tuple[int, int], fit: str) -> np.ndarray | None:
    """int64 `[images, 2]`: rows and columns of each that are no padding; None: none is padded."""
    if images.shown is None:
        return None
    found = [content(images.shown(index), working, fit) for index in range(len(images.names))]
    contents = np.array(found, np.int64)
    return None if np.all(contents == working) else contents


class _Reader:
    """Reads samples at the working size, and keeps what it has decoded."""

    def __init__(self, working: tuple[int, int], fit: str, place: str, bands: Bands) -> None:
        self._working, self._fit, self._bands = working, fit, bands
        size = f"{working[0]}x{working[1]}-{fit}"
        shape = (*working, bands.channels)
        self._images = DecodeCache(place, f"images-{size}{bands.key}", shape)
        self._truths = DecodeCache(place, f"truths-{size}", working)
        self._whole_images, self._whole_truths = LastRead(), LastRead()

    def image(self, sample: Sample) -> np.ndarray:
        """uint8 `[height, width, channels]`."""

        def decode() -> tuple[np.ndarray, tuple[int, int]]:
            framed, size = self.framed_image(sample)
            return resize_image(framed, *self._working), size

        return self._images.read(sample.image.name, _stamp(sample, sample.image.stamp), decode)

    def truth(self, sample: Sample) -> np.ndarray:
        """uint8 `[height, width]`."""

        def decode() -> tuple[np.ndarray, tuple[int, int]]:
            framed, size = self.framed_truth(sample)
            return resize_ids(framed, *self._working), size

        name, made_from = f"the mask of {sample.image.name}", _stamp(sample, sample.truth_stamp)
        return self._truths.read(name, made_from, decode)

    def size(self, sample: Sample) -> tuple[int, int]:
        """Height and width of a picture, or of a tile, without its padding."""
        if sample.tile is not None:
            return sample.tile.shape
        return self._images.size(sample.image.stamp()) or read_size(sample.image)

    def framed_image(self, sample: Sample) -> tuple[np.ndarray, tuple[int, int]]:
        """A picture in its own pixels, with its padding, and its size without."""
        picture = _cut(sample, lambda: read_bands(sample.image, self._bands), self._whole_images)
        fill = mean_color(self._bands.channels)
        framed = cut_frame(picture, self._working, self._fit, fill=fill)
        return framed, (picture.shape[0], picture.shape[1])

    def framed_truth(self, sample: Sample) -> tuple[np.ndarray, tuple[int, int]]:
        """A truth in its picture's pixels, with its padding, and its size without."""
        assert sample.read_truth is not None, "only of what is labeled"
        truth = _cut(sample, sample.read_truth, self._whole_truths)
        framed = cut_frame(truth, self._working, self._fit, fill=VOID)
        return framed, (truth.shape[0], truth.shape[1])


def _cut(sample: Sample, read: Callable[[], np.ndarray], kept: LastRead) -> np.ndarray:
    """What a sample shows of what is read; for a tile the whole picture is read and kept."""
    if sample.tile is None:
        return read()
    return kept.read(sample.image.name, read)[sample.tile.slices]


def _stamp(sample: Sample, of_whole: Stamp) -> bytes | None:
    return of_whole() if sample.tile is None else joint_stamp(of_whole(), stamp(sample.tile))
