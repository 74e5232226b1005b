"""Pictures of any number of bands, of 8 or 16 bits, as the 8-bit numbers that a network sees.

A picture of one or of three bands is read from any format that Pillow knows; other numbers of
bands come from TIFF, striped or tiled, interleaved or one plane after the other. A TIFF holds its
bands in one page, or one in each of several pages of one size; smaller copies of a page, as in
pyramids, are passed over. Numbers of 8 bits stay as they are. Those of 16 bits are brought to 8: by
a value range, whose ends become 0 and 255, or by their upper eight bits where none is given.
Everything else is refused by name.
"""

import importlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from s4al_jax.files.images import (
    ImageFile,
    open_upright,
    read_rgb,
    read_size,
    too_large,
    transparent,
    unreadable,
)
from s4al_jax.files.tiff_header import TiffHeader, find_tiff_header, read_tiff_header
from s4al_jax.types import InputError

MOST_BANDS = 16
TOP = 2**16 - 1
"""The largest number of 16 bits."""

_GRAY, _RGB = 1, 2
"""TIFF's photometric interpretations in which numbers are brightness, "black is zero" and RGB; in
others they stand for it in ways that Pillow knows."""
_TRANSPARENCY = (1, 2)
"""What TIFF calls extra samples that say how much of a pixel is seen."""
_PLANES = 2
"""TIFF's planar configuration in which one band comes after the other."""
ORIENTATION = 274
"""EXIF's and TIFF's tag of how a picture is turned."""
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_DEEP_COLORS = (2, 4, 6)
"""Color types of PNG of which Pillow gives upper eight bits alone: RGB, and what has opacity."""


class WrongBandCount(InputError):
    """A picture has another number of bands than are wanted."""

    def __init__(self, file: ImageFile, found: int, wanted: int) -> None:
        change = f"set it to {found}" if found <= MOST_BANDS else "choose some of them"
        super().__init__(
            f"{file.name} has {count_bands(found)}, and config.data.kwargs.channels is {wanted}: "
            f"{change}, or save files of {wanted}"
        )
        self.found = found


def count_bands(count: int) -> str:
    """A number of bands in words."""
    return "1 band" if count == 1 else f"{count} bands"


class Bands(NamedTuple):
    """Which bands of pictures are learned from, and which are shown: options of a dataset."""

    channels: int = 3
    """bands of each picture, 1 to 16, see `files.bands`"""
    value_range: tuple[int, ...] = ()
    """of 16-bit numbers, the lowest and the highest: they become 0 and 255; empty: upper 8 bits"""
    display_bands: tuple[int, ...] = ()
    """three, from 0, that people see as red, green and blue; empty: 0, 1, 2 of three or more,
    0, 1, 1 of two, gray of one"""

    @property
    def display(self) -> tuple[int, ...]:
        """The bands that people see as red, green and blue."""
        first = (0, min(1, self.channels - 1), min(2, self.channels - 1))
        return tuple(self.display_bands) or first

    @property
    def is_plain_rgb(self) -> bool:
        """Whether pictures are read as `files.images.read_rgb` reads them."""
        return self.channels == 3 and not self.value_range

    @property
    def key(self) -> str:
        """What stands in the name of a store for all that decides the numbers; empty: plain RGB."""
        if self.is_plain_rgb:
            return ""
        return "-".join(["", f"{self.channels}bands", *map(str, self.value_range)])


RGB = Bands()
"""What pictures are, unless somebody says otherwise."""


def check_bands(bands: Bands) -> None:
    """Refuse options that make no sense."""
    where = "config.data.kwargs"
    if not 1 <= bands.channels <= MOST_BANDS:
        raise InputError(f"{where}.channels is {bands.channels}: give 1 to {MOST_BANDS}")
    ends, shown = tuple(bands.value_range), tuple(bands.display_bands)
    are_numbers = all(type(number) is int for number in (*ends, *shown))
    if ends and not (are_numbers and len(ends) == 2 and 0 <= ends[0] < ends[1] <= TOP):
        raise InputError(
            f"{where}.value_range is {ends}: give the lowest and the highest number, whole and "
            f"from 0 to {TOP}"
        )
    if shown and not (are_numbers and len(shown) == 3 and set(shown) <= set(range(bands.channels))):
        raise InputError(
            f"{where}.display_bands is {shown}: give three bands, from 0 to {bands.channels - 1}"
        )


def per_band(rgb: Sequence[float], channels: int) -> tuple[float, ...]:
    """A number for each band, from those of red, green and blue.

    The first three bands have these, and every other one their mean; so have one or two bands.
    """
    first = tuple(rgb) if channels >= 3 else ()
    return first + (sum(rgb) / 3,) * (channels - len(first))


