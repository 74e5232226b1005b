"""Data sets of TensorFlow Datasets in ArrayRecord files, read without TensorFlow.

TFDS stores records in the order of a hash, so an image is found by its id, never by its place.
Pictures are decoded here like those of any other data set; TFDS's own decoding is skipped.
"""

import importlib.util
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from s4al_jax.files.images import (
    MAX_PIXELS,
    Color,
    ImageFile,
    check_name,
    check_same_size,
    id_codes,
    read_ids,
    read_rgb,
    recode_ids,
)
from s4al_jax.files.paths import is_url, resolve_path
from s4al_jax.files.resize import resize_ids, resize_image
from s4al_jax.types import VOID, DatasetSpec, ImageSet, InputError

INFO, BEGUN = "dataset_info.json", "preparation.json"
"""Files of a prepared folder: what a preparation writes last, and what it writes first."""


class Features(NamedTuple):
    """What the parts of a record are called; without an `id` images are named by their place."""

    image: str
    label: str
    id: str


PREPARED = Features("image", "label", "id")


def records(
    root: str,
    *,
    height: int,
    width: int,
    dataset: str = "",
    image: str = "image",
    label: str = "label",
    id: str = "id",
    train: str = "train",
    val: str = "val",
    test: str = "test",
    classes: Sequence[str] = (),
    void: Sequence[int] = (VOID,),
    max_pixels: int = MAX_PIXELS,
) -> DatasetSpec:
    """A data set that your own TFDS builder wrote with `file_format="array_record"`.

    `root` is TFDS's data_dir and `dataset` the name, as "streets", "streets/config" or
    "streets:1.0.0"; without a name, `root` is the folder that holds dataset_info.json. `image`,
    `label` and `id` are features of a record; with `id=""` images are named by their place.
    `train`, `val` and `test` are splits or parts of them, such as "train[90%:]", or "" for none.
    `classes` are the names of the label ids 0, 1, ... where the label feature has none; the ids in
    `void` are none of them. A picture with more than `max_pixels` is refused.
    """
    if not root:
        raise InputError("TFDS's folder is not given: set config.data.root or TFDS_DATA_DIR")
    if height < 1 or width < 1:
        raise InputError(f"images of {height} x {width} pixels are empty: use 1 x 1 or more")
    builder = _builder(resolve_path(root), dataset)
    features = Features(image, label, id)
    _check_features(builder, features)
    named = tuple(classes) or _class_names(builder, label)
    for code in (len(named) - 1, *void):
        if not 0 <= code <= VOID:
            raise InputError(f"config.data.kwargs: the id {code} does not fit into 0 to {VOID}")
    codes = id_codes(len(named), tuple(void))

    def image_set(part: str) -> ImageSet:
        split = _split(builder, part, features, max_pixels)
        known = [split.read(place).id for place in range(split.length)]
        return _image_set(split, known, codes=codes, height=height, width=width)

    splits = image_set(train), image_set(val), image_set(test)
    return DatasetSpec(builder.name, named, palette(len(named)), height, width, *splits)


def check_installed() -> None:
    """Refuse to go on without the library that TFDS itself installs on Linux only."""
    if importlib.util.find_spec("array_record") is None:
        raise InputError("TFDS's record files need array_record: pip install array_record")


def is_prepared(root: Path) -> bool:
    """Whether a folder is the work of a preparation, finished or not."""
    return (root / INFO).is_file() or (root / BEGUN).is_file()


def refuse_fit(root: Path, fit: str) -> None:
    """Refuse another fit than that of a prepared folder."""
    if fit != "stretch":
        raise InputError(
            f"config.data.kwargs.fit is {fit!r}, but {root} was prepared by stretching: give the "
            "folder that it was prepared from, or leave the fit out"
        )


def read_prepared(root: Path, name: str, *, max_pixels: int, **settings: int) -> DatasetSpec:
    """What a preparation wrote into `root`: the same as what it was made of, at these settings."""
    if not (root / INFO).is_file():
        raise InputError(f"{root} is prepared in part: give the preparing command again")
    builder = _builder(root, "")
    metadata = dict(builder.info.metadata or {})
    if "settings" not in metadata:
        raise InputError(f'{root} is no prepared {name}: read it with config.data.name "tfds"')
    for option, wanted in {"dataset": name, **settings}.items():
        there = metadata["settings"].get(option)
        if there != wanted:
            raise InputError(
                f"{root} was prepared with {option}={there}, not {wanted}: prepare another folder"
            )
    codes = id_codes(len(metadata["classes"]))
    height, width = settings["height"], settings["width"]

    def image_set(part: str) -> ImageSet:
        known = metadata["names"][part]
        split = _split(builder, part if known else "", PREPARED, max_pixels)
        if split.length != len(known):
            raise InputError(f"{split.name} has not {len(known)} records: prepare another folder")
        return _image_set(split, known, codes=codes, height=height, width=width)

    splits = image_set("train"), image_set("val"), image_set("test")
    colors = tuple((r, g, b) for r, g, b in metadata["palette"])
    return DatasetSpec(name, tuple(metadata["classes"]), colors, height, width, *splits)


