"""The types that all rooms share: label codes, batches, and what a part of each axis is.

This module depends on numpy alone, so that rooms without JAX speak the language of those with it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

Array = Any
"""A numpy array on the host, a JAX array (or tracer) on the device."""

Tree = Any
"""A nested container of arrays: network parameters, batch statistics, an optimizer's state."""

UNLABELED = 254
"""In a label map: nobody has been asked yet."""

VOID = 255
"""In a label map: asked, and it is none of the classes. Costs budget, teaches nothing."""


class InputError(ValueError):
    """Something that was given does not fit; the message is one line that says what to do."""


class AnnotationsPending(Exception):
    """Somebody was asked and has not answered yet: the run stops here and goes on later."""


class Box(NamedTuple):
    """A rectangle of pixels; `bottom` and `right` are the first row and column outside it."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the box."""
        return self.bottom - self.top, self.right - self.left

    @property
    def area(self) -> int:
        """Pixels in the box."""
        return (self.bottom - self.top) * (self.right - self.left)

    def within(self, outer: "Box") -> "Box":
        """The box, counted from the corner of one around it."""
        down, across = outer.top, outer.left
        return Box(self.top - down, self.left - across, self.bottom - down, self.right - across)

    @property
    def slices(self) -> tuple[slice, slice]:
        """The box as an index into a `[height, width, ...]` array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


class RegionRef(NamedTuple):
    """A region of an image; `image` counts in the full pool, `region` in the image: only `Regions`
    know what it stands for, in a grid row * columns + column."""

    image: int
    region: int


class Annotation(NamedTuple):
    """The labels of one region: class ids (or `VOID`) of its pixels, who gave them and when."""

    region: RegionRef
    labels: np.ndarray
    """uint8 of the size of the region's box; `UNLABELED` outside of its mask"""
    annotator: str
    cycle: int
    time: str = ""
    """when they were given, in ISO 8601; empty where it took no time"""
    size: tuple[int, int] | None = None
    """height and width of the picture whose pixels box and mask count; None: the working size"""


class ImageSet(NamedTuple):
    """A split of a dataset: names, and readers that are called only when a picture is needed."""

    names: tuple[str, ...]
    read_image: Callable[[int], np.ndarray]
    """index -> uint8 `[height, width, channels]`: RGB, or the bands of `DatasetSpec.channels`"""
    read_truth: Callable[[int], np.ndarray]
    """index -> uint8 `[height, width]` of class ids and `VOID`, where there is a truth"""
    read_original: Callable[[int], np.ndarray] | None = None
    """index -> the image before it was brought to the working size; None: it always had that"""
    read_original_truth: Callable[[int], np.ndarray] | None = None
    """index -> the truth of that size, if there is one beside `read_truth`'s"""
    has_truth: tuple[bool, ...] | None = None
    """for each image whether anybody has labeled it; None: all are"""
    shown: Callable[[int], tuple[int, int]] | None = None
    """index -> the original's rows and columns that are no padding; None: there is no padding"""
    display: tuple[int, ...] = (0, 1, 2)
    """the bands that a person is shown as red, green and blue"""
    read_deep: Callable[[int], np.ndarray | None] | None = None
    """index -> uint16 `[height, width, channels]`: the numbers in a file of 16 bits; None: of 8"""

    @property
    def known(self) -> np.ndarray:
        """bool `[images]`: which have a truth."""
        return np.array(self.has_truth or [self.has_truth is None] * len(self.names), bool)

    def to_display(self, image: np.ndarray) -> np.ndarray:
        """uint8 `[height, width, 3]`: an image that was read here, as a person looks at it."""
        return np.take(image, self.display, axis=-1)

    def picture(self, index: int) -> np.ndarray:
        """uint8 `[height, width, 3]`: an image at the working size, as a person looks at it."""
        return self.to_display(self.read_image(index))

    def original(self, index: int) -> np.ndarray:
        """uint8 `[any height, any width, 3]`: an image at its own size, as a person looks at it."""
        return self.to_display((self.read_original or self.read_image)(index))


class DatasetSpec(NamedTuple):
    """What there is to learn from: `train` is the pool, `val` and `test` are only measured on."""

    name: str
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    height: int
    width: int
    train: ImageSet
    val: ImageSet
    test: ImageSet
    fit: str = "stretch"
    """how pictures were brought to the working size, see `files.fit`"""
    channels: int = 3
    """bands of an image, see `files.bands`"""
    value_range: tuple[int, ...] = ()
    """which numbers of 16 bits became 0 and 255; empty: all 65536 became 256"""

    @property
    def legend(self) -> list[dict[str, Any]]:
        """The classes as files say them: id, name and color of each."""
        named = enumerate(self.classes)
        return [{"id": i, "name": name, "color": list(self.palette[i])} for i, name in named]


