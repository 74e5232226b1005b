"""Ours beside the paper's: means, spreads and deviations as one works them out by hand."""

from pathlib import Path

import pytest

from s4al_jax.paper.comparison import Line, lines, reached_share, value
from s4al_jax.paper.tables import END, GOAL, Kind, Published, Row, Table
from tests.support.measured_runs import write_run

KIND, OTHER = Kind(), Kind("random")


def table(shows: str = "rows") -> Table:
    figures = {"miou": Published(60.0, 1.0), "recall sign": Published(70.0), GOAL: Published(12.0)}
    rows = (
        Row("ours", KIND, {"camvid": {**figures, END: Published(97.0)}}, {"camvid": 13.8}),
        Row("other", OTHER, note="said"),
        Row("DEAL", None, {"camvid": {"miou": Published(62.1)}}, {"camvid": 40.0}),
    )
    return Table("x", "A table", rows, "nowhere", shows=shows)


def line_of(found: list[Line], row: str, measure: str, cycle: int | None = None) -> Line:
    (line,) = [
        line
        for line in found
        if (line.row, line.measure) == (row, measure) and cycle in (None, line.cycle)
    ]
    return line


def test_a_row_has_mean_sample_deviation_and_distance_from_the_paper(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / str(i), (0.3, last)) for i, last in enumerate((0.5, 0.53, 0.56))]
    found = lines(table(), {KIND: runs, OTHER: []}, "camvid", [])
    line = line_of(found, "ours", "miou")
    assert line.ours and line.labeled and line.paper == Published(60.0, 1.0)
    # 50, 53, 56: squares of the distances 9 + 0 + 9, over two.
    assert line.ours.mean == pytest.approx(53) and line.ours.std == pytest.approx(3)
    assert line.ours.runs == 3 and line.deviation == pytest.approx(-7)
    assert line.labeled.mean == pytest.approx(12) and line.paper_labeled == 13.8


def test_rows_that_are_not_built_or_not_run_say_so_and_keep_the_papers_figure(
    tmp_path: Path,
) -> None:
    found = lines(table(), {KIND: [write_run(tmp_path / "a", (0.5,))]}, "camvid", [])
    deal, other = line_of(found, "DEAL", "miou"), line_of(found, "other", "miou")
    assert deal.ours is None and deal.deviation is None and deal.note == "not built"
    assert deal.paper == Published(62.1)
    assert other.ours is None and other.note == "not run yet; said"


def test_one_run_alone_has_no_spread(tmp_path: Path) -> None:
    found = lines(table(), {KIND: [write_run(tmp_path / "a", (0.5,))]}, "camvid", [])
    ours = line_of(found, "ours", "miou").ours
    assert ours and ours.std is None and ours.runs == 1


def test_measures_are_of_the_network_that_counts_and_of_the_cycle_they_name(
    tmp_path: Path,
) -> None:
    run = write_run(tmp_path / "a", (0.3, 0.5), recall=(3, 1))
    assert value(run, "miou") == pytest.approx(50)
    assert value(run, "first miou") == pytest.approx(30)
    assert value(run, "iou sign") == pytest.approx(60)
    assert value(run, "iou sign", 0) == pytest.approx(40)
    assert value(run, "recall sign") == pytest.approx(75)
    assert value(run, "recall train") is None and value(run, "iou train") is None
    nowhere = write_run(tmp_path / "b", (0.3,), recall=(0, 0))
    assert value(nowhere, "recall sign") is None


def test_a_measure_that_the_paper_gives_for_one_row_is_looked_at_in_all(tmp_path: Path) -> None:
    runs = {KIND: [write_run(tmp_path / "a", (0.5,))], OTHER: [write_run(tmp_path / "b", (0.4,))]}
    line = line_of(lines(table(), runs, "camvid", []), "other", "recall sign")
    assert line.paper is None and line.ours and line.ours.mean == pytest.approx(50)


def test_a_curve_has_every_cycle_and_class_and_the_papers_point_at_its_end(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "a", (0.3, 0.5)), write_run(tmp_path / "b", (0.4, 0.6))]
    found = lines(table("cycles"), {KIND: runs}, "camvid", [])
    first, last = (line_of(found, "ours", "miou", cycle) for cycle in (0, 1))
    assert first.ours and last.ours and first.labeled and last.labeled
    assert (first.ours.mean, last.ours.mean) == (pytest.approx(35), pytest.approx(55))
    assert (first.labeled.mean, last.labeled.mean) == (pytest.approx(10), pytest.approx(12))
    assert first.paper is None and last.paper == Published(60.0, 1.0)
    sign = line_of(found, "ours", "iou sign", 0)
    assert sign.of_class and sign.ours and sign.ours.mean == pytest.approx(45)
    assert line_of(found, "DEAL", "miou").paper == Published(62.1)


def test_the_goal_is_the_first_cycle_with_95_percent_of_full_supervision(tmp_path: Path) -> None:
    full = [write_run(tmp_path / "full", (0.6,), network="student")]
    runs = [write_run(tmp_path / "a", (0.50, 0.5701, 0.58)), write_run(tmp_path / "b", (0.58, 0.6))]
    found = lines(table("goal"), {KIND: runs}, "camvid", full)
    # 95 % of 60 is 57: one run is there with 12 %, the other with the initial 10 %.
    goal, end = line_of(found, "ours", GOAL), line_of(found, "ours", END)
    assert goal.ours and goal.ours.mean == pytest.approx(11)
    assert goal.deviation == pytest.approx(-1)
    assert end.ours and end.ours.mean == pytest.approx(100 * (0.58 + 0.6) / 2 / 0.6)


def test_a_goal_that_a_run_misses_is_not_averaged_over_the_others(tmp_path: Path) -> None:
    full = [write_run(tmp_path / "full", (0.6,))]
    runs = [write_run(tmp_path / "a", (0.5, 0.56)), write_run(tmp_path / "b", (0.58, 0.6))]
    assert reached_share(runs[0], 57) is None
    goal = line_of(lines(table("goal"), {KIND: runs}, "camvid", full), "ours", GOAL)
    assert goal.ours is None and goal.note == "not reached by 1 of 2 runs"


def test_without_full_supervision_there_is_no_goal(tmp_path: Path) -> None:
    runs = {KIND: [write_run(tmp_path / "a", (0.5,))]}
    goal = line_of(lines(table("goal"), runs, "camvid", []), "ours", GOAL)
    assert goal.ours is None and "not run yet" in goal.note


def test_a_first_cycle_is_told_of_runs_that_have_several(tmp_path: Path) -> None:
    figures = {"camvid": {"miou": Published(60.0), "first miou": Published(57.2)}}
    rows = (Row("ours", KIND, figures, {"camvid": 13.8}), Row("other", OTHER), Row("DEAL", None))
    runs = {
        KIND: [write_run(tmp_path / "a", (0.5, 0.6))],
        OTHER: [write_run(tmp_path / "b", (0.4,), network="student")],
    }
    found = lines(Table("x", "A table", rows, "nowhere"), runs, "camvid", [])
    assert [(line.row, line.measure) for line in found if not line.of_class] == [
        ("ours", "miou"),
        ("ours", "first miou"),
        ("other", "miou"),
        ("DEAL", "miou"),
    ]
    first = line_of(found, "ours", "first miou")
    assert first.ours and first.labeled and first.deviation == pytest.approx(50 - 57.2)
    assert first.labeled.mean == first.paper_labeled == 10
