"""Label maps in the form of COCO: an entry for each class in an image, as run lengths."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from s4al_jax.files.images import Color
from s4al_jax.files.run_lengths import run_lengths
from s4al_jax.types import UNLABELED


def coco(
    images: Iterable[tuple[str, np.ndarray]], classes: Sequence[str], palette: Sequence[Color]
) -> dict[str, Any]:
    """The content of a COCO file for label maps by the file name of their image.

    Categories are counted from 1, as COCO does. `known` of an image is an addition to COCO: the
    pixels that were annotated; what is outside of it is not background.
    """
    content: dict[str, Any] = {
        "info": {"description": "labels by annotators; categories are class ids + 1"},
        "categories": [
            {"id": index + 1, "name": name, "supercategory": "", "color": list(palette[index])}
            for index, name in enumerate(classes)
        ],
        "images": [],
        "annotations": [],
    }
    for number, (file_name, labels) in enumerate(images, start=1):
        height, width = labels.shape
        known = {"size": [height, width], "counts": run_lengths(labels != UNLABELED)}
        content["images"].append(
            {
                "id": number,
                "file_name": file_name,
                "height": height,
                "width": width,
                "known": known,
            }
        )
        for index in np.unique(labels[labels < len(classes)]).tolist():
            entry = {"id": len(content["annotations"]) + 1, "image_id": number}
            content["annotations"].append({**entry, **_annotation(labels == index, index + 1)})
    return content


def _annotation(mask: np.ndarray, category: int) -> dict[str, Any]:
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(cols[0])
    return {
        "category_id": category,
        # COCO's mark for a region given in run lengths, which may be several things.
        "iscrowd": 1,
        "area": int(mask.sum()),
        "bbox": [left, top, int(cols[-1]) - left + 1, int(rows[-1]) - top + 1],
        "segmentation": {"size": list(mask.shape), "counts": run_lengths(mask)},
    }
