"""The words that every room shares: label codes, what a batch is, and the two plug-in types.

This module depends on numpy alone, so that `pool` can speak the same language as the code that
runs on a device. Arrays are written `Array`: on the host they are numpy's, on a device JAX's.
"""

import enum
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

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
    """Something the user gave does not fit; the message is one line that says what to do."""


class AnnotationsPending(Exception):
    """Somebody was asked and has not answered yet: the run stops here and goes on later."""


class Box(NamedTuple):
    """A rectangle of pixels; `bottom` and `right` are the first row and column outside it."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def area(self) -> int:
        """Pixels in the box."""
        return (self.bottom - self.top) * (self.right - self.left)

    @property
    def slices(self) -> tuple[slice, slice]:
        """The box as an index into a `[height, width, ...]` array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


class RegionRef(NamedTuple):
    """One cell of a region grid; `image` counts in the full pool, never in what is left of it."""

    image: int
    row: int
    col: int


class Original(NamedTuple):
    """An answer as it was given: in the pixels of a picture before any change of its size."""

    box: Box
    size: tuple[int, int]
    """height and width of the whole picture"""
    labels: np.ndarray


class Annotation(NamedTuple):
    """An answer: the class ids (or `VOID`) of one region's pixels, and who gave them when."""

    region: RegionRef
    labels: np.ndarray
    annotator: str
    cycle: int
    time: str = ""
    """when it was given, in ISO 8601; empty where nobody took any time"""
    original: Original | None = None
    """what `labels` were taken from, where the picture has another size than it is learned at"""


class ImageSet(NamedTuple):
    """A split of a dataset: names, and readers that are called only when a picture is needed."""

    names: tuple[str, ...]
    read_image: Callable[[int], np.ndarray]
    """index -> uint8 `[height, width, 3]`, RGB"""
    read_truth: Callable[[int], np.ndarray]
    """index -> uint8 `[height, width]` of class ids and `VOID`, where there is a truth"""
    read_original: Callable[[int], np.ndarray] | None = None
    """index -> the image before it was brought to the working size; None: it always had that"""
    read_original_truth: Callable[[int], np.ndarray] | None = None
    """index -> the truth of that size, if there is one beside `read_truth`'s"""
    has_truth: tuple[bool, ...] | None = None
    """for each image whether anybody has labeled it; None: all are"""

    @property
    def known(self) -> np.ndarray:
        """bool `[images]`: which have a truth."""
        return np.array(self.has_truth or [self.has_truth is None] * len(self.names), bool)

    def original(self, index: int) -> np.ndarray:
        """uint8 `[any height, any width, 3]`: an image as a person would look at it."""
        return (self.read_original or self.read_image)(index)


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

    @property
    def legend(self) -> list[dict[str, Any]]:
        """The classes as files say them: id, name and color of each."""
        return [
            {"id": index, "name": name, "color": list(self.palette[index])}
            for index, name in enumerate(self.classes)
        ]


class Batch(NamedTuple):
    """Images as they lie on disk (`uint8`; the device normalizes), with what is known of them."""

    image: Array
    """uint8 `[batch, height, width, 3]`"""
    label: Array
    """uint8 `[batch, height, width]`: class ids, `VOID` or `UNLABELED`"""
    index: Array
    """int32 `[batch]`: which images these are, counted in their split"""
    valid: Array
    """bool `[batch]`: False where a row only pads the batch to its static size"""


class StepInputs(NamedTuple):
    """Everything one training step sees of the outside world."""

    labeled: Batch
    unlabeled: Batch | None
    replayed: Batch | None
    progress: Array
    """float32 scalar: the share of this cycle's epochs that are done, for the learning rate"""


class Phase(enum.Enum):
    """Which parts of the loss a step has. Static: each phase is compiled once."""

    WARMUP = "warmup"
    CLASSMIX = "classmix"
    REPLAY = "replay"


class Prediction(NamedTuple):
    """A network's answer: `logits` at full size, `features` as the last layers see them."""

    logits: Array
    features: Array


class Network(NamedTuple):
    """What a learner needs of an architecture: two pure functions.

    `init(key)` gives the variables `{"params": ..., "batch_stats": ...}`.
    `apply(variables, images, *, train, key, groups)` takes images as float
    `[batch, height, width, 3]` in 0..1 (it normalizes them as its weights want) and gives the
    `Prediction` and the batch statistics after the pass. With `train` the pass normalizes by the
    statistics of its own batch and drops units at random with `key`; `groups` says that the images
    are several batches, one after the other, and how many each has, and the numbers are those of
    one pass for each. Without `train` it uses the running statistics and needs neither.
    A network may offer `summed(function, logits, *maps)`: the sum of `function(logits, *maps)` over
    all pixels, a few rows at a time, for maps of the image's size and logits from
    `apply(..., full_size=False)`, which are as coarse as the network computes them.
    """

    init: Callable[[Array], Tree]
    apply: Callable[..., tuple[Prediction, Tree]]
    summed: Callable[..., Array] | None = None


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


class Method(NamedTuple):
    """A learner: the idea of optax's `GradientTransformation`, for semi-supervised training."""

    init: Callable[[Array, np.ndarray, TrainState | None], TrainState]
    """(key, labeled pixels of each class, the previous cycle's last state) -> state at step 0"""
    update: Callable[[TrainState, StepInputs, Phase], tuple[TrainState, Metrics]]
    """one step; a pure function, compiled once for each phase"""
    predict: Callable[[Tree, Array], Prediction]
    """(variables of a network, uint8 images) -> prediction with running statistics"""
    networks: tuple[str, ...]
    """the fields of `TrainState` that hold a network worth evaluating, the preferred one last"""
    phases: tuple[Phase, ...]
    """the phases that this method tells apart, in their order in time"""
    carries_over: bool = True
    """whether a cycle's first state may depend on the last state of the cycle before"""


class Budget(NamedTuple):
    """What a choice may spend: at most `per_image` cells of an image, `pixels` in all."""

    per_image: int | None
    pixels: int | None
    costs: np.ndarray
    """int `[rows, cols]`: the pixels that a cell covers"""


class Acquisition(NamedTuple):
    """A question to the network: which regions should a person look at next?"""

    summarize: Callable[[Method, TrainState, Array, Array, Array], Array]
    """on the device: (method, state, uint8 images, known labels, keys) -> `[batch, rows, cols]`;
    every image has a key of its own, which does not depend on the batch that it is in"""
    choose: Callable[[np.ndarray, np.ndarray, Budget, np.random.Generator], np.ndarray]
    """on the host: (scores, eligible, budget, random numbers) -> bool `[images, rows, cols]`"""
