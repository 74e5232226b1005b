"""run.json of runs that tests write by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from s4al_jax.config.comparison import OptionGroups
from s4al_jax.regions.grid import region_grid
from s4al_jax.regions.protocol import Regions
from s4al_jax.rundir.run_json import RunDescription, describe_run
from s4al_jax.types import DatasetSpec, ImageSet, Schedule, Stage

SCHEDULE = Schedule(cycles=2, iterations=2, epochs=3, last_epochs=4)
PALETTE = ((128, 64, 128), (0, 128, 0), (0, 0, 200))


def image_set(names: Sequence[str], height: int, width: int, classes: int) -> ImageSet:
    """Images of noise with a truth of horizontal bands, one of each class."""

    def read_image(index: int) -> np.ndarray:
        rng = np.random.default_rng(index)
        return rng.integers(0, 256, (height, width, 3), np.uint8)

    def read_truth(index: int) -> np.ndarray:
        bands = np.arange(height) * classes // height
        return np.repeat(bands[:, None], width, axis=1).astype(np.uint8)

    return ImageSet(tuple(names), read_image, read_truth)


def dataset(
    *,
    name: str = "synthetic",
    classes: Sequence[str] = ("road", "tree", "car"),
    train: Sequence[str] = ("a", "b", "c", "d"),
    test: Sequence[str] = ("t",),
    height: int = 48,
    width: int = 64,
) -> DatasetSpec:
    """A dataset of a few images of noise."""
    splits = [image_set(names, height, width, len(classes)) for names in (train, (), test)]
    return DatasetSpec(name, tuple(classes), PALETTE[: len(classes)], height, width, *splits)


def description(
    spec: DatasetSpec | None = None,
    *,
    regions: Regions | None = None,
    options: Mapping[str, Any] | None = None,
    setting: Mapping[str, Any] | None = None,
    changed: Mapping[str, Any] | None = None,
    method: str = "s4al",
    acquisition: str = "entropy",
    labels_all: bool = False,
    networks: Sequence[str] = ("student", "teacher"),
    schedule: Schedule = SCHEDULE,
    initial_images: int = 1,
) -> RunDescription:
    """Of a run on `spec`; `options` are all that count, the seed among them."""
    spec = spec or dataset()
    regions = regions or region_grid(spec.height, spec.width, spec.height // 4, spec.width // 4)
    study = dict(options or {})
    seed = int(study.pop("seed", 0))
    asked = (len(spec.train.names) - initial_images) * 2
    cost = spec.height * spec.width // 16
    return describe_run(
        argv=("s4al", "train", "demo", "--workdir=runs/my demo"),
        options=OptionGroups(seed, study, setting or {}, changed or {}),
        spec=spec,
        regions=regions,
        region_kind="stripes" if regions.cell_size is None else "grid",
        method={
            "name": method,
            "networks": list(networks),
            "labels_all": labels_all,
            "confidence_threshold": None if method == "supervised" else 0.97,
        },
        schedule=schedule,
        stages=[
            [Stage("warmup", 1, ("labeled",)), Stage("classmix", n - 1, ("labeled", "unlabeled"))]
            for n in (schedule.epochs_of(cycle) for cycle in range(schedule.cycles))
        ],
        initial=range(initial_images),
        budgets=[(asked, asked * cost)] * (schedule.cycles - 1),
        acquisition=acquisition,
        annotator="oracle",
        preprocessing={"mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2], "padding": "symmetric"},
        evaluated=["test"],
        checkpoint={"every_epochs": 1, "keep": 2},
        versions={"jax": "1.2"},
        device={"kind": "cpu", "count": 1},
        revision="0123456789abcdef",
    )
