"""Turns a configuration into objects; here and in `architecture` names become functions."""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from s4al_jax.acquisition.functions import random_regions, uncertainty
from s4al_jax.acquisition.scores import entropy, least_confidence, margin
from s4al_jax.acquisition.select import budget
from s4al_jax.config import defaults
from s4al_jax.config.registry import call_with_options, check_types, lookup
from s4al_jax.data.camvid import camvid
from s4al_jax.data.cityscapes import cityscapes
from s4al_jax.data.folder import folder
from s4al_jax.data.splits import initial_images
from s4al_jax.data.tfds import records
from s4al_jax.engine import devices
from s4al_jax.input import schedule as plan
from s4al_jax.input.placement import placement
from s4al_jax.input.source import (
    CachedSource,
    ResidentSource,
    Rows,
    Source,
    StreamedSource,
    all_rows,
)
from s4al_jax.labels.file_annotator import person
from s4al_jax.labels.oracle import Oracle, simulated
from s4al_jax.learn.augment import augmentation
from s4al_jax.learn.optimizer import poly, sgd
from s4al_jax.methods.s4al import s4al
from s4al_jax.methods.supervised import supervised
from s4al_jax.models import build as architecture
from s4al_jax.regions import RegionGrid, region_grid, whole_image
from s4al_jax.runtime import processes
from s4al_jax.streets.dataset import streets
from s4al_jax.types import (
    Acquisition,
    Budget,
    DatasetSpec,
    ImageSet,
    InputError,
    Method,
    Network,
    TrainState,
)

DATASETS: dict[str, Callable[..., DatasetSpec]] = {
    "camvid": camvid,
    "cityscapes": cityscapes,
    "folder": folder,
    "synthetic": streets,
    "tfds": records,
}
METHODS: dict[str, Callable[..., Method]] = {"s4al": s4al, "supervised": supervised}
ACQUISITIONS: dict[str, Callable[..., Acquisition]] = {
    "random": lambda grid, *, network, scope: random_regions(grid, scope=scope),
    "least_confidence": functools.partial(uncertainty, least_confidence),
    "entropy": functools.partial(uncertainty, entropy),
    "margin": functools.partial(uncertainty, margin),
}
ANNOTATORS: dict[str, Callable[[DatasetSpec, Path, str], Oracle]] = {
    "simulated": lambda spec, workdir, annotator: simulated(spec.train),
    "folder": lambda spec, workdir, annotator: person(spec, workdir, annotator=annotator),
}
"""name -> (the dataset, the run's directory, who answers) -> oracle"""


BATCHES = {
    "labeled": "batch.labeled",
    "unlabeled": "batch.unlabeled",
    "evaluate": "evaluate.batch",
    "score": "score.batch",
}
"""Which option says how large each batch is."""


class Experiment(NamedTuple):
    """A run, ready to go; what each part was built from stays behind in the configuration."""

    options: Mapping[str, Any]
    spec: DatasetSpec
    initial: tuple[int, ...]
    grid: RegionGrid
    given: Oracle
    """knows the images that are labeled from the start"""
    oracle: Callable[[Path], Oracle]
    """the run's directory -> who is asked about all others"""
    method: Method
    acquisition: Acquisition
    allowance: Callable[[int], Budget]
    """number of images that can be asked about -> what one acquisition may spend"""
    schedule: plan.Schedule
    steps: Callable[[int, np.ndarray, np.ndarray, int], Iterator[plan.StepPlan]]
    """(cycle, labeled images, unlabeled images, first step) -> the steps from there on"""
    mesh: Mesh
    residence: str
    """where decoded images live, see `input.placement`"""
    seed: int
    batch: Mapping[str, int]
    """rows of each batch: labeled, unlabeled, evaluate, score"""
    shown: Mapping[str, int]
    """at most so many images are kept as a network sees them: of the pool, of those measured on"""
    evaluated: tuple[str, ...]
    evaluate_every: int
    checkpoint_every: int
    checkpoint_keep: int

    def cycle_key(self, cycle: int) -> jax.Array:
        """The key that all device randomness of a cycle comes from."""
        return jax.random.fold_in(jax.random.PRNGKey(self.seed), cycle)

    @property
    def state_shapes(self) -> TrainState:
        """Shapes for arrays: what a checkpoint holds."""
        pixels = np.ones(len(self.spec.classes), np.int64)
        return jax.eval_shape(lambda: self.fresh_state(0, pixels))

    def fresh_state(self, cycle: int, class_pixels: np.ndarray) -> TrainState:
        """A cycle's first state when nothing is carried over; its shapes fit every state."""
        return self.method.init(self.cycle_key(cycle), class_pixels, None)


