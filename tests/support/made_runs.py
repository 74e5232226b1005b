"""Run directories made by hand, with nothing in them but what a report reads."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from s4al_jax.rundir.records import Record, read

CLASSES = ("sky", "sign")


def made_run(
    path: Path,
    mious: Sequence[float],
    *,
    options: Mapping[str, Any] | None = None,
    network: str = "teacher",
    recall: tuple[int, int] = (1, 1),
) -> Record:
    """A run whose cycles ended at these mIoU (from 0 to 1), 2 points more labels a cycle.

    `recall` are the pixels of a sign that were found, and that were missed. IoU is the mIoU less
    0.1 for the sky and more 0.1 for the sign.
    """
    path.mkdir(parents=True)
    identity = {
        "options": {"seed": 0, **(options or {})},
        "fingerprint": "0" * 16,
        "versions": {"jax": "1.2"},
        "device": {"kind": "cpu", "count": 1},
    }
    (path / "config.json").write_text(json.dumps(identity))
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
