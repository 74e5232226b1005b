"""A table in CSV that says for each image where it is, its mask, and its split.

    image,mask,split
    photos/a.jpg,labels/a.png,train
    photos/b.jpg,,train
    photos/c.jpg,labels/c.png,val

Paths are relative to the table's folder, which also holds `classes.txt` or `classes.json`. A row
without a mask is an unlabeled image. Without the column `split`, val and test are drawn.
"""

import csv
import io
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from s4al_jax.data.classes import class_list, text_of
from s4al_jax.data.file_samples import file_sample
from s4al_jax.data.samples import SPLITS, Draw, dataset, draw_splits
from s4al_jax.files.bands import RGB, Bands
from s4al_jax.files.images import MAX_PIXELS, check_name, image_suffixes
from s4al_jax.files.paths import resolve_path
from s4al_jax.types import DatasetSpec, InputError

REQUIRED, OPTIONAL = ("image", "mask"), ("split",)


class Row(NamedTuple):
    """A line of the table."""

    image: str
    mask: str
    split: str
    where: str
    """the table and the number of the line, for messages"""


def table(
    root: str,
    *,
    height: int,
    width: int,
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int = 0,
    keep_together: bool = True,
    fit: str = "pad",
    nearest_color: bool = False,
    bands: Bands = RGB,
    max_pixels: int = MAX_PIXELS,
) -> DatasetSpec:
    """The images that a table names, at `height` x `width`.

    Args:
      root: the table, or the folder of the only one there is.
      height: of the working size.
      width: of it.
      val_share: of the images with masks, where the table has no column `split`.
      test_share: of the images with masks, where the table has no column `split`.
      seed: of that draw.
      keep_together: whether nearly the same images, and the frames of a video, come into one split
        of those that are drawn.
      fit: how pictures are brought to the working size, see `files.fit`.
      nearest_color: whether a color in a mask that no class has is read as one near it, see
        `nearest_colors`.
      bands: which are read and shown.
      max_pixels: a file with more is refused.
    """
    if not root:
        raise InputError("the table is not given: set config.data.root")
    path = _only_table(resolve_path(root))
    classes = class_list(path.parent)
    samples = {}
    splits: dict[str, list[str]] = {split: [] for split in SPLITS}
    rows, has_splits = _rows(path)
    names: dict[str, Row] = {}
    for row in rows:
        image, mask = (_file(path.parent, named, row) for named in (row.image, row.mask))
        if image is None:
            raise InputError(f"{row.where} names no image: remove the line, or name one")
        name = PurePosixPath(row.image).with_suffix("").as_posix()
        if name in names:
            raise InputError(
                f"{row.where} names {name!r}, as {names[name].where} does: remove one of them, or "
                "rename the image"
            )
        names[name] = row
        samples[name] = file_sample(image, mask, classes, max_pixels, nearest_color=nearest_color)
        splits[row.split or "train"].append(name)
    if has_splits:
        splits = {split: sorted(of_split) for split, of_split in splits.items()}
    else:
        draw = Draw(val_share, test_share, seed, keep_together, bands)
        splits = draw_splits(samples, draw, str(path))
    return dataset(
        name="csv",
        samples=samples,
        splits=splits,
        classes=classes,
        height=height,
        width=width,
        place=str(path),
        fit=fit,
        bands=bands,
    )


def _only_table(place: Path) -> Path:
    if not place.is_dir():
        return place
    found = sorted(place.glob("*.csv"))
    if len(found) != 1:
        raise InputError(
            f"{place} holds {len(found)} tables (.csv): name the one that is meant with "
            "config.data.root"
        )
    return found[0]


def _rows(path: Path) -> tuple[list[Row], bool]:
    """The rows, and whether they say their splits."""
    lines = csv.reader(io.StringIO(text_of(path), newline=""), strict=True)
    try:
        table = [(lines.line_num, cells) for cells in lines if any(map(str.strip, cells))]
    except csv.Error as error:
        raise InputError(f"{path} is no table in CSV ({error}): save it again") from error
    header = [cell.strip() for cell in table[0][1]] if table else []
    for column in REQUIRED:
        if header.count(column) != 1:
            raise InputError(
                f"{path} needs a column {column!r}, once: its first line has to be "
                "image,mask or image,mask,split, with commas"
            )
    for column in header:
        if column not in (*REQUIRED, *OPTIONAL) or header.count(column) > 1:
            raise InputError(f"{path} has a column {column!r}: there are image, mask and split")
    found = [_row(path, number, header, cells) for number, cells in table[1:]]
    return found, "split" in header


def _row(path: Path, number: int, header: list[str], cells: list[str]) -> Row:
    where = f"{path}, line {number}"
    if len(cells) != len(header):
        raise InputError(f"{where} has {len(cells)} cells, the first line {len(header)}")
    given = dict(zip(header, map(str.strip, cells), strict=True))
    if "split" in given and given["split"] not in SPLITS:
        raise InputError(f"{where} has the split {given['split']!r}: train, val or test")
    return Row(given["image"], given["mask"], given.get("split", ""), where)


def _file(folder: Path, named: str, row: Row) -> Path | None:
    """A file that a row names; None for an empty cell."""
    if not named:
        return None
    check_name(named, f"{row.where}: {named}")
    path = folder / named
    if path.suffix.lower() not in image_suffixes():
        raise InputError(
            f"{row.where} names {named!r}, which is no picture: see docs/how_to/own_data.md for "
            "other formats"
        )
    if not path.is_file():
        raise InputError(f"{row.where} names {named!r}, but there is no file {path}")
    return path
