"""run.json: what a run is, written into its directory before it trains.

Reports, tables and tools read it instead of working out a schedule, a grid or a budget from
options: a new method, acquisition function or kind of regions needs no change to any of them.
"""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from s4al_jax.config.comparison import OptionGroups
from s4al_jax.files.atomic import read_json, write_json
from s4al_jax.files.typed_json import mismatch
from s4al_jax.regions.grid import region_grid
from s4al_jax.regions.protocol import Regions, region_costs
from s4al_jax.rundir.region_maps import MAPS, read_region_maps
from s4al_jax.types import DatasetSpec, InputError, Schedule, Stage

RUN_JSON = "run.json"
VERSION = 1


class ClassDescription(TypedDict):
    """A class of the dataset, as `DatasetSpec.legend` has it."""

    id: int
    name: str
    color: list[int]


class DatasetDescription(TypedDict):
    """The images and classes of a run, at the size that it learns at."""

    name: str
    height: int
    width: int
    classes: list[ClassDescription]
    images: dict[str, int]
    """split -> number of images: "train" (the pool), "val", "test" """


class RegionsDescription(TypedDict):
    """What can be queried: a grid by its numbers, or any partition by the maps of some images."""

    name: str
    height: int
    width: int
    cell_height: NotRequired[int]
    cell_width: NotRequired[int]
    maps: NotRequired[str]
    """the file beside run.json that holds the id maps, where regions are no grid"""


class MethodDescription(TypedDict):
    """The learner."""

    name: str
    networks: list[str]
    """that are evaluated, the preferred one last"""
    labels_all: bool
    """whether it learns from every label there is"""
    confidence_threshold: float | None
    """the probability above which it trusts a pseudo-label; None: it has none"""


class StageDescription(TypedDict):
    """Epochs of one kind, see `types.Stage`."""

    name: str
    epochs: int
    streams: list[str]


class ScheduleDescription(TypedDict):
    """How long the run trains."""

    cycles: int
    iterations: int
    """steps of an epoch"""
    epochs: list[int]
    """of each cycle"""
    stages: list[list[StageDescription]]
    """of each cycle"""


class InitialBudget(TypedDict):
    """What is labeled before the first cycle."""

    images: int
    pixels: int


class CycleBudget(TypedDict):
    """The most that one acquisition has annotated."""

    regions: int
    pixels: int


class BudgetDescription(TypedDict):
    """The planned cost of all annotations."""

    initial: InitialBudget
    cycles: list[CycleBudget]
    """of each acquisition, in their order"""
    pool_pixels: int


class NameDescription(TypedDict):
    """A part of the run that reports only name."""

    name: str


class PreprocessingDescription(TypedDict):
    """How the network wants its images, in 0..1 before it is applied."""

    mean: list[float]
    std: list[float]
    padding: str
    fit: NotRequired[str]
    """how pictures are brought to the working size; as by `files.fit`, "stretch" where not said"""
    weights: NotRequired[str]
    """where the backbone's first weights come from, which want this; "": they were random"""


class DeviceDescription(TypedDict):
    """What the run began on."""

    kind: str
    count: int


class RunDescription(TypedDict):
    """All of run.json."""

    version: int
    argv: list[str]
    command: str
    seed: int
    name: str
    """what tells its study apart from others, for people"""
    study: dict[str, Any]
    """every option that counts but the seed: equal in runs to take the mean of"""
    setting: dict[str, Any]
    """options that must be equal in two runs before their mIoU can be compared"""
    changed: dict[str, Any]
    """options that differ from the default configuration"""
    dataset: DatasetDescription
    regions: RegionsDescription
    method: MethodDescription
    schedule: ScheduleDescription
    budget: BudgetDescription
    acquisition: NameDescription
    annotator: NameDescription
    preprocessing: PreprocessingDescription
    evaluated: list[str]
    """the splits that it is measured on"""
    checkpoint: dict[str, Any]
    versions: dict[str, str]
    device: DeviceDescription
    revision: str
    """of the source, as git names it; empty where it is not known"""