def read_bands(file: ImageFile, bands: Bands) -> np.ndarray:
    """uint8 `[height, width, bands.channels]`, upright."""
    if bands.is_plain_rgb:
        return _read_rgb(file)
    return to_bytes(_read_numbers(file, bands.channels), bands.value_range)


def _read_rgb(file: ImageFile) -> np.ndarray:
    """As `read_rgb`; of a TIFF that it does not know, it is said how many bands there are."""
    try:
        return read_rgb(file)
    except InputError as error:
        tiff = find_tiff_header(file.open)
        if tiff is None or tiff.samples in (1, 3, 4):
            raise
        raise WrongBandCount(file, tiff.samples, 3) from error


def read_deep(file: ImageFile, bands: Bands) -> np.ndarray | None:
    """uint16 `[height, width, bands.channels]`: 16-bit numbers as they are; None: there are 8.

    Only PNG and TIFF are looked into.
    """
    head, tiff = _read_head(file)
    is_deep = tiff.bits > 8 if tiff else head[:8] == _PNG and head[24:25] == b"\x10"
    numbers = _read_numbers(file, bands.channels) if is_deep else None
    return numbers if numbers is not None and numbers.dtype == np.uint16 else None


def to_bytes(numbers: np.ndarray, value_range: Sequence[int] = ()) -> np.ndarray:
    """uint8 of the same shape: numbers of 8 bits as they are, those of 16 brought to 8.

    Args:
      numbers: uint8 or uint16.
      value_range: what becomes 0 and 255; between them to the nearest number, halves up, and what
        lies outside as the end that it is nearer to. Empty: the upper eight bits count.
    """
    if numbers.dtype == np.uint8:
        return numbers
    if not value_range:
        return (numbers >> 8).astype(np.uint8)
    low, high = value_range
    steps, span = np.clip(np.arange(TOP + 1), low, high) - low, high - low
    return ((2 * 255 * steps + span) // (2 * span)).astype(np.uint8)[numbers]


def _read_numbers(file: ImageFile, channels: int) -> np.ndarray:
    """uint8 or uint16 `[height, width, channels]`."""
    head, tiff = _read_head(file)
    if tiff is not None and _needs_tifffile(tiff, channels):
        numbers = _read_tiff(file, channels)
    elif head[:8] == _PNG and head[24:25] == b"\x10" and head[25] in _PNG_DEEP_COLORS:
        numbers = _read_deep_png(file)
    else:
        numbers = _read_with_pillow(file)
    if numbers.shape[-1] == 1 and channels == 3:
        numbers = np.repeat(numbers, 3, axis=-1)  # gray
    if numbers.shape[-1] != channels:
        raise WrongBandCount(file, numbers.shape[-1], channels)
    return numbers


def _read_head(file: ImageFile) -> tuple[bytes, TiffHeader | None]:
    """The first bytes of a file, and the header of a TIFF, if it is one."""
    try:
        with file.open() as stream:
            head = stream.read(32)
            stream.seek(0)
            return head, read_tiff_header(stream)
    except InputError:
        raise
    except Exception as error:  # of whatever the file lies in
        raise unreadable(file, error) from error


def _needs_tifffile(tiff: TiffHeader, channels: int) -> bool:
    """Whether Pillow would not read the file, or not all of its numbers."""
    if (tiff.photometric, tiff.samples) in ((_GRAY, 1), (_RGB, 3)) and channels in (1, 3):
        return tiff.bits > 8
    return tiff.photometric in (_GRAY, _RGB)


def _read_with_pillow(file: ImageFile) -> np.ndarray:
    """uint8 or uint16 `[height, width, 1]` of a gray picture, uint8 `[height, width, 3]` of RGB."""
    picture = open_upright(file)
    if picture.mode.startswith("I;16"):
        return np.asarray(picture).astype(np.uint16)[..., None]
    if picture.mode in ("1", "L", "LA"):
        return np.array(picture.convert("L"))[..., None]
    return np.array(picture.convert("RGB"))


def _read_deep_png(file: ImageFile) -> np.ndarray:
    """uint16 `[height, width, 1 or 3]`, upright: the numbers of a PNG of 16 bits."""
    read_size(file)  # refuses what is too large, or no picture
    codecs = _package("imagecodecs")
    try:
        with file.open() as stream:
            numbers = np.asarray(codecs.png_decode(stream.read()))
        with file.open() as stream, Image.open(stream, formats=("PNG",)) as picture:
            turn = picture.getexif().get(ORIENTATION, 1)
    except Exception as error:  # of the codec, or of whatever the file lies in
        raise unreadable(file, error) from error
    numbers = numbers.reshape(*numbers.shape[:2], -1)
    if numbers.shape[-1] in (2, 4):
        numbers = _without_opacity(file, numbers, [numbers.shape[-1] - 1])
    return turn_upright(numbers, turn)


def _read_tiff(file: ImageFile, channels: int) -> np.ndarray:
    """uint8 or uint16 `[height, width, bands]`, upright."""
    tifffile = _package("tifffile")
    try:
        with file.open() as stream, tifffile.TiffFile(stream) as tiff:
            turn = int(tiff.pages.first.tags.valueof(ORIENTATION, 1))
            return turn_upright(_read_pages(file, tiff.pages, channels), turn)
    except InputError:
        raise
    except Exception as error:  # tifffile and its codecs raise errors of many kinds
        raise unreadable(file, error) from error


def _read_pages(file: ImageFile, pages: Any, channels: int) -> np.ndarray:
    """`[height, width, bands]` of the one page of a TIFF, or of one band in each of several."""
    own = [page for page in pages if not page.is_reduced]
    masks, whole = ([page for page in own if bool(page.is_mask) == kind] for kind in (True, False))
    first = whole[0]
    alike = all(
        page.samplesperpixel == 1 and (page.shape, page.dtype) == (first.shape, first.dtype)
        for page in whole
    )
    if len(whole) > 1 and not alike:
        raise InputError(
            f"{file.name} holds {len(whole)} pages that are not one band each, of one size and "
            "kind: save the picture that is meant"
        )
    _check_kind(file, first)
    extra = [int(kind) for kind in first.extrasamples]
    start = first.samplesperpixel - len(extra)
    opacity = [start + place for place, kind in enumerate(extra) if kind in _TRANSPARENCY]
    found = first.samplesperpixel if len(whole) == 1 else len(whole)
    if opacity and found == channels:
        raise InputError(
            f"{file.name} calls its band {opacity[0]} transparency (ExtraSamples "
            f"{extra[opacity[0] - start]}), which is no band to learn from: save it without, or "
            "with ExtraSamples 0 if it is one"
        )
    if found - len(opacity) != channels and not (found - len(opacity) == 1 and channels == 3):
        raise WrongBandCount(file, found - len(opacity), channels)
    if any(not page.asarray().all() for page in masks):
        raise transparent(file)
    numbers = _stack(whole)
    return _without_opacity(file, numbers, opacity) if opacity else numbers


def _check_kind(file: ImageFile, page: Any) -> None:
    """Refuse numbers that are no uint8 or uint16, or too many of them, before they are read."""
    if page.dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"{file.name} holds {page.dtype} numbers, whose range is not known: save it as uint8 "
            "or uint16"
        )
    if page.imagedepth != 1:
        raise InputError(
            f"{file.name} holds {page.imagedepth} layers of depth: save the one that is meant"
        )
    if page.imagelength * page.imagewidth > file.max_pixels:
        raise too_large(file)


