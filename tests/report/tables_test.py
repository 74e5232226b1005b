"""Tables say what the run's files say."""

import json
from pathlib import Path

from s4al_jax.report import tables


def run_of(folder: Path, *mious: float) -> Path:
    for cycle, miou in enumerate(mious):
        path = folder / "cycles" / f"{cycle:02d}" / "metrics.json"
        path.parent.mkdir(parents=True)
        measures = {"student": {"test": {"miou": 0.1}}, "teacher": {"test": {"miou": miou}}}
        metrics = {"cycle": cycle, "labeled_share": 0.1 + cycle / 50, "regions": 8 * cycle}
        path.write_text(json.dumps({**metrics, "measures": measures}))
    return folder


def test_a_row_for_each_cycle_and_the_reference_beside(tmp_path: Path) -> None:
    run, full = run_of(tmp_path / "run", 0.25, 0.3456), run_of(tmp_path / "full", 0.5)
    rows = tables.cycle_table(run, full).splitlines()
    assert len(rows) == 4
    assert [cell.strip() for cell in rows[2].split("|")[1:-1]] == [
        "0",
        "10.00",
        "0",
        "25.0",
        "50.0",
    ]
    assert [cell.strip() for cell in rows[3].split("|")[1:-1]] == [
        "1",
        "12.00",
        "8",
        "34.6",
        "50.0",
    ]
    assert len({len(row) for row in rows}) == 1


def test_a_run_that_was_not_measured_has_a_dash_in_the_place_of_its_miou(tmp_path: Path) -> None:
    path = run_of(tmp_path, 0.5) / "cycles/00/metrics.json"
    metrics = json.loads(path.read_text())
    path.write_text(json.dumps({**metrics, "measures": {"student": {}, "teacher": {}}}))
    row = tables.cycle_table(tmp_path).splitlines()[-1]
    assert [cell.strip() for cell in row.split("|")[1:-1]] == ["0", "10.00", "0", "-", "-"]