def build(config: ConfigDict, spec: DatasetSpec | None = None) -> Experiment:
    """Check the configuration as far as is possible without reading images, and build it all.

    `spec` takes the place of the dataset that the configuration names.
    """
    given = defaults.flat(config)
    _check_kinds(given)
    defaults.validate(config)
    _check_same_command(given)
    devices.enable_compilation_cache()
    mesh = devices.mesh(config.devices)
    sizes = {option: given[option] for option in BATCHES.values()}
    devices.check_divisible(mesh, sizes)
    _check_parts(config.batch, mesh)
    spec = spec or dataset(config.data)
    method = _method(config, _network(config.model, spec, mesh), spec)
    grid = regions(config.acquisition, spec)
    schedule = _schedule(config.schedule, mesh)
    oracle = lookup(ANNOTATORS, "oracle.name", config.oracle.name)
    annotator = config.oracle.annotator
    initial = _initial(config, spec)
    spec = _without_secrets(spec, initial, config.oracle.name)
    _check_budget(config, grid, pool=len(spec.train.names), initial=len(initial))
    return Experiment(
        options=given,
        spec=spec,
        initial=initial,
        grid=grid,
        given=simulated(spec.train, "simulated" if config.oracle.name == "simulated" else "given"),
        oracle=lambda workdir: oracle(spec, workdir, annotator),
        method=method,
        acquisition=_acquisition(config.acquisition, grid, method),
        allowance=_allowance(config.acquisition, grid, len(spec.train.names)),
        schedule=schedule,
        steps=_steps(config, schedule, method),
        mesh=mesh,
        residence=_residence(config.data.residence, spec, mesh),
        seed=config.seed,
        batch={name: sizes[option] for name, option in BATCHES.items()},
        shown={"pool": config.report.pool_images, "measured": config.report.measured_images},
        evaluated=tuple(s for s in config.evaluate.splits if getattr(spec, s).names),
        evaluate_every=config.evaluate.every_epochs,
        checkpoint_every=config.checkpoint.every_epochs,
        checkpoint_keep=config.checkpoint.keep,
    )


def _check_kinds(given: Mapping[str, Any]) -> None:
    """A configuration may come from a file; blocks of kwargs are checked with what they are for."""
    usual = defaults.flat(defaults.default())
    check_types(given, {name: value for name, value in usual.items() if ".kwargs." not in name})


def _check_parts(batch: ConfigDict, mesh: Mesh) -> None:
    for name in ("labeled", "unlabeled"):
        if batch[name] % (batch.parts * mesh.size):
            raise InputError(
                f"config.batch.{name} {batch[name]} cannot be learned in {batch.parts} equal parts "
                f"on {mesh.size} devices: choose config.batch.parts so that it divides"
            )


def _check_same_command(given: Mapping[str, Any]) -> None:
    """Only where the data lies may differ between hosts."""
    options_alike = {name: value for name, value in given.items() if name != "data.root"}
    processes.assert_equal_across_processes(
        "the configuration", options_alike, "give the same command to all hosts"
    )


def _residence(wanted: str, spec: DatasetSpec, mesh: Mesh) -> str:
    """As process 0 has room; the others are taken to have as much."""
    return processes.broadcast_from_primary(
        lambda: placement(wanted, pixels=_pixels(spec), room=devices.memory(mesh))
    )