def palette(count: int) -> tuple[Color, ...]:
    """Colors for classes that have none: those of PASCAL VOC, from its second on."""

    def channel(number: int, first: int) -> int:
        return sum((number >> 3 * bit + first & 1) << 7 - bit for bit in range(8))

    return tuple((channel(i, 0), channel(i, 1), channel(i, 2)) for i in range(1, count + 1))


class _Record(NamedTuple):
    id: str
    image: ImageFile
    label: ImageFile


class _Split(NamedTuple):
    """The records of one split, by their place in the files."""

    name: str
    length: int
    read: Callable[[int], _Record]


def _builder(root: Path, dataset: str) -> Any:
    """TFDS's reader of what is on disk; no code of a builder is looked for."""
    check_installed()
    # Importing TFDS takes a second, which data sets of other kinds need not pay.
    from tensorflow_datasets.core import read_only_builder
    from tensorflow_datasets.core.registered import DatasetNotFoundError

    where = root / dataset if dataset else root
    if is_url(str(root)) and not str(root).startswith("gs://"):
        raise InputError(f"{where}: array_record reads disks and gs:// only: copy it to a disk")
    try:
        if dataset:
            builder = read_only_builder.builder_from_files(dataset, data_dir=str(root))
        else:
            builder = read_only_builder.builder_from_directory(str(root))
    except (DatasetNotFoundError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"{where} is no TFDS data set ({reason}): check the name") from error
    kind = builder.info.file_format.value if builder.info.file_format else "nothing"
    if kind != "array_record":
        raise InputError(f'{where} is stored as {kind}: prepare it with file_format="array_record"')
    return builder


def _check_features(builder: Any, features: Features) -> None:
    from tensorflow_datasets.core.features import Image

    there = builder.info.features
    for option, name in features._asdict().items():
        if name not in there and (name or option != "id"):
            raise InputError(
                f"{builder.info.data_dir} has no feature {name!r}: set config.data.kwargs.{option} "
                f"to one of {', '.join(there)}"
            )
        if option != "id" and not isinstance(there[name], Image):
            raise InputError(
                f"{builder.info.data_dir}: the feature {name} is no picture: set "
                f"config.data.kwargs.{option} to a feature of type Image"
            )


def _class_names(builder: Any, label: str) -> tuple[str, ...]:
    feature = builder.info.features[label]
    if not getattr(feature, "num_classes", None):
        raise InputError(
            f"{builder.info.data_dir}: the feature {label} does not name its classes: set "
            "config.data.kwargs.classes"
        )
    return tuple(feature.names)


def _split(builder: Any, split: str, features: Features, max_pixels: int) -> _Split:
    """A split that is read record by record; one without a name is empty."""
    from tensorflow_datasets.core.decode import DeserializeMethod, SkipDecoding
    from tensorflow_datasets.core.features import FeaturesDict

    name = f"{builder.info.data_dir}:{split}"
    try:
        source = (
            builder.as_data_source(split, deserialize_method=DeserializeMethod.RAW_BYTES)
            if split
            else ()
        )
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{name} cannot be read: {reason}") from error
    wanted = [feature for feature in features if feature]
    # Records are parsed for these features alone: others may need what is not installed.
    parser = FeaturesDict({feature: builder.info.features[feature] for feature in wanted})
    undecoded = {feature: SkipDecoding() for feature in wanted}

    def read(place: int) -> _Record:
        try:
            stored = parser.deserialize_example_np(source[place], decoders=undecoded)
            key = _text(stored[features.id]) if features.id else f"{place:06d}"
        # The reader's own errors are of many kinds, where a file is missing or damaged.
        except Exception as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"{name}: record {place} is damaged ({reason}): prepare it again"
            ) from error
        image, label = (
            _picture(f"{name}/{key}/{feature}", stored[feature], max_pixels)
            for feature in (features.image, features.label)
        )
        return _Record(key, image, label)

    return _Split(name, len(source), read)


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _picture(name: str, content: bytes, max_pixels: int) -> ImageFile:
    return ImageFile(name, lambda: io.BytesIO(content), max_pixels)


def _image_set(
    split: _Split, known: Sequence[str], *, codes: np.ndarray, height: int, width: int
) -> ImageSet:
    """The images in the order of their ids; `known` are the ids in the order of the records."""
    places = {name: place for place, name in enumerate(known)}
    for place, name in enumerate(known):
        check_name(name, f"{split.name}/{name}")
        if places[name] != place:
            raise InputError(f"{split.name} has two records of the id {name}: give each its own")
    names = tuple(sorted(places))
    hint = f"use 0 to {codes.max(where=codes != VOID, initial=0)}, or an id that stands for void"

    def record(index: int) -> _Record:
        name = names[index]
        found = split.read(places[name])
        if found.id != name:
            raise InputError(
                f"{split.name}: record {places[name]} is {found.id}, not {name}: prepare it again"
            )
        return found

    def read_image(index: int) -> np.ndarray:
        return resize_image(read_rgb(record(index).image), height, width)

    def read_truth(index: int) -> np.ndarray:
        _, image, label = record(index)
        found = read_ids(label)
        check_same_size(found, label, image)
        return resize_ids(recode_ids(found, codes, label.name, hint), height, width)

    return ImageSet(names, read_image, read_truth)
