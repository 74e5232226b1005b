"""A page shows every figure beside the paper's, and hides none."""

import csv
import io
from pathlib import Path

from s4al_jax.paper.comparison import Line
from s4al_jax.paper.comparison_page import as_csv, class_table, contents, main_table, page
from s4al_jax.paper.tables import IMAGES, SUPERVISED, Kind, Published, Row, Table
from s4al_jax.rundir.records import Spread
from tests.support.measured_runs import write_run

LINES = [
    Line("ours", "miou", None, 13.8, Published(61.4, 0.6), Spread(12, 0, 2), Spread(53.04, 3, 2)),
    Line("ours", "iou sign", None, None, Published(40.27), Spread(12, 0, 2), Spread(20, None, 1)),
    Line("DEAL", "miou", None, 40.0, Published(62.1), note="not built"),
]
TABLE = Table(
    "3a",
    "Cells",
    (Row("ours", Kind(cells=(2, 1))), Row("DEAL", None)),
    "Table 3a",
)


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.split("|")[1:-1]]


def test_the_papers_figure_ours_and_the_deviation_stand_in_a_row() -> None:
    head, _, ours, deal = main_table(LINES).splitlines()
    assert cells(head)[3:6] == ["paper", "here", "deviation"]
    assert cells(ours) == ["ours", "13.8", "12.00", "61.4 ± 0.6", "53.0 ± 3.0", "-8.4", "2"]
    assert cells(deal) == ["DEAL", "40", "-", "62.1", "-", "-", "-"]


def test_classes_have_a_table_of_their_own_with_the_paper_in_brackets() -> None:
    rows = class_table(LINES).splitlines()
    assert cells(rows[2]) == ["", "ours"]
    assert cells(rows[4]) == ["IoU sign", "20.0 (40.27)"]
    assert class_table(LINES[:1]) == ""


def test_several_measures_and_cycles_are_told_apart() -> None:
    lines = [Line("a", "miou", 0, ours=Spread(1, None, 1)), Line("a", "goal", 1)]
    head, _, first, second = main_table(lines).splitlines()
    assert cells(head)[:3] == ["row", "measure", "cycle"]
    assert cells(first)[:3] == ["a", "mIoU", "0"] and cells(second)[:3] == ["a", "goal", "1"]


def test_the_csv_has_every_figure_unabridged() -> None:
    ours, sign, deal = csv.DictReader(io.StringIO(as_csv(LINES)))
    assert (ours["paper"], ours["paper_std"], ours["ours"]) == ("61.4", "0.6", "53.04")
    assert (ours["ours_std"], ours["runs"], ours["deviation"]) == ("3", "2", "-8.36")
    assert (sign["measure"], sign["paper_std"], sign["ours_std"]) == ("iou sign", "", "")
    assert (deal["ours"], deal["runs"], deal["note"]) == ("", "0", "not built")


def test_what_was_run_is_written_as_one_would_type_it() -> None:
    assert Kind().text == "the protocol as it is"
    assert SUPERVISED.text == "`:supervised`"
    text = Kind("random", (("method.kwargs.balanced", False),), (2, 1)).text
    assert text.startswith("`:random`, `method.kwargs.balanced=False`, cells of 2 x the protocol's")
    assert IMAGES.text.endswith("`schedule.acquisitions=2`, cells as large as the images")


def test_a_page_names_seeds_device_versions_and_command(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / str(seed), (0.5,), seed=seed) for seed in (3, 1)]
    text = page(TABLE, LINES, runs, opening="Opening.", command="python x", picture="3a.png")
    assert text.startswith("# Cells (Table 3a)\n\nOpening.")
    assert "2 runs, seeds 1, 3; on 1 x cpu; jax 1.2; begun on 2" in text
    assert "`python x`" in text and "- DEAL: not built." in text and "![Cells](3a.png)" in text
    assert "\n- ours: cells of 2 x" in text
    empty = page(TABLE, [], [], opening="", command="python x", picture="3a.png")
    assert "No run is finished yet" in empty


def test_the_page_of_all_has_each_table_in_brief_and_links_to_it(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "run", (0.5,))]
    annotated = Table("s1", "Annotated", (), "nowhere", shows="annotated")
    tables = [(TABLE, "3a_camvid", LINES), (annotated, "s1_camvid", LINES[1:2])]
    text = contents(tables, runs, opening="Opening.", command="python x")
    assert "Opening." in text and "1 run, seed 0; on 1 x cpu" in text
    assert "## [Cells (Table 3a)](3a_camvid.md)\n\n" + main_table(LINES) in text
    assert "## [Annotated (Figure S1)](s1_camvid.md)\n\n## Where" in text
