"""Turns a configuration into an experiment; here and in `run.task` names become functions."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from s4al_jax.acquisition.registry import ACQUISITIONS
from s4al_jax.config import options
from s4al_jax.config.defaults import default
from s4al_jax.config.registry import call_with_options, check_types, lookup
from s4al_jax.config.validate import validate
from s4al_jax.engine import devices
from s4al_jax.input.placement import choose_cache
from s4al_jax.input.sampler import PoolImages, StepPlan, plan_steps
from s4al_jax.learn.augment import augmentation
from s4al_jax.learn.feature_views import feature_augmentation
from s4al_jax.learn.optimizer import optimizer, poly
from s4al_jax.learn.registry import OPTIMIZERS
from s4al_jax.methods.registry import METHODS
from s4al_jax.models.build import (
    frozen_network,
    layer_depth,
    network_warning,
    pretrained_network,
)
from s4al_jax.models.frozen import FrozenBackbone
from s4al_jax.regions.protocol import Regions
from s4al_jax.run.task import Task, build_task
from s4al_jax.runtime import processes
from s4al_jax.types import (
    Acquisition,
    DatasetSpec,
    InputError,
    Method,
    Network,
    Schedule,
    Stage,
    TrainState,
)

BATCHES = {
    "labeled": "batch.labeled",
    "unlabeled": "batch.unlabeled",
    "evaluate": "evaluate.batch",
    "score": "score.batch",
}
"""Which option says how large each batch is."""


class Experiment(NamedTuple):
    """A run, ready to go; what its parts were built from stays behind in the configuration."""

    options: Mapping[str, Any]
    """all of them, by dotted name"""
    task: Task
    method: Method
    acquisition: Acquisition
    schedule: Schedule
    mesh: Mesh
    cache: str
    """where decoded images are kept, see `input.placement`"""
    seed: int
    batch: Mapping[str, int]
    """sizes of the batches: labeled, unlabeled, evaluate, score"""
    shown: Mapping[str, int]
    """how many images at most are kept as a network sees them: of the pool, of those measured on"""
    evaluated: tuple[str, ...]
    evaluate_every: int
    checkpoint_every: int
    checkpoint_keep: int
    preprocessing: Mapping[str, Any]
    """how images are treated before the network sees them, for whoever uses it elsewhere, and
    "weights": where those come from that want this; "": the network starts from random ones"""
    warning: str = ""
    """what of the network does not fit the images, in a line; "": nothing"""
    frozen: FrozenBackbone | None = None
    """the backbone, where the network is the head alone and takes features instead of images"""

    @property
    def spec(self) -> DatasetSpec:
        """The dataset."""
        return self.task.spec

    @property
    def regions(self) -> Regions:
        """Where the annotator can be asked."""
        return self.task.regions

    @property
    def initial(self) -> tuple[int, ...]:
        """The pool images that are labeled from the start."""
        return self.task.initial

    def stages(self, cycle: int, pool: PoolImages) -> tuple[Stage, ...]:
        """The stages of a cycle, given what is known of the pool's images."""
        return self.method.stages(self.schedule, cycle, int((~pool.whole).sum()))

    def steps(
        self, cycle: int, pool: PoolImages, start: int = 0, *, method: Method | None = None
    ) -> Iterator[StepPlan]:
        """The steps of a cycle from `start` on, of the task's method or another one."""
        method = method or self.method
        return plan_steps(
            method.stages(self.schedule, cycle, int((~pool.whole).sum())),
            method.streams,
            pool,
            iterations=self.schedule.iterations,
            batches=self.batch,
            seed=self.seed,
            cycle=cycle,
            start=start,
        )

    def initial_pool(self) -> PoolImages:
        """What is known before the first cycle; every image, where regions are annotated first."""
        labeled = np.isin(np.arange(len(self.spec.train.names)), self.initial)
        return PoolImages(whole=labeled, known=labeled if labeled.any() else ~labeled)

    def cycle_key(self, cycle: int) -> jax.Array:
        """The key that all device randomness of a cycle comes from."""
        return jax.random.fold_in(jax.random.PRNGKey(self.seed), cycle)

    @property
    def state_shapes(self) -> TrainState:
        """Shapes for arrays: what a checkpoint holds."""
        return shapes_of(self.method, len(self.spec.classes))

    def fresh_state(self, cycle: int, class_pixels: np.ndarray) -> TrainState:
        """A cycle's first state when nothing is carried over; its shapes fit every state."""
        return self.method.init(self.cycle_key(cycle), class_pixels, None)