class Batch(NamedTuple):
    """Images as they lie on disk (`uint8`; the device normalizes), with what is known of them."""

    image: Array
    """uint8 `[batch, height, width, channels]`; float16 features where the backbone is frozen"""
    label: Array
    """uint8 `[batch, height, width]`: class ids, `VOID` or `UNLABELED`"""
    index: Array
    """int32 `[batch]`: which images these are, counted in their split"""
    valid: Array
    """bool `[batch]`: False where a row only pads the batch to its static size"""
    extra: Mapping[str, Array] = {}
    """maps `[batch, height, width]` by name: "regions" (ids), stored pseudo-labels, weights"""


class StepInputs(NamedTuple):
    """Everything one training step sees of the outside world."""

    streams: Mapping[str, Batch]
    """a batch of each stream of the step's stage: "labeled", "unlabeled", ..."""
    progress: Array
    """float32 scalar: the share of this training's epochs that are done, for the learning rate"""


class Shuffle(NamedTuple):
    """A stream of images in random order; each comes once before any comes again."""

    images: str
    """"whole" (labeled in every pixel), "known" (in some or all), "unlabeled" (not in every pixel)
    or "all"; where no image is whole, "whole" is "known" """
    batch: str = "labeled"
    """which of the configured batch sizes it has"""
    partial_share: float = 0.0
    """of each batch, the share that is drawn from images labeled in some pixels only"""


class Replay(NamedTuple):
    """A stream that draws from a buffer of what another stream has given earlier in the cycle."""

    stream: str
    capacity: int
    pop: bool = False
    """whether a drawn image leaves the buffer"""


class Schedule(NamedTuple):
    """How long a run trains. Cycles, epochs and steps are counted from 0."""

    cycles: int
    """trainings; between them lie `cycles - 1` acquisitions"""
    iterations: int
    """steps of an epoch"""
    epochs: int
    """of every cycle but the last"""
    last_epochs: int
    """of the last cycle"""
    steps_per_call: int = 1
    """steps that a device takes in one call"""

    def epochs_of(self, cycle: int) -> int:
        """Epochs of one cycle."""
        return self.last_epochs if cycle >= self.cycles - 1 else self.epochs

    def steps_of(self, cycle: int) -> int:
        """Steps of one cycle."""
        return self.epochs_of(cycle) * self.iterations

    def first_step(self, cycle: int) -> int:
        """Steps of all cycles before this one."""
        return sum(self.steps_of(earlier) for earlier in range(cycle))

    @property
    def total_steps(self) -> int:
        """Steps of all cycles."""
        return self.first_step(self.cycles)

    def validate(self) -> None:
        """Raise `InputError` unless the numbers make sense together."""
        for name in ("cycles", "iterations", "epochs", "last_epochs", "steps_per_call"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}: use at least 1")
        if self.iterations % self.steps_per_call:
            raise InputError(
                f"steps_per_call is {self.steps_per_call}, which does not divide the "
                f"{self.iterations} iterations of an epoch: choose one that does"
            )


class Stage(NamedTuple):
    """Some epochs of a cycle in which every step is of one kind: it is compiled once."""

    name: str
    epochs: int
    streams: tuple[str, ...]
    new_generation: bool = False
    """whether `Method.between` is called before it: to label the pool, to start a new student"""


class Prediction(NamedTuple):
    """What a network says about a batch of images."""

    logits: Array
    """float32 `[batch, height, width, classes]`, or as coarse as the network computes them"""
    features: Array
    """`[batch, height / stride, width / stride, channels]`: what the last layers are given"""
    extras: Mapping[str, Array] = {}
    """further maps by name ("embedding", ...) if asked for, each as coarse as it is computed"""


class ApplyNetwork(Protocol):
    """The forward pass of a network, a pure function."""

    def __call__(
        self,
        variables: Tree,
        images: Array,
        *,
        train: bool,
        rngs: Mapping[str, Array] | None = None,
        groups: tuple[int, ...] | None = None,
        full_size: bool = True,
        extras: tuple[str, ...] = (),
    ) -> tuple[Prediction, Tree]:
        """Predict, and say what the statistics are after the pass.

        All but `variables`, `images` and `rngs` is static: another value is another program.

        Args:
          variables: `{"params": ..., "batch_stats": ...}`, the latter if the network has any.
          images: float32 `[batch, height, width, channels]` in 0..1, which the network normalizes.
          train: whether batch statistics normalize, and update the running ones, which else do.
          rngs: `{"dropout": key}` drops units at random, with or without `train`; None: none.
          groups: with `train`, the number of images in each of several batches, which follow one
            another in `images`; the numbers are those of one pass for each. None: all are one.
          full_size: whether logits get the images' size; else they are coarse, as `summed` wants.
          extras: the names of the maps to give in `Prediction.extras`; see `Network.require`.

        Returns:
          The prediction, and the statistics: `{**variables, **statistics}` are the variables then.
        """


