"""Pictures of reproduced tables: bars beside the paper's, curves over labels, shares of classes."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from s4al_jax.paper.comparison import Line
from s4al_jax.paper.tables import Table
from s4al_jax.report.figures.measures import Curve, draw_curves

OURS, PAPER = "#1f6fb4", "#b0b0b0"


def picture(table: Table, lines: Sequence[Line]) -> Figure:
    """The figure of a table."""
    draw = {"cycles": over_labels, "annotated": shares}.get(table.shows, beside)
    return draw(lines, table.title)


def beside(lines: Sequence[Line], title: str) -> Figure:
    """Bars of each figure that is not a class's, the paper's beside ours, with their spread."""
    shown = [line for line in lines if not line.of_class and (line.ours or line.paper)]
    figure = Figure(figsize=(8, 1.2 + 0.55 * max(len(shown), 1)), layout="constrained")
    axis = figure.subplots()
    for place, line in enumerate(shown):
        for up, figure_of, color in ((-0.2, line.paper, PAPER), (0.2, line.ours, OURS)):
            if figure_of:
                mean, std = figure_of.mean, figure_of.std
                axis.barh(place + up, mean, 0.38, xerr=std or 0, color=color)
                axis.text(mean, place + up, f" {mean:.1f}", va="center", fontsize=8)
    several = len({line.measure for line in shown}) > 1
    names = [f"{line.row}, {line.title}" if several else line.row for line in shown]
    axis.set_yticks(range(len(shown)), names)
    axis.invert_yaxis()
    axis.set_xlabel("%" if several else "mIoU %")
    axis.set_title(title)
    handles = [Patch(color=PAPER, label="paper"), Patch(color=OURS, label="here")]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8)
    axis.margins(x=0.12)
    return figure


def over_labels(lines: Sequence[Line], title: str) -> Figure:
    """mIoU and each class's IoU over the labeled share; full supervision is a dashed line."""
    measures = list(dict.fromkeys(line.measure for line in lines))
    cols = min(4, len(measures))
    rows = -(-len(measures) // cols)
    figure = Figure(figsize=(3.6 * cols, 2.7 * rows + 0.6), layout="constrained")
    axes = figure.subplots(rows, cols, squeeze=False)
    for axis in axes.flat[len(measures) :]:
        axis.set_axis_off()
    for axis, measure in zip(axes.flat, measures, strict=False):
        _curves(axis, [line for line in lines if line.measure == measure])
        axis.set_title("mIoU" if measure == "miou" else measure.removeprefix("iou "), fontsize=10)
    named = [zip(*axis.get_legend_handles_labels(), strict=True) for axis in axes.flat]
    handles = {label: handle for pairs in named for handle, label in pairs}
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=4)
    figure.suptitle(f"{title}: % over % of the pixels that are labeled")
    return figure


def _curves(axis: Axes, lines: Sequence[Line]) -> None:
    """A measure of all rows; full supervision, with all labels, is a line across."""
    curves: dict[str, Curve] = {}
    levels: dict[str, float] = {}
    points: dict[str, tuple[float, float]] = {}
    for row in dict.fromkeys(line.row for line in lines):
        of_row = [line for line in lines if line.row == row]
        found = [(line.labeled.mean, line.ours) for line in of_row if line.labeled and line.ours]
        shares, ours = [share / 100 for share, _ in found], [spread for _, spread in found]
        if shares == [1.0]:
            levels[f"{row} (here)"] = ours[0].mean / 100
        elif shares:
            means = [spread.mean / 100 for spread in ours]
            stds = [(spread.std or 0.0) / 100 for spread in ours]
            curves[f"{row} (here)"] = Curve(shares, means, stds)
        for line in of_row:
            if line.paper and line.paper_labeled == 100.0:
                levels[f"{row} (paper)"] = line.paper.mean / 100
            elif line.paper and line.paper_labeled:
                points[f"{row} (paper)"] = line.paper_labeled / 100, line.paper.mean / 100
    draw_curves(axis, curves, levels=levels, points=points)
    # From 0, so that a small gain of a rare class does not fill the picture.
    axis.set_ylim(0, max(axis.get_ylim()[1], 5))
    axis.tick_params(labelsize=8)


def shares(lines: Sequence[Line], title: str) -> Figure:
    """Bars of each class's share of the annotated pixels, a color for each cycle."""
    shown = [line for line in lines if line.ours]
    groups = list(dict.fromkeys(line.row for line in shown))
    names = list(dict.fromkeys(line.measure.removeprefix("share ") for line in shown))
    figure = Figure(figsize=(max(6.0, 0.75 * len(names) + 1), 4), layout="constrained")
    axis = figure.subplots()
    wide = 0.8 / max(len(groups), 1)
    for number, group in enumerate(groups):
        bars = [line.ours for line in shown if line.row == group]
        places = [index + (number - (len(groups) - 1) / 2) * wide for index in range(len(bars))]
        means = [bar.mean for bar in bars if bar]
        axis.bar(places, means, wide, yerr=[(bar.std or 0) for bar in bars if bar], label=group)
    axis.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axis.set_ylabel("% of the pixels")
    axis.set_title(title)
    if groups:
        axis.legend(fontsize=8)
    return figure
