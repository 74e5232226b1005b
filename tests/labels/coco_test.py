"""What the COCO file of a run's labels says."""

import numpy as np

from s4al_jax.labels.coco import coco
from s4al_jax.types import UNLABELED, VOID

PALETTE = ((1, 2, 3), (4, 5, 6), (7, 8, 9))


def test_a_file_has_an_entry_for_each_class_of_an_image_and_says_what_is_known() -> None:
    labels = np.array([[2, 2, VOID], [UNLABELED, 2, 0]], np.uint8)
    nothing = np.full((1, 1), VOID, np.uint8)
    content = coco([("images/a.png", labels), ("b.png", nothing)], ("x", "y", "z"), PALETTE)
    assert [(c["id"], c["name"], c["color"]) for c in content["categories"]] == [
        (1, "x", [1, 2, 3]),
        (2, "y", [4, 5, 6]),
        (3, "z", [7, 8, 9]),
    ]
    first, second = content["images"]
    assert (first["id"], first["file_name"]) == (1, "images/a.png")
    assert (first["height"], first["width"]) == (2, 3)
    assert first["known"] == {"size": [2, 3], "counts": [0, 1, 1, 4]}
    assert second["known"]["counts"] == [0, 1]
    x, z = content["annotations"]
    assert (x["id"], x["image_id"], x["category_id"], x["area"]) == (1, 1, 1, 1)
    assert (z["id"], z["image_id"], z["category_id"], z["area"]) == (2, 1, 3, 3)
    assert x["bbox"] == [2, 1, 1, 1] and z["bbox"] == [0, 0, 2, 2]
    assert z["segmentation"] == {"size": [2, 3], "counts": [0, 1, 1, 2, 2]}
    assert x["iscrowd"] == 1