class Network(NamedTuple):
    """What a learner needs of an architecture."""

    init: Callable[[Array], Tree]
    """key -> variables in new arrays; "batch_stats" where statistics of a batch normalize"""
    apply: ApplyNetwork
    summed: Callable[..., Array] | None = None
    """(function, logits, *maps) -> the sum of `function(logits, *maps)` over all pixels, by rows,
    from logits of `full_size=False` and maps of the images' size. None: it is not offered"""
    offers: tuple[str, ...] = ()
    """the maps that it can give in `Prediction.extras`"""

    def require(self, extras: Iterable[str]) -> None:
        """Raise `InputError` unless the network offers these; for what needs them, when built."""
        if missing := [name for name in extras if name not in self.offers]:
            offered = ", ".join(self.offers) or "no extras"
            missed = f"the network gives no {missing[0]!r}, it offers {offered}"
            raise InputError(f"{missed}: choose a config.model.head that does")


class TrainState(NamedTuple):
    """All that changes while a cycle is learned; a checkpoint is this and nothing else."""

    step: Array
    """int32 scalar: steps done in this cycle"""
    student: Tree
    """variables `{"params", "batch_stats"}`"""
    teacher: Tree
    """as `student`; empty for a method without a teacher"""
    opt_state: Tree
    key: Array
    """raw uint32 key data of this cycle; a step uses `fold_in(key, step)`"""
    extra: Mapping[str, Tree]
    """what a method keeps for itself"""


Metrics = Mapping[str, Array]
"""Float scalars by name; `loss` is always among them."""

StorePool = Callable[[Callable[[TrainState, Batch], Mapping[str, Array]]], None]
"""Runs a function over the pool; its maps are `Batch.extra` in the cycle's later stages alone."""


class Method(NamedTuple):
    """A learner: the idea of optax's `GradientTransformation`, for semi-supervised training."""

    init: Callable[[Array, np.ndarray, TrainState | None], TrainState]
    """(key, labeled pixels of each class, the previous cycle's last state) -> state at step 0"""
    update: Callable[[TrainState, StepInputs, str], tuple[TrainState, Metrics]]
    """(state, inputs, name of the stage) -> state and metrics; pure, compiled once a stage"""
    predict: Callable[..., Prediction]
    """(variables of a network, uint8 images, *, extras=()) -> prediction, running statistics"""
    networks: tuple[str, ...]
    """the fields of `TrainState` that hold a network worth evaluating, the preferred one last"""
    streams: Mapping[str, Shuffle | Replay]
    """where the images of each stream come from"""
    stages: Callable[[Schedule, int, int], tuple[Stage, ...]]
    """(schedule, cycle, images that are not labeled in every pixel) -> the stages of the cycle"""
    sample: Callable[..., Prediction] | None = None
    """as `predict`, with `rngs`: units are dropped, statistics are the running ones"""
    carries_over: bool = True
    """whether a cycle's first state may depend on the last state of the cycle before"""
    between: Callable[[Array, TrainState, Stage, StorePool], TrainState] | None = None
    """(key, state, the coming stage, keeps maps of the pool) -> the state that it begins with"""
    class_groups: Callable[[TrainState], Mapping[str, Array]] | None = None
    """state -> bool `[classes]` by name ("head", "tail"), where the method tells classes apart"""


class Budget(NamedTuple):
    """What a selection may spend: at most `per_image` regions of an image, `pixels` in all."""

    per_image: int | None
    pixels: int | None


class PoolState(NamedTuple):
    """The pool as a selection finds it; arrays are `[images, max_regions]`."""

    open: np.ndarray
    """bool: regions of which no pixel is known, which can be chosen"""
    labeled: np.ndarray
    """bool: regions of which every pixel is known"""
    costs: np.ndarray
    """int64: pixels; 0 where an image has fewer regions"""
    class_pixels: np.ndarray
    """int64 `[classes]`: labeled pixels of each class"""


class ScoringState(NamedTuple):
    """The networks that a score may look at."""

    task: TrainState
    learner: TrainState | None = None
    """the acquisition's own, where it has one"""


class Acquisition(NamedTuple):
    """An acquisition function: which regions should be annotated next?"""

    summarize: Callable[[Method, ScoringState, Batch, Array], Mapping[str, Array]]
    """on the device: (method, states, images, keys) -> arrays `[batch, max_regions, ...]` by name;
    "score" is what reports show. The key of an image does not depend on its batch."""
    select: Callable[
        [Mapping[str, np.ndarray], PoolState, Budget, np.random.Generator], list[RegionRef]
    ]
    """on the host: (summaries of the pool, its state, budget, random numbers) -> regions"""
    looks_at: str = "open"
    """"open": images with a region that can be chosen are summarized; "all": every image"""
    extras: tuple[str, ...] = ()
    """the maps of `Prediction.extras` that `summarize` wants of the method's networks"""
    learner: Method | None = None
    """trained by the engine after the task and before scoring, on the same streams and schedule"""
