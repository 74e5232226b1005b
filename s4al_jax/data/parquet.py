"""Parquet files of Hugging Face `datasets`: what lies in a folder, or a snapshot of the hub.

    root/data/train-00000-of-00002.parquet      one row an image; `validation-...`, `test-...`
    root/classes.txt                            or classes.json

The column of images and that of masks hold encoded pictures: `struct<bytes, path>`, as
`datasets.Image` writes it, or the bytes alone. A row without a mask is an unlabeled image. The
split of a file is the first word of its name, or the folder it lies in. Nothing but the row groups
that are being read is in memory.
"""

import io
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from s4al_jax.data.classes import ClassList, class_list
from s4al_jax.data.masks import read_mask
from s4al_jax.data.samples import SPLITS, Draw, Sample, dataset, draw_splits
from s4al_jax.files.bands import RGB, Bands
from s4al_jax.files.images import MAX_PIXELS, ImageFile, check_name, image_file
from s4al_jax.files.paths import is_local, list_tree, resolve_path
from s4al_jax.files.stamps import Stamp, file_stamp, joint_stamp, no_stamp, stamp
from s4al_jax.runtime.extras import require
from s4al_jax.types import DatasetSpec, InputError

MASKS = ("label", "mask", "annotation")
"""What the column of masks is called, if nobody says so."""

WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
"""First word of a file's name, or its folder -> the split."""

KEPT_GROUPS = 4
"""Row groups of one column that are kept: several threads read, and each of them in order."""


class Place(NamedTuple):
    """Where the picture of a row lies."""

    file: Path
    group: int
    """number of the row group"""
    row: int
    """within the group"""

    def __str__(self) -> str:
        return f"{self.file}, row {self.row} of row group {self.group}"


class Columns(NamedTuple):
    """What the columns are called."""

    image: str
    mask: str


class Row(NamedTuple):
    """A row, as far as the file's footer tells."""

    place: Place
    columns: Columns
    has_mask: bool
    stamps: Mapping[str, Stamp]
    """column -> that of its picture; None says it, where the picture may lie in another file"""


def parquet(
    root: str,
    *,
    height: int,
    width: int,
    image: str = "image",
    mask: str = "",
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int = 0,
    keep_together: bool = True,
    fit: str = "pad",
    bands: Bands = RGB,
    max_pixels: int = MAX_PIXELS,
) -> DatasetSpec:
    """Parquet files with pictures in their columns, at `height` x `width`; needs pyarrow.

    Images are called by their split and their place in it. Where no file is of val or test, both
    are drawn.

    Args:
      root: the folder of the Parquet files, which may lie in sub-folders, and of the class list.
      height: of the working size.
      width: of it.
      image: the column of images.
      mask: the column of masks; empty: `label`, `mask` or `annotation`, whichever there is.
      val_share: of the images with masks, where it is drawn.
      test_share: of the images with masks, where it is drawn.
      seed: of that draw.
      keep_together: whether nearly the same images, and the frames of a video, come into one split
        of those that are drawn.
      fit: how pictures are brought to the working size, see `files.fit`.
      bands: which are read and shown.
      max_pixels: a picture with more is refused.
    """
    require("pyarrow", extra="parquet", what="config.data.name=parquet")
    if not root:
        raise InputError("the folder is not given: set config.data.root")
    place = resolve_path(root)
    if not is_local(place):
        raise InputError(f"{root}: Parquet files are read from a disk alone: copy them there")
    by_split = _files(place)
    classes = class_list(place)
    samples: dict[str, Sample] = {}
    splits: dict[str, list[str]] = {split: [] for split in SPLITS}
    reader = _Reader()
    for split, paths in by_split.items():
        rows = (row for path in paths for row in _rows(reader, path, image, mask))
        for number, row in enumerate(rows):
            name = f"{split}/{number:06d}"
            samples[name] = _sample(reader, row, classes, max_pixels)
            splits[split].append(name)
    if not by_split["val"] and not by_split["test"]:
        draw = Draw(val_share, test_share, seed, keep_together, bands)
        splits = draw_splits(samples, draw, str(place))
    return dataset(
        name="parquet",
        samples=samples,
        splits=splits,
        classes=classes,
        height=height,
        width=width,
        place=str(place),
        fit=fit,
        bands=bands,
    )


def _files(place: Path) -> dict[str, list[Path]]:
    """The files of each split, in the order of their paths; train's where none says its split."""
    if not place.is_dir():
        raise InputError(f"{place} is not a folder: config.data.root holds the Parquet files")
    tree = list_tree(place)
    paths = [path for path in tree if path.suffix == ".parquet"]
    if not paths:
        if any(path.suffix == ".arrow" for path in tree):
            raise InputError(
                f"{place} holds Arrow files, as save_to_disk writes them: write Parquet files with "
                "dataset.to_parquet(...)"
            )
        raise InputError(f"{place} holds no Parquet files (.parquet): put them there")
    found: dict[str, list[Path]] = {split: [] for split in SPLITS}
    named = {path: _split_of(path, place) for path in paths}
    for path, split in named.items():
        if not split and any(named.values()):
            raise InputError(
                f"{path} does not say its split while other files do: begin its name with train-, "
                "validation- or test-"
            )
        found[split or "train"].append(path)
    return found


def _split_of(path: Path, place: Path) -> str:
    first = re.split(r"[-._]", path.name)[0]
    for word in (first, *reversed(path.relative_to(place).parts[:-1])):
        if word in WORDS:
            return WORDS[word]
    return ""