def describe_run(
    *,
    argv: Sequence[str],
    options: OptionGroups,
    spec: DatasetSpec,
    regions: Regions,
    region_kind: str,
    method: MethodDescription,
    schedule: Schedule,
    stages: Sequence[Sequence[Stage]],
    initial: Sequence[int],
    budgets: Sequence[tuple[int, int]],
    acquisition: str,
    annotator: str,
    preprocessing: PreprocessingDescription,
    evaluated: Sequence[str],
    checkpoint: Mapping[str, Any],
    versions: Mapping[str, str],
    device: DeviceDescription,
    revision: str = "",
) -> RunDescription:
    """The description of a run from what it was built from.

    Args:
      argv: the command, as somebody would type it again.
      options: the run's options, sorted by what reports need them for.
      spec: the dataset.
      regions: what can be queried.
      region_kind: what the configuration calls them.
      method: the learner.
      schedule: how long it trains.
      stages: of each cycle, as planned.
      initial: the pool images that are labeled before the first cycle.
      budgets: the most (regions, pixels) of each acquisition, in their order.
      acquisition: the name of the acquisition function.
      annotator: the name of who annotates.
      preprocessing: of the network.
      evaluated: the splits that are measured on.
      checkpoint: how checkpoints are kept.
      versions: of the program and what it runs on.
      device: what the run begins on.
      revision: of the source; empty where it is not known.
    """
    pool = len(spec.train.names)
    costs = region_costs(regions, pool).sum(axis=1)
    asks = acquisition if budgets else ""
    return {
        "version": VERSION,
        "argv": list(argv),
        "command": shlex.join(argv),
        "seed": options.seed,
        "name": _study_name(method["name"], asks, regions, len(initial) / pool),
        "study": dict(options.study),
        "setting": dict(options.setting),
        "changed": dict(options.changed),
        "dataset": _dataset(spec),
        "regions": _regions(regions, region_kind),
        "method": method,
        "schedule": _schedule(schedule, stages),
        "budget": {
            "initial": {"images": len(initial), "pixels": int(costs[list(initial)].sum())},
            "cycles": [{"regions": count, "pixels": cost} for count, cost in budgets],
            "pool_pixels": int(costs.sum()),
        },
        "acquisition": {"name": acquisition},
        "annotator": {"name": annotator},
        "preprocessing": preprocessing,
        "evaluated": list(evaluated),
        "checkpoint": dict(checkpoint),
        "versions": dict(versions),
        "device": device,
        "revision": revision,
    }


def _study_name(method: str, acquisition: str, regions: Regions, initial_share: float) -> str:
    whole = regions.cell_size == (regions.height, regions.width)
    queries = f"{acquisition} of whole images" if acquisition and whole else acquisition
    start = f"{100 * initial_share:.3g} % labeled at the start"
    return ", ".join(filter(None, (method, queries, start)))


def _dataset(spec: DatasetSpec) -> DatasetDescription:
    return {
        "name": spec.name,
        "height": spec.height,
        "width": spec.width,
        "classes": [
            {"id": one["id"], "name": one["name"], "color": one["color"]} for one in spec.legend
        ],
        "images": {name: len(getattr(spec, name).names) for name in ("train", "val", "test")},
    }


def _regions(regions: Regions, kind: str) -> RegionsDescription:
    described: RegionsDescription = {
        "name": kind,
        "height": regions.height,
        "width": regions.width,
    }
    if regions.cell_size is None:
        described["maps"] = MAPS
    else:
        described["cell_height"], described["cell_width"] = regions.cell_size
    return described


def _schedule(schedule: Schedule, stages: Sequence[Sequence[Stage]]) -> ScheduleDescription:
    return {
        "cycles": schedule.cycles,
        "iterations": schedule.iterations,
        "epochs": [schedule.epochs_of(cycle) for cycle in range(schedule.cycles)],
        "stages": [
            [
                {"name": stage.name, "epochs": stage.epochs, "streams": list(stage.streams)}
                for stage in of_cycle
            ]
            for of_cycle in stages
        ],
    }


def write_run_json(workdir: Path, description: RunDescription) -> None:
    """Write a run's description into its directory, whole or not at all."""
    write_json(workdir / RUN_JSON, description)


def read_run_json(workdir: Path) -> RunDescription:
    """The description in a run's directory; `InputError` where it is missing or damaged."""
    path = workdir / RUN_JSON
    found = read_json(path)
    if found is None:
        raise InputError(
            f"{path}: No such file or directory; the run has not begun, or an earlier version "
            "began it: start it again, or name the directory of another run"
        )
    if isinstance(found, dict) and found.get("version", VERSION) != VERSION:
        raise InputError(
            f"{path} is of version {found['version']!r}, this program reads {VERSION}: read it "
            "with the program that wrote it"
        )
    if wrong := mismatch(found, RunDescription):
        raise InputError(f"{path} is not as a run writes it ({wrong}): restore it from a copy")
    return found


def regions_of(description: RunDescription, workdir: Path) -> Regions:
    """The regions that a run queries; of an irregular partition, those of the images it shows."""
    regions = description["regions"]
    if "maps" in regions:
        return read_region_maps(workdir / regions["maps"])
    cell = regions.get("cell_height", 0), regions.get("cell_width", 0)
    return region_grid(regions["height"], regions["width"], *cell)
