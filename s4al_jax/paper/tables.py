"""The tables of the paper as data: a row is a name, what is run for it, and what the paper reports.

Rangnekar, Kanan and Hoffman, "Semantic Segmentation with Active Semi-Supervised Learning", WACV
2023. Figures are in % and with MobileNetV2-DeepLabv3+, unless a row says otherwise. A measure is
"miou", "first miou" (of the first cycle), "iou CLASS" or "recall CLASS", of the last cycle.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from s4al_jax.paper.class_iou import TABLE_1
from s4al_jax.report.page.published import POINTS

TITLES = {"camvid": "CamVid", "cityscapes": "Cityscapes"}
DATASETS = tuple(TITLES)
GOAL = "labels until 95 %"
"""Measure: % of the labels at the first cycle with 95 % of full supervision's mIoU."""
END = "% of full supervision"
"""Measure: the last mIoU as a share of full supervision's."""


class Kind(NamedTuple):
    """What is run: a study of a protocol's configuration, and what is changed in it."""

    study: str = ""
    """as after the colon of `--config`"""
    options: tuple[tuple[str, Any], ...] = ()
    cells: tuple[int, int] | None = None
    """times the protocol's own cell on each side, cells an image; None: as the protocol has it"""
    whole_images: bool = False
    """whether whole images are queried instead of cells"""

    @property
    def text(self) -> str:
        """What is run, as one would write it on the command line."""
        parts = [f"`:{self.study}`"] if self.study else []
        parts += [f"`{name}={value}`" for name, value in self.options]
        if self.cells:
            times, count = self.cells
            size = "the protocol's" if times == 1 else f"{times} x the protocol's"
            number = f"`budget.regions_per_image={count}`"
            parts.append(f"cells of {size} height and width, {number}")
        if self.whole_images:
            parts.append("cells as large as the images")
        return ", ".join(parts) or "the protocol as it is"


class Published(NamedTuple):
    """A figure of the paper."""

    mean: float
    std: float | None = None


Figures = Mapping[str, Mapping[str, Published]]
"""dataset -> measure -> what the paper reports"""


class Row(NamedTuple):
    """A row of a table; without a `kind` the method is not built here."""

    name: str
    kind: Kind | None
    published: Figures = {}
    labeled: Mapping[str, float] = {}
    """dataset -> % of the labels that the paper gives the row"""
    note: str = ""


class Table(NamedTuple):
    """A table, or what a figure shows."""

    name: str
    title: str
    rows: tuple[Row, ...]
    source: str
    """where the paper's figures stand"""
    datasets: tuple[str, ...] = DATASETS
    shows: str = "rows"
    """"rows": the last cycle of each; "cycles": all; "annotated": classes of the regions annotated
    for each cycle; "goal": labels until 95 % of full supervision"""


def _miou(camvid: Any = None, cityscapes: Any = None, measure: str = "miou") -> Figures:
    """The same measure on either dataset: a mean, or a mean and a standard deviation."""
    given = {"camvid": camvid, "cityscapes": cityscapes}
    return {
        dataset: {measure: Published(*(figure if isinstance(figure, tuple) else (figure,)))}
        for dataset, figure in given.items()
        if figure is not None
    }


def _merge(*parts: Figures) -> Figures:
    return {
        dataset: {
            measure: figure for part in parts for measure, figure in part.get(dataset, {}).items()
        }
        for dataset in DATASETS
    }


def _points(method: str) -> tuple[Figures, Mapping[str, float]]:
    """A method's mIoU and its share of the labels, as they stand beside curves."""
    found = {
        dataset: point
        for dataset, points in POINTS.items()
        for point in points
        if point.method == method
    }
    figures = {d: {"miou": Published(point.miou, point.std)} for d, point in found.items()}
    return figures, {dataset: point.labeled for dataset, point in found.items()}


def _table_1(name: str) -> Figures:
    *classes, mean = TABLE_1[name].items()
    found = {f"iou {label}": Published(figure) for label, figure in classes}
    return {"cityscapes": {"miou": Published(mean[1]), **found}}