def shapes_of(method: Method, num_classes: int) -> TrainState:
    """Shapes for the arrays of a method's state."""
    pixels = np.ones(num_classes, np.int64)
    return jax.eval_shape(lambda: method.init(jax.random.PRNGKey(0), pixels, None))


def build(
    config: ConfigDict, spec: DatasetSpec | None = None, *, starts: bool = True
) -> Experiment:
    """Check the configuration as far as is possible without reading images, and build it all.

    Args:
      config: the configuration.
      spec: takes the place of the dataset that the configuration names.
      starts: whether networks will be trained; if not, published weights need not be there.
    """
    given = options.flat(config)
    _check_types(given)
    validate(config)
    _check_same_command(given)
    devices.enable_compilation_cache()
    mesh = devices.mesh(config.devices)
    sizes = {option: given[option] for option in BATCHES.values()}
    devices.check_divisible(mesh, sizes)
    _check_microbatches(config.batch, mesh)
    task = build_task(config, spec)
    network, preprocessing, frozen = build_network(config.model, task.spec, mesh, starts=starts)
    if frozen:
        _check_frozen(config)
    method = build_method(config, network, len(task.spec.classes), frozen)
    experiment = Experiment(
        options=given,
        task=task,
        method=method,
        acquisition=build_acquisition(config.acquisition, task.regions, method, network),
        schedule=_schedule(config.schedule, mesh),
        mesh=mesh,
        cache=_cache(config.data.cache, task.spec, mesh, frozen),
        seed=config.seed,
        batch={name: sizes[option] for name, option in BATCHES.items()},
        shown={"pool": config.report.pool_images, "measured": config.report.measured_images},
        evaluated=tuple(s for s in config.evaluate.splits if getattr(task.spec, s).names),
        evaluate_every=config.evaluate.every_epochs,
        checkpoint_every=config.checkpoint.every_epochs,
        checkpoint_keep=config.checkpoint.keep,
        preprocessing=preprocessing,
        warning=_warning(config, task.spec),
        frozen=frozen,
    )
    _check_stages(experiment)
    return experiment


def build_network(
    model: ConfigDict, spec: DatasetSpec, mesh: Mesh, *, starts: bool = True
) -> tuple[Network, Mapping[str, Any], FrozenBackbone | None]:
    """The network that a configuration names, how images are treated, and its frozen backbone."""
    given: dict[str, Any] = {
        "num_classes": len(spec.classes),
        "image_size": (spec.height, spec.width),
        "channels": spec.channels,
        "platform": mesh.devices.flat[0].platform,
    }
    frozen = None
    if model.frozen:
        network, frozen, weights, origin, news = frozen_network(model.to_dict(), **given)
    else:
        network, weights, origin, news = pretrained_network(model.to_dict(), **given, starts=starts)
    if news and processes.is_primary():
        print(news, flush=True)
    treated = {"mean": weights.mean, "std": weights.std, "padding": weights.padding}
    return network, {**treated, "weights": origin}, frozen


def _warning(config: ConfigDict, spec: DatasetSpec) -> str:
    """Which options of the network do not fit the size of what it is trained on."""
    size = (config.augment.crop_height or spec.height, config.augment.crop_width or spec.width)
    return network_warning(config.model.to_dict(), size, spec.channels)


def build_method(
    config: ConfigDict, network: Network, num_classes: int, frozen: FrozenBackbone | None = None
) -> Method:
    """The learner that a configuration names, with its optimizer and augmentation."""
    views = augmentation(**config.augment)
    if frozen:
        views = feature_augmentation(frozen.layout, config.augment.to_dict())
    rule = call_with_options(
        lookup(OPTIMIZERS, "optimizer.name", config.optimizer.name),
        "optimizer.kwargs",
        config.optimizer.kwargs,
    )
    given = config.optimizer
    rate = poly(base=given.learning_rate, power=given.power, floor=given.floor)
    moves = optimizer(
        rule,
        rate,
        backbone_factor=given.backbone_factor,
        layer_decay=given.layer_decay,
        layer_depth=layer_depth(config.model.to_dict()) if given.layer_decay < 1.0 else None,
    )
    return call_with_options(
        lookup(METHODS, "method.name", config.method.name),
        "method.kwargs",
        config.method.kwargs,
        network=network,
        optimizer=moves,
        augmentation=views,
        num_classes=num_classes,
        microbatches=config.batch.microbatches,
    )


