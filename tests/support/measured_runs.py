"""Run directories written by hand, with nothing in them but what a table reads."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from s4al_jax.rundir.records import Record, read
from s4al_jax.rundir.run_json import write_run_json
from tests.support.descriptions import dataset, description

CLASSES = ("sky", "sign")


def write_run(
    path: Path,
    mious: Sequence[float],
    *,
    seed: int = 0,
    size: tuple[int, int] = (48, 64),
    network: str = "teacher",
    recall: tuple[int, int] = (1, 1),
) -> Record:
    """A run whose cycles ended at these mIoU (from 0 to 1), 2 points more labels a cycle.

    `recall` are the pixels of a sign that were found, and that were missed. IoU is the mIoU less
    0.1 for the sky and more 0.1 for the sign.
    """
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({"options": {}, "fingerprint": "0" * 16}))
    spec = dataset(classes=CLASSES, train=("a", "b"), height=size[0], width=size[1])
    write_run_json(path, description(spec, options={"seed": seed}))
    for cycle, miou in enumerate(mious):
        folder = path / "cycles" / f"{cycle:02d}"
        folder.mkdir(parents=True)
        measured = {"miou": miou, "iou/sky": miou - 0.1, "iou/sign": miou + 0.1}
        student = {"test": {**measured, "miou": 0.01}}
        metrics = {"cycle": cycle, "epoch": 1, "regions": 8 * cycle}
        metrics["labeled_share"] = 0.1 + 0.02 * cycle
        metrics["measures"] = {"student": student, network: {"test": measured}}
        (folder / "metrics.json").write_text(json.dumps(metrics))
        found, missed = recall
        np.save(folder / f"confusion_{network}_test.npy", np.array([[5, 0], [missed, found]]))
    return read(path)
