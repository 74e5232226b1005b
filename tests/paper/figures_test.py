"""Pictures of tables draw every figure there is, where it belongs."""

import io

import pytest
from matplotlib.figure import Figure

from s4al_jax.paper.comparison import Line
from s4al_jax.paper.figures import beside, over_labels, picture, shares
from s4al_jax.paper.tables import Published, Table
from s4al_jax.rundir.records import Spread

ROWS = [
    Line("ours", "miou", None, 13.8, Published(61.4, 0.6), Spread(12, 0, 2), Spread(53, 3, 2)),
    Line("DEAL", "miou", None, 40.0, Published(62.1), note="not built"),
    Line("ours", "iou sign", None, None, None, Spread(12, 0, 2), Spread(20, None, 1)),
    Line("other", "miou", note="not run yet"),
]
CURVE = [
    Line("S4AL", "miou", 0, None, None, Spread(10, 0, 2), Spread(30, 1, 2)),
    Line("S4AL", "miou", 1, 13.8, Published(61.4, 0.6), Spread(12, 0, 2), Spread(40, 2, 2)),
    Line("S4AL", "iou sign", 0, None, None, Spread(10, 0, 2), Spread(5, 1, 2)),
    Line("S4AL", "iou sign", 1, None, None, Spread(12, 0, 2), Spread(7, 1, 2)),
    Line("Supervised", "miou", 0, 100.0, Published(64.5), Spread(100, 0, 2), Spread(50, 1, 2)),
]
SHARES = [
    Line("at the start", "share sky", 0, ours=Spread(80, None, 1)),
    Line("at the start", "share sign", 0, ours=Spread(20, None, 1)),
    Line("annotated", "share sky", 1, ours=Spread(50, None, 1)),
    Line("annotated", "share sign", 1, ours=Spread(50, None, 1)),
]


def drawn(figure: Figure) -> Figure:
    figure.savefig(file := io.BytesIO(), format="png")
    assert file.getvalue().startswith(b"\x89PNG")
    return figure


def test_bars_stand_for_what_the_paper_and_what_we_have() -> None:
    (axis,) = drawn(beside(ROWS, "A table")).axes
    widths = [bar.get_width() for bar in axis.patches if bar.get_width()]
    assert widths == [61.4, 53, 62.1]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["ours", "DEAL"]


def test_curves_go_over_the_labeled_share_and_full_supervision_is_a_line() -> None:
    figure = drawn(over_labels(CURVE, "A curve"))
    miou, sign = figure.axes[:2]
    assert (miou.get_title(), sign.get_title()) == ("mIoU", "sign")
    lines = {line.get_label(): line for line in miou.lines}
    (data,) = [container[0] for container in miou.containers]
    assert data.get_xdata().tolist() == pytest.approx([10, 12])
    assert data.get_ydata().tolist() == pytest.approx([30, 40])
    (bars,) = miou.containers[0][2]
    assert bars.get_segments()[1][:, 1].tolist() == pytest.approx([38, 42])
    assert list(lines["S4AL (paper)"].get_xdata()) == pytest.approx([13.8])
    assert list(lines["S4AL (paper)"].get_ydata()) == pytest.approx([61.4])
    assert list(lines["Supervised (here)"].get_ydata()) == pytest.approx([50, 50])
    assert list(lines["Supervised (paper)"].get_ydata()) == pytest.approx([64.5, 64.5])


def test_shares_have_a_bar_for_each_class_of_each_cycle() -> None:
    (axis,) = drawn(shares(SHARES, "Annotated")).axes
    assert [bar.get_height() for bar in axis.patches] == [80, 20, 50, 50]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["sky", "sign"]


@pytest.mark.parametrize("shows", ["rows", "cycles", "annotated", "goal"])
def test_a_table_of_which_nothing_was_run_can_be_drawn(shows: str) -> None:
    lines = [Line("ours", "miou", note="not run yet")]
    drawn(picture(Table("x", "A table", (), "nowhere", shows=shows), lines))