def _stack(pages: Sequence[Any]) -> np.ndarray:
    """`[height, width, bands]`, however the bands lie in the pages."""
    first = pages[0]
    if len(pages) > 1:
        return np.stack([page.asarray() for page in pages], axis=-1)
    numbers = np.asarray(first.asarray())
    if first.samplesperpixel > 1 and first.planarconfig == _PLANES:
        return np.moveaxis(numbers, 0, -1)
    return numbers.reshape(first.imagelength, first.imagewidth, first.samplesperpixel)


def _without_opacity(file: ImageFile, numbers: np.ndarray, opacity: Sequence[int]) -> np.ndarray:
    """The bands that are no opacity, of a picture that is opaque everywhere."""
    if numbers[..., opacity].min() < np.iinfo(numbers.dtype).max:
        raise transparent(file)
    return np.delete(numbers, opacity, axis=-1)


def turn_upright(numbers: np.ndarray, turn: int) -> np.ndarray:
    """`[height, width, ...]` turned and mirrored as EXIF's orientation says, 1 to 8."""
    if turn in (5, 6, 7, 8):
        numbers = numbers.swapaxes(0, 1)
    down, across = turn in (3, 4, 7, 8), turn in (2, 3, 6, 7)
    return np.ascontiguousarray(numbers[:: -1 if down else 1, :: -1 if across else 1])


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            "pictures of other than one or three bands, or of more than 8 bits, need tifffile and "
            "imagecodecs: pip install 's4al_jax[tiff]'"
        ) from error
