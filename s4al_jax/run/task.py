"""What is to be learned and who is asked: dataset, regions, annotators and budget."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from s4al_jax.acquisition import select
from s4al_jax.config.registry import call_with_options, lookup
from s4al_jax.data.camvid import camvid
from s4al_jax.data.cityscapes import cityscapes
from s4al_jax.data.coco import coco
from s4al_jax.data.folder import folder
from s4al_jax.data.label_studio import label_studio
from s4al_jax.data.noise import noise
from s4al_jax.data.parquet import parquet
from s4al_jax.data.samples import pool_contents
from s4al_jax.data.splits import initial_images
from s4al_jax.data.table import table
from s4al_jax.data.tfds import records
from s4al_jax.data.voc import voc
from s4al_jax.labels.annotator import Annotator
from s4al_jax.labels.file_annotator import file_annotator
from s4al_jax.labels.oracle import oracle
from s4al_jax.regions.content import regions_of_content
from s4al_jax.regions.protocol import Regions, region_costs
from s4al_jax.regions.registry import REGIONS
from s4al_jax.streets.dataset import streets
from s4al_jax.types import Budget, DatasetSpec, InputError

DATASETS: dict[str, Callable[..., DatasetSpec]] = {
    "camvid": camvid,
    "cityscapes": cityscapes,
    "coco": coco,
    "csv": table,
    "folder": folder,
    "label_studio": label_studio,
    "noise": noise,
    "parquet": parquet,
    "streets": streets,
    "tfds": records,
    "voc": voc,
}
"""name -> (height, width, its own options; root and max_pixels if it reads a disk) -> dataset"""

ANNOTATORS: dict[str, Callable[..., Annotator]] = {
    "oracle": lambda spec: oracle(spec.train),
    "files": file_annotator,
}
"""name -> (the dataset; workdir and person, if it takes them; its own options) -> annotator"""


class Task(NamedTuple):
    """What a run learns from, and what it may ask."""

    spec: DatasetSpec
    initial: tuple[int, ...]
    """the pool images that are labeled from the start"""
    initial_annotator: Annotator
    """knows their labels"""
    annotator: Callable[[Path], Annotator]
    """the run's directory -> who is asked about all others"""
    regions: Regions
    contents: np.ndarray | None
    """int64 `[images, 2]`: rows and columns of the pool's images that are no padding; None: all"""
    budget: Callable[[np.ndarray], Budget]
    """bool `[images]`, which can be asked about -> what one acquisition may spend"""


def build_task(config: ConfigDict, spec: DatasetSpec | None = None) -> Task:
    """The task of a configuration; `spec` takes the place of the dataset that it names."""
    spec = spec or build_dataset(config.data)
    contents = pool_contents(spec.train, (spec.height, spec.width), spec.fit)
    regions = regions_of_content(build_regions(config.regions, spec), contents)
    initial, by_oracle = _initial(config, spec), config.annotator.name == "oracle"
    if not by_oracle:
        spec = _hide_truth(spec, initial)
    _check_budget(config, regions, pool=len(spec.train.names), initial=len(initial))
    factory = lookup(ANNOTATORS, "annotator.name", config.annotator.name)

    def annotator(workdir: Path) -> Annotator:
        return call_with_options(
            factory,
            "annotator.kwargs",
            config.annotator.kwargs,
            offered={"workdir": workdir, "person": config.annotator.person},
            spec=spec,
        )

    return Task(
        spec=spec,
        initial=initial,
        initial_annotator=oracle(spec.train, "simulated" if by_oracle else "given"),
        annotator=annotator,
        regions=regions,
        contents=contents,
        budget=build_budget(config.budget, regions, pool=len(spec.train.names)),
    )


def build_dataset(data: ConfigDict) -> DatasetSpec:
    """The images and labels that a configuration names."""
    return call_with_options(
        lookup(DATASETS, "data.name", data.name),
        "data.kwargs",
        data.kwargs,
        offered={"root": data.root, "max_pixels": data.max_pixels},
        height=data.height,
        width=data.width,
    )