def _initial(config: ConfigDict, spec: DatasetSpec) -> tuple[int, ...]:
    """Drawn where all images have a truth, to study with; a person's own labels are all used."""
    known = spec.train.known
    if config.data.initial_share == 1.0 and not known.all():
        name = spec.train.names[int(np.argmin(known))]
        raise InputError(
            f"{name} has no label, and config.data.initial_share 1.0 is to learn from all labels: "
            "label it, or choose a smaller share"
        )
    if known.all() and (config.oracle.name != "folder" or not config.schedule.acquisitions):
        return initial_images(len(known), config.data.initial_share, config.seed)
    if config.oracle.name == "simulated":
        name = spec.train.names[int(np.argmin(known))]
        raise InputError(
            f"{name} has no label, and the simulated oracle has to know all: label it, or set "
            "config.oracle.name=folder to be asked"
        )
    return tuple(map(int, np.flatnonzero(known)))


def _without_secrets(spec: DatasetSpec, initial: Sequence[int], oracle: str) -> DatasetSpec:
    """Where a person answers, nothing reads a truth of the pool but that of the first images."""
    if oracle == "simulated":
        return spec
    known = np.isin(np.arange(len(spec.train.names)), initial)
    return spec._replace(train=spec.train._replace(has_truth=tuple(known.tolist())))


def source(
    images: ImageSet,
    read_label: Callable[[int], np.ndarray],
    *,
    residence: str = "cached",
    place: Callable[[np.ndarray], jax.Array] = jnp.asarray,
    rows: Rows = all_rows,
) -> Source:
    """A split's images on their way to the device, with what may be known of them."""
    count = len(images.names)
    if residence == "streamed" or not count:
        return StreamedSource(read_image=images.read_image, read_label=read_label, rows=rows)
    if residence == "resident":
        return ResidentSource(
            read_image=images.read_image,
            read_label=read_label,
            count=count,
            place=place,
            rows=rows,
        )
    return CachedSource(read_image=images.read_image, read_label=read_label, count=count, rows=rows)


def _pixels(spec: DatasetSpec) -> int:
    count = sum(len(split.names) for split in (spec.train, spec.val, spec.test))
    return count * spec.height * spec.width


def dataset(data: ConfigDict) -> DatasetSpec:
    """The images and labels that a configuration names."""
    factory = lookup(DATASETS, "data.name", data.name)
    # What is not read from a disk has neither.
    on_disk = {"root": data.root, "max_pixels": data.max_pixels}
    known = inspect.signature(factory).parameters
    given = {name: value for name, value in on_disk.items() if name in known}
    return call_with_options(
        factory, "data.kwargs", data.kwargs, height=data.height, width=data.width, **given
    )


def _network(model: ConfigDict, spec: DatasetSpec, mesh: Mesh) -> Network:
    network, news = architecture.pretrained_network(
        model.to_dict(),
        num_classes=len(spec.classes),
        image_size=(spec.height, spec.width),
        platform=mesh.devices.flat[0].platform,
    )
    if news and processes.is_primary():
        print(news, flush=True)
    return network


def _method(config: ConfigDict, network: Network, spec: DatasetSpec) -> Method:
    rule = config.optimizer
    return call_with_options(
        lookup(METHODS, "method.name", config.method.name),
        "method.kwargs",
        config.method.kwargs,
        network=network,
        optimizer=sgd(
            momentum=rule.momentum, nesterov=rule.nesterov, weight_decay=rule.weight_decay
        ),
        learning_rate=poly(base=rule.learning_rate, power=rule.power, floor=rule.floor),
        views=augmentation(**config.augment),
        num_classes=len(spec.classes),
        parts=config.batch.parts,
    )


