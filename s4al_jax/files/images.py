"""Picture files: decoded upright as 8-bit RGB or as class ids, and brought to a working size.

Whatever Pillow reads is understood or refused by name: nothing is guessed. A file is a path, or
anything open for reading in binary, as from inside an archive.
"""

import functools
import unicodedata
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from s4al_jax.files.paths import list_tree, open_binary
from s4al_jax.files.stamps import Stamp, file_stamp, no_stamp
from s4al_jax.files.stray_values import StrayValues, UnlistedValues
from s4al_jax.files.tiff_header import find_tiff_header
from s4al_jax.types import VOID, InputError

Color = tuple[int, int, int]

MAX_PIXELS = 100_000_000

_LOSSY = ("AVIF", "JPEG", "JPEG2000", "MPO", "WEBP")
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B")
_PROGRAMS = ("EPS",)
"""Kinds of files that are programs: Pillow would start another one that runs them."""

# What Pillow only warns of is refused here, or does not change a pixel.
warnings.filterwarnings("ignore", module=r"PIL\.")


class WrongSize(InputError):
    """A label map has another size than its image."""

    def __init__(self, message: str, size: tuple[int, int]) -> None:
        super().__init__(message)
        self.size = size
        """(height, width) of the label map"""


class ImageFile(NamedTuple):
    """A picture that can be opened again and again, and what to call it in a message."""

    name: str
    open: Callable[[], AbstractContextManager[BinaryIO]]
    max_pixels: int = MAX_PIXELS
    """a picture with more is refused before it is decoded"""
    stamp: Stamp = no_stamp
    """of the file"""
    limit_option: str = "config.data.max_pixels"
    """what raises `max_pixels`, for the message"""


def image_file(path: Path, max_pixels: int = MAX_PIXELS) -> ImageFile:
    """The picture in a file."""

    def content() -> BinaryIO:
        # Opening a pipe would wait for somebody to write into it.
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is no file: remove it, or put the picture there")
        return open_binary(path)

    return ImageFile(str(path), content, max_pixels, functools.partial(file_stamp, path))


def is_one_line(name: str) -> bool:
    """Whether a name is text that stands in one line."""
    return not any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in name)


def check_name(name: str, where: str) -> None:
    """Refuse a picture's name that no list of names could hold, or that leads out of a folder."""
    way = PurePosixPath(name)
    if not is_one_line(name):
        raise InputError(
            f"{ascii(where)} has a sign in its name that is no text, such as a line break: "
            "rename it"
        )
    if not name or way.is_absolute() or ".." in way.parts:
        raise InputError(f"{ascii(where)} has a name that leads out of its folder: rename it")


def image_suffixes() -> frozenset[str]:
    """The endings, in small letters and with their dot, of files that Pillow has a reader for."""
    known = Image.registered_extensions()
    return frozenset(ending for ending, kind in known.items() if kind in _formats())


@functools.cache
def _formats() -> tuple[str, ...]:
    """The kinds of files that are read."""
    Image.init()
    return tuple(kind for kind in Image.ID if kind not in _PROGRAMS)


def list_images(place: Path) -> dict[str, Path]:
    """The pictures in a folder and its sub-folders by their relative path without its ending.

    Whatever is called `.something` is not looked at.
    """
    found: dict[str, Path] = {}
    for path in list_tree(place) if place.is_dir() else []:
        below = path.relative_to(place)
        is_hidden = any(part.startswith(".") for part in below.parts)
        if path.suffix.lower() in image_suffixes() and not is_hidden:
            check_name(below.as_posix(), str(path))
            _add(found, below.with_suffix("").as_posix(), path)
    return found


def images_by_name(places: Sequence[Path]) -> dict[str, Path]:
    """Pictures that are given as files, or as folders that hold them, by a name for each."""
    found: dict[str, Path] = {}
    for place in places:
        if not place.exists():
            raise InputError(f"{place}: no such file or folder")
        inside = list_images(place) if place.is_dir() else {place.stem: place}
        if not inside:
            raise InputError(f"{place} holds no pictures that Pillow reads")
        for name, path in inside.items():
            _add(found, name, path)
    return found


def _add(found: dict[str, Path], name: str, path: Path) -> None:
    if found.get(name, path) != path:
        raise InputError(f"{found[name]} and {path} share one name: remove one of them")
    found[name] = path


def read_stored_size(file: ImageFile) -> tuple[int, int]:
    """(height, width) of the numbers in a file, from its header."""
    width, height = _open_image(file, pixels=False).size
    return height, width