def _rows(reader: "_Reader", path: Path, image: str, mask: str) -> Iterator[Row]:
    """The rows of a file."""
    with reader.open(path) as file:
        schema, footer = file.schema_arrow, file.metadata
    columns = _columns(path, schema, image, mask)
    for group in range(footer.num_row_groups):
        about = footer.row_group(group)
        labeled = _labeled(reader, about, path, group, columns.mask)
        embedded = {
            columns.image: _count_embedded(about, columns.image) == about.num_rows,
            columns.mask: _count_embedded(about, columns.mask) == sum(labeled),
        }
        for row, has_mask in enumerate(labeled):
            place = Place(path, group, row)
            stamps = {name: _stamp(place, name) if embedded[name] else no_stamp for name in columns}
            yield Row(place, columns, has_mask, stamps)


def _stamp(place: Place, column: str) -> Stamp:
    return lambda: joint_stamp(file_stamp(place.file), stamp(place.group, place.row, column))


def _count_embedded(about: Any, column: str) -> int | None:
    """How many pictures of a column lie in the file itself; None if the footer does not tell."""
    leaves = [about.column(number) for number in range(about.num_columns)]
    for leaf in leaves:
        if leaf.path_in_schema in (column, f"{column}.bytes"):
            known = leaf.statistics
            if known is not None and known.has_null_count:
                return int(about.num_rows - known.null_count)
    return None


def _columns(path: Path, schema: Any, image: str, mask: str) -> Columns:
    there = [name for name in MASKS if name in schema.names]
    if not mask and len(there) > 1:
        raise InputError(
            f"{path} has the columns {' and '.join(there)}: say which holds the masks with "
            "config.data.kwargs.mask"
        )
    columns = Columns(image, mask or next(iter(there), MASKS[0]))
    for option, name in columns._asdict().items():
        if name not in schema.names:
            raise InputError(
                f"{path} has no column {name!r}, there are {', '.join(schema.names)}: set "
                f"config.data.kwargs.{option}"
            )
        if not _holds_pictures(schema.field(name).type):
            raise InputError(
                f"{path}: the column {name!r} holds {schema.field(name).type}, no encoded "
                f"pictures: set config.data.kwargs.{option}, or write it as datasets.Image"
            )
    return columns


def _holds_pictures(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        names = [kind.field(number).name for number in range(kind.num_fields)]
        return "bytes" in names and _holds_pictures(kind.field(names.index("bytes")).type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _labeled(reader: "_Reader", about: Any, path: Path, group: int, column: str) -> list[bool]:
    """Which rows of a group have a mask; where all or none have, the file's footer says so."""
    leaves = [about.column(number) for number in range(about.num_columns)]
    # `label.bytes` and `label.path` of a struct, `label` of bytes alone.
    paths = (column, f"{column}.bytes", f"{column}.path")
    own = [leaf for leaf in leaves if leaf.path_in_schema in paths]
    known = [leaf.statistics for leaf in own if leaf.statistics is not None]
    missing = [one.null_count for one in known if one.has_null_count]
    if len(missing) == len(own):
        if min(missing) in (0, about.num_rows):
            return [min(missing) == 0] * about.num_rows
    return [content != (None, None) for content in reader.group(path, group, column)]


class _Reader:
    """Parquet files, of which the row groups that were read last are kept."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kept: dict[str, OrderedDict[tuple[Path, int], list[tuple[Any, Any]]]] = {}

    def open(self, path: Path) -> Any:
        """The file, of which nothing but the footer is read."""
        import pyarrow as pa
        import pyarrow.parquet

        try:
            return pa.parquet.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{path} is no Parquet file ({reason}): bring it back") from error

    def group(self, path: Path, group: int, column: str) -> list[tuple[Any, Any]]:
        """(bytes, path) of each row of a group; either may be None."""
        with self.lock:
            kept = self.kept.setdefault(column, OrderedDict())
            if (path, group) not in kept:
                kept[path, group] = self._read(path, group, column)
            kept.move_to_end((path, group))
            while len(kept) > KEPT_GROUPS:
                kept.popitem(last=False)
            return kept[path, group]

    def _read(self, path: Path, group: int, column: str) -> list[tuple[Any, Any]]:
        import pyarrow as pa

        try:
            with self.open(path) as file:
                found = file.read_row_group(group, columns=[column]).column(column)
        except (pa.ArrowException, OSError) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"{path}: row group {group} is damaged ({reason}): bring the file back"
            ) from error
        rows = found.to_pylist()
        return [
            (row.get("bytes"), row.get("path")) if isinstance(row, dict) else (row, None)
            for row in rows
        ]


def _sample(reader: _Reader, row: Row, classes: ClassList, max_pixels: int) -> Sample:
    place, columns = row.place, row.columns

    def picture(column: str) -> ImageFile:
        where = f"{place}, column {column}"

        def content() -> AbstractContextManager[BinaryIO]:
            held, path = reader.group(place.file, place.group, column)[place.row]
            if held is not None:
                return io.BytesIO(held)
            if path is None:
                raise InputError(f"{where} holds no picture: remove the row")
            # `datasets` writes a path alone where a picture was not embedded.
            check_name(path, where)
            if not (beside := place.file.parent / path).is_file():
                raise InputError(f"{where} names {beside}, which is not there: put it there")
            return image_file(beside).open()

        return ImageFile(where, content, max_pixels, row.stamps[column])

    image = picture(columns.image)
    if not row.has_mask:
        return Sample(image)
    mask = picture(columns.mask)
    return Sample(
        image,
        partial(read_mask, mask, image, classes),
        lambda: joint_stamp(mask.stamp(), image.stamp(), classes.stamp),
    )