def build_acquisition(
    acquisition: ConfigDict, regions: Regions, method: Method, network: Network | None = None
) -> Acquisition:
    """The acquisition function that a configuration names, for a network that offers its maps.

    Without a network, that is left to the first batch.
    """
    scores_with = acquisition.kwargs.get("network", "")
    if scores_with and scores_with not in method.networks:
        raise InputError(
            f"config.acquisition.kwargs.network is {scores_with!r}, but the method only trains "
            f"{', '.join(method.networks)}"
        )
    built = call_with_options(
        lookup(ACQUISITIONS, "acquisition.name", acquisition.name),
        "acquisition.kwargs",
        acquisition.kwargs,
        regions=regions,
    )
    if network is not None:
        network.require(built.extras)
    return built


def _check_types(given: Mapping[str, Any]) -> None:
    """A configuration may come from a file; blocks of kwargs are checked with what they are for."""
    usual = options.flat(default())
    check_types(given, {name: value for name, value in usual.items() if ".kwargs." not in name})


def _check_frozen(config: ConfigDict) -> None:
    """Refuse what has no meaning, or does not work yet, where the backbone is not trained."""
    if config.optimizer.backbone_factor != 1.0:
        raise InputError(
            f"config.optimizer.backbone_factor is {config.optimizer.backbone_factor}, but "
            "config.model.frozen is 'backbone', which is not trained: leave it 1.0"
        )
    if processes.is_distributed():
        raise InputError(
            "config.model.frozen is 'backbone', which keeps features for one host: start the run "
            "on one, or set --config.model.frozen="
        )


def _check_microbatches(batch: ConfigDict, mesh: Mesh) -> None:
    for name in ("labeled", "unlabeled"):
        if batch[name] % (batch.microbatches * mesh.size):
            raise InputError(
                f"config.batch.{name} {batch[name]} cannot be learned in {batch.microbatches} "
                f"equal parts on {mesh.size} devices: choose config.batch.microbatches so that it "
                "divides"
            )


def _check_same_command(given: Mapping[str, Any]) -> None:
    """Only where the data lies may differ between hosts."""
    shared = {name: value for name, value in given.items() if name != "data.root"}
    processes.assert_equal_across_processes(
        "the configuration", shared, "give the same command to all hosts"
    )


def _check_stages(experiment: Experiment) -> None:
    """Refuse a method whose stages do not fit the schedule, before anything is trained."""
    pool = experiment.initial_pool()
    for cycle in range(experiment.schedule.cycles):
        epochs = sum(stage.epochs for stage in experiment.stages(cycle, pool))
        if epochs != experiment.schedule.epochs_of(cycle):
            raise ValueError(f"the stages of cycle {cycle} take {epochs} epochs")
        experiment.steps(cycle, pool)


def _cache(wanted: str, spec: DatasetSpec, mesh: Mesh, frozen: FrozenBackbone | None) -> str:
    """As process 0 has room; the others are taken to have as much."""
    images = sum(len(split.names) for split in (spec.train, spec.val, spec.test))
    pixels = images * spec.height * spec.width
    channels = spec.channels
    if frozen:
        # Bytes of features for each pixel.
        channels = -(-2 * math.prod(frozen.row_shape) // (spec.height * spec.width))
    return processes.broadcast_from_primary(
        lambda: choose_cache(wanted, pixels=pixels, memory=devices.memory(mesh), channels=channels)
    )


def _schedule(schedule: ConfigDict, mesh: Mesh) -> Schedule:
    kwargs = schedule.to_dict()
    built = Schedule(cycles=kwargs.pop("acquisitions") + 1, **kwargs)
    built.validate()
    if built.steps_per_call > 1 and mesh.devices.flat[0].platform == "cpu":
        # XLA's convolutions inside a loop are not the fast ones there.
        raise InputError(
            f"config.schedule.steps_per_call is {built.steps_per_call}, with which a CPU takes "
            "many times longer: leave it 1"
        )
    return built
