"""What Label Studio exports as JSON: brush strokes and polygons on images of a local folder.

    root/labels.json            the export, "JSON" and not "JSON-MIN"; the only JSON file there
    root/images/any/where/...   the images

An export names an image as Label Studio does, such as `/data/upload/1/0a1b2c3d-a.jpg`,
`/data/local-files/?d=trip/a.jpg` or `s3://bucket/trip/a.jpg`. Meant is the picture below root
whose path ends as that does; signs that Label Studio puts before an uploaded file's name are left
out if there is no picture with them. Classes are those of `classes.txt` or `classes.json`, or the
labels in the export in alphabetical order.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from s4al_jax.data.areas import BACKGROUND, Area, Rules, class_names, label_map, make_rules
from s4al_jax.data.brush import stroke_mask
from s4al_jax.data.classes import (
    FILES,
    ClassList,
    class_list,
    has_class_list,
    named_classes,
    text_of,
)
from s4al_jax.data.picture_search import Pictures, find_picture, list_pictures
from s4al_jax.data.samples import Draw, Sample, dataset, draw_splits
from s4al_jax.files.bands import RGB, Bands
from s4al_jax.files.images import MAX_PIXELS, ImageFile, check_same_size, image_file, read_size
from s4al_jax.files.paths import resolve_path
from s4al_jax.files.polygons import polygon_mask
from s4al_jax.files.stamps import file_stamp, joint_stamp, stamp
from s4al_jax.types import VOID, DatasetSpec, InputError

KINDS = ("brushlabels", "polygonlabels")
"""What can be read of a result; both names are those of its labels, too."""

OF_THE_IMAGE = ("choices", "datetime", "number", "rating", "relation", "taxonomy", "textarea")
"""What says nothing about pixels."""

UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the name of an uploaded file."""


class Shape(NamedTuple):
    """A stroke or polygon."""

    kind: str
    label: str
    value: Mapping[str, Any]
    height: int
    width: int
    where: str
    """for messages"""


class Task(NamedTuple):
    """An image that somebody has, or has not, annotated."""

    where: str
    image: str
    """as the export names it"""
    is_annotated: bool
    shapes: tuple[Shape, ...]


def label_studio(
    root: str,
    *,
    height: int,
    width: int,
    export: str = "",
    image: str = "image",
    outside: str = "void",
    overlap: str = "void",
    unannotated: str = "unlabeled",
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int = 0,
    keep_together: bool = True,
    fit: str = "pad",
    bands: Bands = RGB,
    max_pixels: int = MAX_PIXELS,
) -> DatasetSpec:
    """What Label Studio exported, and the images that it names, at `height` x `width`.

    Val and test are drawn from what is annotated. A pixel is in a polygon if its center is, and in
    a brush stroke wherever that is not transparent.

    Args:
      root: the folder of the export and the images.
      height: of the working size.
      width: of it.
      export: the JSON file below root; empty: the only one there is.
      image: the name of the image in the data of a task.
      outside: what pixels in no area are, "void" or "background", a class before all others.
      overlap: what pixels in areas of several classes are: "void", as the area with the fewest
        pixels ("smallest"), or as the one that comes last in the file ("last").
      unannotated: what annotated images without any area are: "unlabeled", or "background"
        throughout. Images that nobody has annotated are unlabeled.
      val_share: of the annotated images.
      test_share: of the annotated images.
      seed: of the draw of both.
      keep_together: whether nearly the same images, and the frames of a video, come into one split
        of those that are drawn.
      fit: how pictures are brought to the working size, see `files.fit`.
      bands: which are read and shown.
      max_pixels: a file with more is refused.
    """
    if not root:
        raise InputError("the folder is not given: set config.data.root")
    rules = make_rules(outside, overlap, unannotated)
    place = resolve_path(root)
    path = _export(place, export)
    made_from = file_stamp(path)
    tasks = _tasks(path, image)
    classes = _classes(place, path, tasks, rules)
    below = place / "images"
    pictures = list_pictures(below if below.is_dir() else place)
    samples: dict[str, Sample] = {}
    named: dict[str, Task] = {}
    for task in tasks:
        name = _picture_of(task, pictures)
        if name in named:
            raise InputError(
                f"{task.where} and {named[name].where} are both of {pictures.paths[name]}: remove "
                "one of them, or rename the picture"
            )
        named[name] = task
        file = image_file(pictures.paths[name], max_pixels)
        samples[name] = _sample(task, made_from, file, classes, rules)
    draw = Draw(val_share, test_share, seed, keep_together, bands)
    splits = draw_splits(samples, draw, str(path))
    return dataset(
        name="label_studio",
        samples=samples,
        splits=splits,
        classes=classes,
        height=height,
        width=width,
        place=str(path),
        fit=fit,
        bands=bands,
    )