def build_regions(regions: ConfigDict, spec: DatasetSpec) -> Regions:
    """Where the annotator can be asked."""
    return call_with_options(
        lookup(REGIONS, "regions.name", regions.name),
        "regions.kwargs",
        regions.kwargs,
        offered={"images": spec.train},
        height=spec.height,
        width=spec.width,
    )


def build_budget(
    budget: ConfigDict, regions: Regions, *, pool: int
) -> Callable[[np.ndarray], Budget]:
    """What one acquisition may spend, given which images can be asked about."""
    costs = region_costs(regions, pool)
    if regions.max_regions == 1:
        wanted = images_per_cycle(budget.image_share, pool)
        return partial(_budget_of_images, costs[:, 0], wanted)
    return partial(
        select.budget,
        costs,
        per_image=budget.regions_per_image,
        scope=budget.scope,
    )


def _budget_of_images(costs: np.ndarray, wanted: int, open_images: np.ndarray) -> Budget:
    """The pixels of so many images as large as the mean; padding is no pixel."""
    open_costs = costs[open_images]
    if not len(open_costs):
        return Budget(None, 0)
    return Budget(None, round(min(wanted, len(open_costs)) * float(open_costs.mean())))


def images_per_cycle(share: float, pool: int) -> int:
    """Whole images that one acquisition asks for."""
    return max(1, round(share * pool))


def _initial(config: ConfigDict, spec: DatasetSpec) -> tuple[int, ...]:
    """Drawn where all images have a truth, to study with; a person's own labels are all used."""
    known = spec.train.known
    missing = "" if known.all() else spec.train.names[int(np.argmin(known))]
    if missing and config.data.initial_share == 1.0:
        raise InputError(
            f"{missing} has no label, and config.data.initial_share 1.0 is to learn from all "
            "labels: label it, or choose a smaller share"
        )
    if not missing and (config.annotator.name != "files" or not config.schedule.acquisitions):
        return initial_images(len(known), config.data.initial_share, config.seed)
    if config.annotator.name == "oracle":
        raise InputError(
            f"{missing} has no label, and the oracle has to know all: label it, or set "
            "config.annotator.name=files to be asked"
        )
    return tuple(map(int, np.flatnonzero(known)))


def _hide_truth(spec: DatasetSpec, initial: tuple[int, ...]) -> DatasetSpec:
    """Where a person answers, nothing reads a truth of the pool but that of the first images."""
    known = np.isin(np.arange(len(spec.train.names)), initial)
    return spec._replace(train=spec.train._replace(has_truth=tuple(known.tolist())))


def _check_budget(config: ConfigDict, regions: Regions, *, pool: int, initial: int) -> None:
    """Refuse to plan for more than there is."""
    # Where nothing is labeled at the start, regions are annotated before the first cycle, too.
    acquisitions = config.schedule.acquisitions + (not initial)
    if not acquisitions:
        return
    if initial == pool:
        raise InputError(
            f"all {pool} images are labeled from the start: nothing is left to ask for; set "
            "config.schedule.acquisitions to 0, or config.annotator.name to oracle and "
            "config.data.initial_share below 1"
        )
    if regions.max_regions == 1:
        wanted = acquisitions * images_per_cycle(config.budget.image_share, pool)
        there, unit, where = pool - initial, "images", ""
        what = f"config.budget.image_share {config.budget.image_share}"
    else:
        wanted = acquisitions * config.budget.regions_per_image
        there, unit, where = regions.max_regions, "regions", " in an image"
        what = f"config.budget.regions_per_image {config.budget.regions_per_image}"
    if wanted > there:
        raise InputError(
            f"{what} in {acquisitions} acquisitions is a budget of {wanted} {unit}, but there are "
            f"{there}{where} to annotate: choose less"
        )
