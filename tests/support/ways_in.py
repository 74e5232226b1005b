"""Small data sets in the forms of other programs: VOC's folders, COCO, a table, and so on.

All of them hold the same pictures. Not a test: others read what these write.
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from s4al_jax.data.voc import color_map
from s4al_jax.files.run_lengths import run_lengths
from tests.support.run_lengths import brush_of
from tests.support.small_datasets import png

CLASSES = ("earth", "water", "air")


def pictures(count: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(name, image, class ids) of pictures of several sizes; every pixel is of a class."""
    rng = np.random.default_rng(0)
    for number in range(count):
        size = (8 + number, 16)
        image = rng.integers(0, 256, (*size, 3), np.uint8)
        yield f"trip/{number}", image, rng.integers(0, len(CLASSES), size).astype(np.uint8)


def write(path: Path, content: bytes | str) -> None:
    """A file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def voc_mask(ids: np.ndarray) -> bytes:
    """A PNG with VOC's palette."""
    picture, stream = Image.fromarray(ids, "P"), io.BytesIO()
    picture.putpalette([level for color in color_map(256) for level in color])
    picture.save(stream, "PNG")
    return stream.getvalue()


def voc_folders(root: Path, count: int) -> None:
    """VOC's layout: half of the images in train, the others in val and test."""
    names = []
    for path, image, ids in pictures(count):
        names.append(path.replace("trip/", "2007_00000"))
        write(root / f"JPEGImages/{names[-1]}.png", png(image))
        write(root / f"SegmentationClass/{names[-1]}.png", voc_mask(ids))
    half, rest = count // 2, count // 4
    lists = {"train": names[:half], "val": names[half:-rest], "test": names[-rest:]}
    for split, of_split in lists.items():
        write(root / f"ImageSets/Segmentation/{split}.txt", "\n".join(of_split) + "\n")


def coco_json(count: int) -> dict[str, Any]:
    """The content of a COCO file in which an area is all pixels of a class."""
    content: dict[str, Any] = {
        "categories": [{"id": 10 * n + 3, "name": name} for n, name in enumerate(CLASSES)],
        "images": [],
        "annotations": [],
    }
    for number, (name, _, ids) in enumerate(pictures(count)):
        height, width = ids.shape
        entry = {"id": number + 7, "file_name": f"{name}.png", "height": height, "width": width}
        content["images"].append(entry)
        for class_id in np.unique(ids).tolist():
            runs = {"size": [height, width], "counts": run_lengths(ids == class_id)}
            content["annotations"].append(
                {
                    "id": len(content["annotations"]) + 1,
                    "image_id": number + 7,
                    "category_id": 10 * class_id + 3,
                    "iscrowd": 1,
                    "segmentation": runs,
                }
            )
    return content


def coco_folder(root: Path, count: int) -> None:
    """Images and one JSON file."""
    for name, image, _ in pictures(count):
        write(root / f"images/{name}.png", png(image))
    write(root / "all.json", json.dumps(coco_json(count)))


def csv_table(root: Path, count: int) -> None:
    """Images, masks of numbers, and a table that says what is in which split."""
    write(root / "classes.txt", "\n".join(CLASSES))
    lines = ["image,mask,split"]
    for number, (name, image, ids) in enumerate(pictures(count)):
        write(root / f"photos/{name}.png", png(image))
        write(root / f"labels/{name}_ids.png", png(ids))
        split = ("train", "train", "val", "test")[number % 4]
        lines.append(f"photos/{name}.png,labels/{name}_ids.png,{split}")
    write(root / "table.csv", "\n".join(lines) + "\n")


def label_studio_task(number: int, image: str, ids: np.ndarray) -> dict[str, Any]:
    """A task in which an area is all pixels of a class, as a brush stroke."""
    height, width = ids.shape
    results = [
        {
            "id": f"r{class_id}",
            "type": "brushlabels",
            "value": {
                "format": "rle",
                "rle": brush_of(ids == class_id),
                "brushlabels": [CLASSES[class_id]],
            },
            "original_height": height,
            "original_width": width,
            "image_rotation": 0,
        }
        for class_id in np.unique(ids).tolist()
    ]
    annotation = {"id": number, "was_cancelled": False, "result": results}
    return {"id": number, "data": {"image": image}, "annotations": [annotation]}


def label_studio_export(root: Path, count: int) -> None:
    """Images and an export of all of them, as if they had been uploaded."""
    tasks = []
    for number, (name, image, ids) in enumerate(pictures(count)):
        write(root / f"images/{name}.png", png(image))
        uploaded = f"/data/upload/3/0a1b2c{number:02d}-{name.rpartition('/')[2]}.png"
        tasks.append(label_studio_task(number, uploaded, ids))
    write(root / "labels.json", json.dumps(tasks))


def picture_type() -> Any:
    """What `datasets.Image` writes into a Parquet file."""
    import pyarrow as pa

    return pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def parquet_file(path: Path, rows: list[dict[str, Any]], *, group: int = 2) -> None:
    """A Parquet file with the columns image and label, so many rows a group."""
    import pyarrow as pa
    import pyarrow.parquet

    schema = pa.schema([("image", picture_type()), ("label", picture_type())])
    path.parent.mkdir(parents=True, exist_ok=True)
    pa.parquet.write_table(pa.Table.from_pylist(rows, schema=schema), path, row_group_size=group)


def parquet_files(root: Path, count: int) -> None:
    """Two files of train, as `datasets` names them, and a class list."""
    write(root / "classes.txt", "\n".join(CLASSES))
    rows = [
        {"image": {"bytes": png(image)}, "label": {"bytes": png(ids), "path": "mask.png"}}
        for _, image, ids in pictures(count)
    ]
    for part, some in enumerate((rows[: count // 2], rows[count // 2 :])):
        parquet_file(root / f"data/train-{part:05d}-of-00002.parquet", some)