def read_gray(file: ImageFile, height: int, width: int) -> np.ndarray:
    """uint8 `[height or more, width or more]`, if it is that large: a picture in gray.

    A JPEG is decoded at a part of its size, which is several times as fast. The picture is not
    turned upright.
    """
    picture = _open_image(file, draft=(width, height))
    if picture.mode in _SIXTEEN_BITS:
        return (np.asarray(picture) >> 8).astype(np.uint8)
    return np.array(picture.convert("L"))


def read_size(file: ImageFile) -> tuple[int, int]:
    """(height, width) of the upright picture, from the file's header."""
    try:
        picture = _open_image(file, pixels=False)
        (width, height), turn = picture.size, picture.getexif().get(_ORIENTATION, 1)
    except InputError:
        # A TIFF of six bands, or with a page for each, has a size though Pillow does not read it.
        found = find_tiff_header(file.open)
        if found is None or found.height * found.width > file.max_pixels:
            raise
        height, width, turn = found.height, found.width, found.orientation
    return (width, height) if turn in _ON_ITS_SIDE else (height, width)


_ORIENTATION = 0x0112
_ON_ITS_SIDE = (5, 6, 7, 8)


def read_rgb(file: ImageFile) -> np.ndarray:
    """uint8 `[height, width, 3]`, turned upright as its EXIF data say.

    Gray, palette and 16-bit pictures become 8-bit RGB, the latter by their upper eight bits. A
    picture of several frames, with transparent pixels, or in 32-bit numbers is refused.
    """
    picture = open_upright(file)
    if picture.mode in _SIXTEEN_BITS:
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    return np.array(picture.convert("RGB"))


def open_upright(file: ImageFile) -> Image.Image:
    """The picture of a file, turned as its EXIF data say; refused where `read_rgb` refuses it."""
    picture = ImageOps.exif_transpose(_open_image(file))
    if picture.mode in ("I", "F"):
        raise InputError(
            f"{file.name} has 32-bit numbers (mode {picture.mode}) whose range is not known: "
            "save it with 8 or 16 bits"
        )
    if picture.has_transparency_data:
        opacity = picture.convert("RGBA").getchannel("A")
        if np.asarray(opacity).min() < 255:
            raise transparent(file)
    return picture


def transparent(file: ImageFile) -> InputError:
    """What is said of a picture through which something else would be seen."""
    return InputError(f"{file.name} has transparent pixels: flatten it onto a background")


def lossy_kind(file: ImageFile) -> str | None:
    """What kind of file it is, if that does not keep the numbers of pixels; else None."""
    kind = _open_image(file, pixels=False).format
    return kind if kind in _LOSSY else None


def read_exact_rgb(file: ImageFile) -> np.ndarray:
    """As `read_rgb`, of a file that keeps the colors of its pixels."""
    _check_exact(file, _open_image(file, pixels=False))
    return read_rgb(file)


def read_ids(file: ImageFile) -> np.ndarray:
    """uint8 `[height, width]`: the numbers of a picture with one 8-bit channel."""
    return np.array(_open_channel(file, ("L", "P"), "8-bit channel (mode L or P)"))


def read_numbers(file: ImageFile) -> tuple[np.ndarray, np.ndarray | None]:
    """The numbers of a picture with one channel of any depth, and its palette.

    They are uint8 or uint16 `[height, width]`, those of one bit 0 and 1; see `read_palette`.
    """
    modes = ("1", "L", "P", *_SIXTEEN_BITS)
    picture = _open_channel(file, modes, "channel of 8 or 16 bits (mode L, P or I;16)")
    kind = np.uint16 if picture.mode in _SIXTEEN_BITS else np.uint8
    return np.array(picture).astype(kind), _palette(picture)


def _open_channel(file: ImageFile, modes: Sequence[str], wanted: str) -> Image.Image:
    """The picture of a file that keeps numbers, of one of these modes."""
    picture = _open_image(file)
    _check_exact(file, picture)
    if picture.mode not in modes:
        raise InputError(
            f"{file.name} is of mode {picture.mode}, not a map of class ids: save it with one "
            f"{wanted}"
        )
    return picture


def read_palette(file: ImageFile) -> np.ndarray | None:
    """uint8 `[colors, 3]`: how a picture with one channel shows its numbers, if it says so."""
    return _palette(_open_image(file))


def _palette(picture: Image.Image) -> np.ndarray | None:
    palette = picture.getpalette("RGB")
    return None if palette is None else np.array(palette, np.uint8).reshape(-1, 3)


def has_colors(file: ImageFile) -> bool:
    """Whether a picture has more than one channel: a mask that needs colors to be read."""
    return _open_image(file, pixels=False).mode in ("RGB", "RGBA", "CMYK", "YCbCr")