def regions(acquisition: ConfigDict, spec: DatasetSpec) -> RegionGrid:
    """The cells that can be asked for."""
    if acquisition.unit == "images":
        return whole_image(spec.height, spec.width)
    return region_grid(spec.height, spec.width, acquisition.cell_height, acquisition.cell_width)


def _acquisition(acquisition: ConfigDict, grid: RegionGrid, method: Method) -> Acquisition:
    question = lookup(ACQUISITIONS, "acquisition.name", acquisition.name)
    if acquisition.name != "random" and acquisition.network not in method.networks:
        raise InputError(
            f"config.acquisition.network is {acquisition.network!r}, but the method only trains "
            f"{', '.join(method.networks)}"
        )
    # A whole image competes with the other images, never with its own cells.
    scope = "pool" if acquisition.unit == "images" else acquisition.scope
    return question(grid, network=acquisition.network, scope=scope)


def _allowance(acquisition: ConfigDict, grid: RegionGrid, pool: int) -> Callable[[int], Budget]:
    if acquisition.unit == "cells":
        return lambda images: budget(
            grid,
            per_image=acquisition.cells_per_image,
            images=images,
            scope=acquisition.scope,
        )
    wanted = images_per_cycle(acquisition.image_share, pool)
    return lambda images: budget(grid, per_image=1, images=min(wanted, images), scope="pool")


def images_per_cycle(share: float, pool: int) -> int:
    """Whole images that one acquisition asks for."""
    return max(1, round(share * pool))


def _check_budget(config: ConfigDict, grid: RegionGrid, *, pool: int, initial: int) -> None:
    """Refuse to plan for more than there is."""
    # Where nothing is known at the start, the first question comes before the first cycle.
    rounds, asked = config.schedule.acquisitions + (not initial), config.acquisition
    if not rounds:
        return
    if initial == pool:
        raise InputError(
            f"all {pool} images are labeled from the start: nothing is left to ask for; set "
            "config.schedule.acquisitions to 0, or config.oracle.name to simulated and "
            "config.data.initial_share below 1"
        )
    if asked.unit == "images":
        wanted, there = rounds * images_per_cycle(asked.image_share, pool), pool - initial
        what = f"config.acquisition.image_share {asked.image_share}"
    else:
        wanted, there = rounds * asked.cells_per_image, grid.rows * grid.cols
        what = f"config.acquisition.cells_per_image {asked.cells_per_image}"
    if asked.unit == "cells" and asked.cells_per_image < 1 or wanted > there:
        fit = "at least 1" if asked.unit == "cells" and asked.cells_per_image < 1 else "less"
        raise InputError(
            f"{what} in {rounds} acquisitions is a budget of {wanted} {asked.unit}, but there are "
            f"{there}{'' if asked.unit == 'images' else ' in an image'} to buy: choose {fit}"
        )


def _schedule(schedule: ConfigDict, mesh: Mesh) -> plan.Schedule:
    kwargs = schedule.to_dict()
    built = plan.Schedule(cycles=kwargs.pop("acquisitions") + 1, **kwargs)
    built.validate()
    if built.steps_together > 1 and mesh.devices.flat[0].platform == "cpu":
        # XLA's convolutions inside a loop are not the fast ones there.
        raise InputError(
            f"config.schedule.steps_together is {built.steps_together}, with which a CPU takes "
            "many times longer: leave it 1"
        )
    return built


def _steps(
    config: ConfigDict, schedule: plan.Schedule, method: Method
) -> Callable[[int, np.ndarray, np.ndarray, int], Iterator[plan.StepPlan]]:
    chosen = functools.partial(
        plan.steps,
        schedule,
        seed=config.seed,
        batch_labeled=config.batch.labeled,
        batch_unlabeled=config.batch.unlabeled,
        replay_capacity=config.replay.capacity,
        replay_pop=config.replay.pop,
        phases=method.phases,
    )
    return lambda cycle, labeled, others, start: chosen(
        cycle=cycle, labeled_images=labeled, unlabeled_images=others, start=start
    )