S4AL = Kind()
SUPERVISED = Kind("supervised")
INITIAL = Kind("supervised_initial")
IMAGES = Kind(
    options=(("budget.image_share", 0.05), ("schedule.acquisitions", 2)), whole_images=True
)
"""Sec. 4.4: 5 % of the images, twice, so that 20 % are labeled."""
RANDOM_40 = Kind("supervised_initial", (("data.initial_share", 0.40),))
"""Random images do not depend on the networks: all can be labeled at once."""
ENTROPY_40 = Kind(
    "supervised_initial",
    (
        ("acquisition.name", "entropy"),
        ("budget.image_share", 0.05),
        ("schedule.acquisitions", 6),
    ),
    whole_images=True,
)
"""DEAL's protocol: from 10 % to 40 % of the images, 5 % at a time, without a teacher."""
STUDENT_TEACHER = Kind(
    options=(
        ("method.kwargs.confidence_weighting", False),
        ("method.kwargs.replay", False),
    )
)
"""A mean teacher with ClassMix inside the batch, its labels weighted by Eqn. 3 alone."""
WEIGHTED = Kind(options=(("method.kwargs.replay", False),))
UNBALANCED = Kind(options=(("method.kwargs.balanced", False),))

_LABELED = {"camvid": 13.8, "cityscapes": 16.0}
_INITIAL = {"camvid": 10.0, "cityscapes": 10.0}
_ALL = {"camvid": 100.0, "cityscapes": 100.0}


def _regions_or_images(
    name: str, dataset: str, miou: tuple[float, float], **classes: tuple[tuple[float, float], ...]
) -> Table:
    """Tables 2a and 2b: mIoU of both, and (IoU, recall) of both for three classes."""
    kinds = {"Region": (S4AL, _LABELED[dataset]), "Image": (IMAGES, 20.0)}
    rows = []
    for place, (row, (kind, labeled)) in enumerate(kinds.items()):
        figures = {"miou": Published(miou[place])}
        for label, pairs in classes.items():
            iou, recall = pairs[place]
            figures |= {f"iou {label}": Published(iou), f"recall {label}": Published(recall)}
        rows.append(Row(row, kind, {dataset: figures}, {dataset: labeled}))
    title = f"Regions or whole images, on {TITLES[dataset]}"
    return Table(name, title, tuple(rows), f"Table {name}", datasets=(dataset,))


