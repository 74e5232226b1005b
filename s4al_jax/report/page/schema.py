"""What the page of a report is made from: the one shape that Python writes and the page reads.

A `Page` goes into the page as JSON. Shares and IoU are fractions from 0 to 1, None where there is
nothing to say; lists over classes follow `Page.classes`. Pictures are data URIs, kept beside, in
one `Sheet` for the images themselves and one for each cycle of the run that is shown in pictures:
a browser reads a sheet when it is looked at.
"""

from typing import Any, TypedDict


class Class(TypedDict):
    """A class of the dataset; `tail` as the method counts it, False where it tells none apart."""

    name: str
    color: str
    """#rrggbb"""
    tail: bool


class Losses(TypedDict):
    """A row of the journal's training: metrics by name, as `metrics.jsonl` has them."""

    step: int
    cycle: int
    stage: str
    metrics: dict[str, float]


class PseudoLabels(TypedDict):
    """How right the network's labels of unlabeled pixels are; training does not use their truth."""

    accuracy: float | None
    """of all pixels that are not void"""
    confident_accuracy: float | None
    """of those above the threshold of confidence"""
    confident_share: float
    class_accuracy: list[float | None]
    images: int


class Cycle(TypedDict):
    """What one cycle of one run came to."""

    number: int
    labeled_share: float
    labeled_pixels: int
    regions: int
    """annotated so far, without those that were labeled at the start"""
    miou: dict[str, dict[str, float | None]]
    """network -> split -> mIoU; the preferred network is the last one"""
    class_iou: list[float | None]
    """of the preferred network and split"""
    head_iou: float | None
    tail_iou: float | None
    confusion: list[list[int]] | None
    """[true class][predicted class] in pixels"""
    annotated: list[int]
    """pixels of each class among the regions annotated for this cycle, void at the end"""
    pseudo_labels: PseudoLabels | None
    seconds: float | None
    """of training, where it was measured"""


class Run(TypedDict):
    """One run directory."""

    name: str
    """the directory's name"""
    path: str
    study: int
    """index in `Page.studies`"""
    seed: int
    finished: bool
    budget_share: float
    """of the pool's pixels: the most that is labeled in the end"""
    cycles: list[Cycle]
    losses: list[Losses]
    options: dict[str, Any]
    """those that differ from the default configuration, by dotted name"""
    fingerprint: str
    versions: dict[str, str]
    device: str
    command: str
    """that started it"""
    revision: str
    """of the source, as git names it; empty where it is not known"""
    started: str
    hours: float | None


class Mean(TypedDict):
    """A cycle of a study: mean and sample standard deviation over its seeds."""

    labeled_share: float
    miou: float
    std: float | None
    runs: int


class Study(TypedDict):
    """Runs that differ in nothing but their seed."""

    name: str
    """what it is, in a few words: method, acquisition function, initial share"""
    fully_supervised: bool
    means: list[Mean]


class Published(TypedDict):
    """A point of the paper."""

    method: str
    labeled_share: float
    miou: float
    std: float | None
    source: str


class Goal(TypedDict):
    """95 % of full supervision on the same network, and what it took to get there."""

    full: float
    std: float | None
    source: str
    """which runs, or whose figure"""
    line: float
    reached_share: float | None
    """labeled share at the first cycle of the shown study that is above the line"""


class Selection(TypedDict):
    """What the acquisition function made of an image after a cycle; lists follow region ids."""

    scores: list[float | None]
    """of each region; None where nothing was left to annotate"""
    chosen: list[int]
    """ids of the regions that were queried"""
    outlines: list[str]
    """of each queried region as an SVG path over 1000 x 1000, where regions are no grid"""


class Picture(TypedDict):
    """An image that the page shows; `id` names it in the sheets."""

    id: str
    name: str
    split: str
    """"pool", "val" or "test" """
    classes: list[int]
    """in its truth or, where there is none, in the last prediction"""
    cycles: list["PictureCycle"]


class PictureCycle(TypedDict):
    """What the preferred network made of an image at the end of a cycle."""

    cycle: int
    miou: float | None
    """over the classes in this image, where it has a truth"""
    uncertainty: float
    """mean over its pixels"""
    confidence: float
    labeled_share: float
    """of this image, before the cycle; 1 for images of val and test: they are only measured on"""
    queried: Selection | None
    """None where nothing was left to annotate, or where it is an image of val or test"""


class Confused(TypedDict):
    """A pair of classes that the last network takes for each other."""

    truth: int
    predicted: int
    share: float
    """of the true class's pixels"""
    pixels: int


class Page(TypedDict):
    """Everything but the pictures."""

    title: str
    written: str
    """ISO 8601"""
    dataset: str
    height: int
    width: int
    boxes: list[list[float]]
    """[top, left, bottom, right] of each region of a grid, by its id, as fractions of the image;
    empty where regions are no grid: their scores are pictures then"""
    classes: list[Class]
    shown: int
    """index of the run whose cycles and pictures are shown"""
    runs: list[Run]
    studies: list[Study]
    goal: Goal | None
    published: list[Published]
    pictures: list[Picture]
    worst: list[str]
    """ids of the images with the lowest mIoU in the last cycle, the worst first"""
    confused: list[Confused]
    notes: list[str]
    """what could not be shown, and why"""


Sheet = dict[str, dict[str, str]]
"""id of a picture -> {"image", "truth"} for the images, {"prediction", "uncertainty"} and perhaps
{"scores"} for a cycle.

Predictions and truth are palette PNGs in the classes' colors (void and unlabeled transparent), to
be enlarged without smoothing; uncertainty is a gray picture, white where every class is as likely.
"scores" is there where regions are no grid: a gray PNG from the lowest score of all pictures of the
cycle to the highest, transparent where nothing was left to annotate.
"""