def read_color_ids(file: ImageFile, codes: Mapping[Color, int]) -> np.ndarray:
    """uint8 `[height, width]`: what the color of each pixel stands for."""
    picture = read_exact_rgb(file).astype(np.int64)
    number = (picture[..., 0] << 16) | (picture[..., 1] << 8) | picture[..., 2]
    known = {(r << 16) | (g << 8) | b: code for (r, g, b), code in codes.items()}
    found, where, counts = np.unique(number, return_inverse=True, return_counts=True)
    strays = {
        (value >> 16, value >> 8 & 255, value & 255): count
        for value, count in zip(found.tolist(), counts.tolist(), strict=True)
        if value not in known
    }
    if strays:
        said = f"{file.name} holds the color {next(iter(strays))}: no class has it"
        raise UnlistedValues(said, file.name, strays, number.size, codes)
    meaning = np.array([known[int(value)] for value in found], np.uint8)
    return meaning[where].reshape(number.shape)


def recode_ids(
    labels: np.ndarray,
    codes: np.ndarray,
    name: str,
    hint: str,
    *,
    error: type[StrayValues] = StrayValues,
) -> np.ndarray:
    """`codes[labels]`, where `codes` says of each number its id, `VOID`, or -1: it is no id.

    So is a number that `codes` does not have. What is no id raises an `error`, whose message ends
    with the `hint`.
    """
    table = np.full(np.iinfo(labels.dtype).max + 1, -1, np.int16)
    table[: len(codes)] = codes[: len(table)]
    meant = table[labels]
    wrong = labels[meant < 0]
    if wrong.size:
        found, counts = np.unique(wrong, return_counts=True)
        strays = dict(zip(found.tolist(), counts.tolist(), strict=True))
        known = {number: code for number, code in enumerate(codes.tolist()) if code >= 0}
        said = f"{name} holds the id {found[0]}: {hint}"
        raise error(said, name, strays, labels.size, known)
    return meant.astype(np.uint8)


def id_codes(num_classes: int, void: tuple[int, ...] = (VOID,)) -> np.ndarray:
    """int16 `[256]` for `recode_ids`: the classes stand for themselves, the others are no ids."""
    codes = np.full(256, -1, np.int16)
    codes[:num_classes] = np.arange(num_classes)
    codes[list(void)] = VOID
    return codes


def check_same_size(label: np.ndarray, label_file: ImageFile, image_file: ImageFile) -> None:
    """Refuse a label map of another size than its upright image."""
    size = read_size(image_file)
    if label.shape != size:
        raise WrongSize(
            f"{label_file.name} has {label.shape[0]} x {label.shape[1]} pixels, its image "
            f"{image_file.name} has {size[0]} x {size[1]}: give both the same size",
            (label.shape[0], label.shape[1]),
        )


def too_large(file: ImageFile) -> InputError:
    """What to say of a picture with too many pixels."""
    return InputError(
        f"{file.name} has more than {file.max_pixels} pixels: make it smaller, or raise "
        f"{file.limit_option}"
    )


def unreadable(file: ImageFile, error: Exception) -> InputError:
    """What to say of a file at which a reader failed."""
    reason = " ".join(str(getattr(error, "strerror", None) or error).split())
    return InputError(f"{file.name} cannot be read ({reason}): replace the file")


def _check_exact(file: ImageFile, picture: Image.Image) -> None:
    """Refuse numbers that mean something in a format that does not keep them."""
    if picture.format in _LOSSY:
        raise InputError(
            f"{file.name} is a {picture.format} file, which does not keep the numbers of its "
            "pixels: save it as PNG"
        )


def _open_image(
    file: ImageFile, *, pixels: bool = True, draft: tuple[int, int] | None = None
) -> Image.Image:
    """The picture of a file; without `pixels` only its header is sure to be read.

    `draft` is a width and height: a JPEG may be decoded in gray and smaller, but not below them.
    """
    # Pillow's own limit holds for what is packed inside of a picture, too; it must not come first.
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, file.max_pixels)
    try:
        with file.open() as stream, Image.open(stream, formats=_formats()) as picture:
            if picture.width * picture.height > file.max_pixels:
                raise Image.DecompressionBombError
            frames = getattr(picture, "n_frames", 1)
            if draft is not None:
                picture.draft("L", draft)
            if pixels:
                picture.load()
            else:
                picture.getexif()
    except UnidentifiedImageError as error:
        raise InputError(
            f"{file.name} cannot be read (no kind of picture that is read here): replace the file"
        ) from error
    except Image.DecompressionBombError as error:
        raise too_large(file) from error
    except InputError:
        raise
    # Pillow's readers raise OSError, SyntaxError, struct.error and more on a damaged file.
    except Exception as error:
        raise unreadable(file, error) from error
    if frames != 1:
        raise InputError(f"{file.name} holds {frames} pictures: save the one that is meant")
    return picture