TABLES = (
    Table(
        "1",
        "Class-wise and mean IoU on Cityscapes",
        (
            Row("Supervised", SUPERVISED, _table_1("Supervised"), _ALL),
            Row(
                "Random",
                RANDOM_40,
                _table_1("Random"),
                {"cityscapes": 40.0},
                "whole images, learned from without a teacher",
            ),
            Row(
                "Entropy",
                ENTROPY_40,
                _table_1("Entropy"),
                {"cityscapes": 40.0},
                "whole images, 5 % at a time, learned from without a teacher",
            ),
            Row("Core-Set", None, _table_1("Core-Set"), {"cityscapes": 40.0}),
            Row("DEAL", None, _table_1("DEAL"), {"cityscapes": 40.0}),
            Row("S4AL", S4AL, _table_1("S4AL"), _LABELED),
        ),
        "Table 1",
        datasets=("cityscapes",),
    ),
    _regions_or_images(
        "2a",
        "camvid",
        (61.78, 60.31),
        sign=((40.27, 73.75), (34.66, 75.22)),
        pedestrian=((49.96, 70.30), (43.99, 68.29)),
        bicyclist=((51.31, 77.14), (49.76, 72.08)),
    ),
    _regions_or_images(
        "2b",
        "cityscapes",
        (64.70, 64.73),
        truck=((66.07, 85.17), (60.12, 74.77)),
        bus=((65.31, 89.05), (67.13, 81.91)),
        train=((46.03, 51.07), (57.30, 66.67)),
    ),
    Table(
        "2c",
        "From 10 % of the labels to the end of active learning, with DRN-D-22, on Cityscapes",
        (
            Row(
                "VAAL, DRN-D-22",
                None,
                _merge(_miou(None, 56.5), _miou(None, 46.2, "first miou")),
                {"cityscapes": 40.0},
            ),
            Row(
                "MAL, DRN-D-22",
                None,
                _merge(_miou(None, 58.4), _miou(None, 48.9, "first miou")),
                {"cityscapes": 30.0},
            ),
            Row(
                "S4AL, DRN-D-22",
                None,
                _merge(_miou(None, 65.7), _miou(None, 57.9, "first miou")),
                {"cityscapes": 16.0},
            ),
            Row("VAAL's DRN-D-22, supervised", None, _miou(None, (62.95, 0.70)), _ALL),
            Row("MAL's DRN-D-22, supervised", None, _miou(None, (61.9, 0.70)), _ALL),
            Row("DRN-D-22, supervised", None, _miou(None, (67.68, 1.2)), _ALL),
            Row("S4AL, MobileNetV2", S4AL, note="not a row of the paper's table"),
            Row("MobileNetV2, supervised", SUPERVISED, note="not a row of the paper's table"),
        ),
        "Table 2c",
        datasets=("cityscapes",),
    ),
    Table(
        "3a",
        "Cells of different sizes",
        (
            Row("2 cells", Kind(cells=(1, 2)), _miou((60.4, 1.4), (61.8, 0.8))),
            Row("4 cells", Kind(cells=(1, 4)), _miou((61.4, 0.6), (62.6, 2.2)), _LABELED),
            Row(
                "1 cell, twice as high and wide",
                Kind(cells=(2, 1)),
                _miou((60.8, 2.4), (61.4, 1.6)),
            ),
        ),
        "Table 3a: 30 x 30 pixels on CamVid, 43 x 43 on Cityscapes",
    ),
    Table(
        "3b",
        "Acquisition functions",
        (
            Row("Random", Kind("random"), _miou((59.1, 1.8), (59.8, 2.5)), _LABELED),
            Row(
                "Least confidence",
                Kind("least_confidence"),
                _miou((60.5, 0.5), (60.3, 1.4)),
                _LABELED,
            ),
            Row("Entropy", Kind("entropy"), _miou((61.2, 0.5), (62.5, 1.8)), _LABELED),
            Row("Margin", Kind("margin"), _miou((60.8, 0.6), (61.8, 0.5)), _LABELED),
        ),
        "Table 3b",
    ),
    Table(
        "components",
        "What the parts of the method bring",
        (
            Row(
                "Student and teacher",
                STUDENT_TEACHER,
                _merge(_miou(61.2, 61.4), _miou(57.2, 56.15, "first miou")),
                _LABELED,
                "ClassMix, Eqn. 3, no replay",
            ),
            Row(
                "+ Confidence Weighting",
                WEIGHTED,
                _merge(_miou(61.7, 62.5), _miou(58.5, 56.6, "first miou")),
                _LABELED,
                "Eqn. 5, no replay",
            ),
            Row("+ Balanced ClassMix", S4AL, _miou(62.3, 64.8), _LABELED, "the whole method"),
            Row(
                "Replay by plain ClassMix",
                UNBALANCED,
                note="not in the paper: the whole method without its two distributions",
            ),
        ),
        "the authors' slides; the first cycle: Sec. 4.4, which gives 60.4 to 61.5 (CamVid) and "
        "61.3 to 63.15 (Cityscapes) for Balanced ClassMix in the last one",
    ),
    Table(
        "fig3",
        "IoU over the labeled share",
        (
            Row("Supervised", SUPERVISED, *_points("supervised")),
            Row(
                "Supervised on the initial labels",
                INITIAL,
                labeled=_INITIAL,
                note="the paper: 1 to 2 points below S4AL with the same labels",
            ),
            Row("S4AL", S4AL, *_points("S4AL")),
            Row("DEAL", None, *_points("DEAL")),
        ),
        "Figure 3 has curves without numbers; its ends: Tables 1 and 3a, and DEAL's own report",
        shows="cycles",
    ),
    Table(
        "s1",
        "Classes of the annotated regions",
        (Row("S4AL", S4AL),),
        "Figure S1 has bars without numbers; its text: on CamVid pole, pedestrian and bicyclist "
        "come first, on Cityscapes rider, motorcycle and bicycle; void is annotated, too",
        shows="annotated",
    ),
    Table(
        "reach95",
        "Labels until 95 % of full supervision",
        (
            Row("S4AL", S4AL, _merge(_miou(12.0, None, GOAL), _miou(97.0, 99.2, END)), _LABELED),
            Row("S4AL, random cells", Kind("random")),
            Row("S4AL, whole images", IMAGES),
            Row("Supervised on the initial labels", INITIAL),
            Row("DEAL, whole images", None, _miou(94.0, None, END), {"camvid": 40.0}),
            Row("EquAL, ResNet-50", None, _miou(94.0, None, END), {"camvid": 12.0}),
            Row("RALIS, ResNet-50 and GTA", None, _miou(96.0, None, END), {"camvid": 20.0}),
        ),
        "Sec. 4.3; Cityscapes' end is computed from Table 1, and which share of the labels reaches "
        "95 % there the paper does not say",
        shows="goal",
    ),
)


def tables_by_name(name: str, dataset: str) -> tuple[Table, ...]:
    """The table of this name, or `all` that the paper gives for a dataset."""
    return tuple(
        table
        for table in TABLES
        if name == table.name or (name == "all" and dataset in table.datasets)
    )


def full_supervision(tables: tuple[Table, ...]) -> bool:
    """Whether the runs that learn from all labels are needed beside the rows' own."""
    return any(table.shows == "goal" for table in tables)