def _export(place: Path, named: str) -> Path:
    if not place.is_dir():
        raise InputError(f"{place} is not a folder: config.data.root holds the export and images")
    if named:
        return place / named
    found = [path for path in sorted(place.glob("*.json")) if path.name not in FILES]
    if len(found) != 1:
        raise InputError(
            f"{place} holds {len(found)} JSON files: name the export with config.data.kwargs.export"
        )
    return found[0]


def _tasks(path: Path, image: str) -> list[Task]:
    try:
        content = json.loads(text_of(path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        reason = "nested without end" if isinstance(error, RecursionError) else error
        raise InputError(f"{path} is not JSON ({reason}): export it again") from error
    if not isinstance(content, list) or not all(isinstance(task, dict) for task in content):
        raise InputError(f"{path} is no list of tasks: export it as JSON, not as JSON-MIN or COCO")
    return [_task(path, place, task, image) for place, task in enumerate(content, start=1)]


def _task(path: Path, place: int, task: dict[str, Any], image: str) -> Task:
    where = f"{path}: task {task.get('id', f'number {place}')}"
    data, annotations = task.get("data"), task.get("annotations")
    if not isinstance(data, dict) or not isinstance(annotations, list):
        raise InputError(f"{where} lacks data or annotations: export it as JSON, not as JSON-MIN")
    if not isinstance(data.get(image), str) or not data[image]:
        known = ", ".join(sorted(map(str, data)))
        raise InputError(
            f"{where} has no {image!r} in its data, there are {known}: set config.data.kwargs.image"
        )
    if not all(isinstance(one, dict) for one in annotations):
        raise InputError(f"{where} has an annotation that is none: export it again")
    valid = [one for one in annotations if not one.get("was_cancelled")]
    if len(valid) > 1:
        raise InputError(
            f"{where} has {len(valid)} annotations, and which of them is right is not said: leave "
            "one of them"
        )
    if not valid:
        return Task(where, data[image], False, ())
    results = valid[0].get("result")
    if not isinstance(results, list):
        raise InputError(f"{where} has an annotation without a result: export it again")
    shapes = tuple(_shape(where, one) for one in results if _kind(one) not in OF_THE_IMAGE)
    return Task(where, data[image], True, shapes)


def _kind(result: Any) -> str:
    return str(result.get("type")).lower() if isinstance(result, dict) else "none"


def _shape(where: str, result: Any) -> Shape:
    kind = _kind(result)
    if kind not in KINDS:
        raise InputError(
            f"{where} has a result of the type {kind!r}: only {' and '.join(KINDS)} say which "
            "pixels are meant; remove it"
        )
    value, where = result.get("value"), f"{where}, result {result.get('id', '')}".rstrip()
    labels = value.get(kind) if isinstance(value, dict) else None
    if not isinstance(labels, list) or len(labels) != 1 or not isinstance(labels[0], str):
        raise InputError(f"{where} has not one label but {labels}: give it one")
    size = [result.get("original_height"), result.get("original_width")]
    if not all(type(side) is int and side > 0 for side in size):
        raise InputError(f"{where} does not say the size of its image: export it again")
    if result.get("image_rotation", 0) != 0:
        raise InputError(
            f"{where} is on an image that was turned by {result['image_rotation']} degrees in "
            "Label Studio: turn the picture itself, and annotate it again"
        )
    return Shape(kind, labels[0], value, size[0], size[1], where)


def _classes(place: Path, path: Path, tasks: list[Task], rules: Rules) -> ClassList:
    used = {shape.label: shape.where for task in tasks for shape in task.shapes}
    if not has_class_list(place):
        return named_classes(path, class_names(sorted(used), rules, str(path)))
    classes = class_list(place)
    for label in sorted(used):
        if label not in classes.names:
            raise InputError(
                f"{used[label]} has the label {label!r}, which is no class of {place}: add it to "
                "the class list, or rename it"
            )
    if rules.outside == BACKGROUND and BACKGROUND not in classes.names:
        raise InputError(
            "config.data.kwargs.outside is background, which is no class of "
            f"{place}: add it to the class list"
        )
    return classes


def _picture_of(task: Task, pictures: Pictures) -> str:
    """The name of the picture that a task is about."""
    parts = urlsplit(task.image)
    given = parse_qs(parts.query).get("d", [])
    written = given[0] if given else unquote(parts.path)
    folder, slash, last = written.rpartition("/")
    if last not in pictures.by_file:
        last = UPLOADED.sub("", last, count=1)
    return find_picture(pictures, f"{folder}{slash}{last}", task.where, whole=False)


def _sample(
    task: Task, made_from: bytes | None, file: ImageFile, classes: ClassList, rules: Rules
) -> Sample:
    is_known = task.is_annotated and (task.shapes or rules.unannotated == BACKGROUND)
    if not is_known:
        return Sample(file)
    return Sample(
        file,
        partial(_truth, task, file, classes, rules),
        lambda: joint_stamp(made_from, stamp(task.where, rules), file.stamp(), classes.stamp),
    )


def _truth(task: Task, file: ImageFile, classes: ClassList, rules: Rules) -> np.ndarray:
    """uint8 `[height, width]`: the shapes of a task, drawn."""
    outside = classes.names.index(BACKGROUND) if rules.outside == BACKGROUND else VOID
    if not task.shapes:
        return np.full(read_size(file), outside, np.uint8)
    for shape in task.shapes:
        # The size is looked at before anything of that size is made.
        size = np.broadcast_to(np.uint8(0), (shape.height, shape.width))
        check_same_size(size, ImageFile(shape.where, file.open), file)
    height, width = task.shapes[0].height, task.shapes[0].width
    return label_map(_areas(task, classes), height, width, outside=outside, overlap=rules.overlap)


def _areas(task: Task, classes: ClassList) -> Iterator[Area]:
    for shape in task.shapes:
        yield Area(classes.names.index(shape.label), partial(_mask, shape))


def _mask(shape: Shape) -> np.ndarray:
    try:
        if shape.kind == "brushlabels":
            if shape.value.get("format") != "rle":
                raise ValueError(f"the format {shape.value.get('format')!r}, not rle")
            return stroke_mask(shape.value.get("rle"), shape.height, shape.width)
        corners = np.array(shape.value.get("points"), np.float64)
        if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
            raise ValueError("a polygon has three corners or more, each of two numbers")
        # In percent of the picture's sides; a corner may lie somewhat beyond it.
        if not (np.abs(corners) <= 1000).all():
            raise ValueError("a corner far outside of the picture")
        sides = np.array([shape.width, shape.height])
        return polygon_mask(corners / 100 * sides, shape.height, shape.width)
    except (ValueError, TypeError) as error:
        raise InputError(f"{shape.where} is damaged ({error}): export it again") from error
