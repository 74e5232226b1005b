"""Annotations are counted from the ledger: each cycle's pixels by class, void at the end."""

import json
from pathlib import Path

import numpy as np
import pytest

from s4al_jax.labels.store import LabelStore
from s4al_jax.paper.comparison import lines
from s4al_jax.paper.tables import Kind, Row, Table
from s4al_jax.regions.grid import region_grid, whole_image
from s4al_jax.rundir.records import Record
from s4al_jax.types import VOID, Annotation, RegionRef
from tests.support.measured_runs import CLASSES, write_run

NAMES = ("a", "b")


@pytest.fixture
def run(tmp_path: Path) -> Record:
    """One image of 4x4 known from the start, all sky; then a cell of the other: 1 sign, 1 void."""
    record = write_run(tmp_path / "run", (0.3, 0.5), size=(4, 4))
    splits = {"train": NAMES, "classes": CLASSES}
    (record.path / "splits.json").write_text(json.dumps(splits))
    store = LabelStore.open(
        record.path / "annotations", names=NAMES, height=4, width=4, num_classes=len(CLASSES)
    )
    whole = Annotation(RegionRef(0, 0), np.zeros((4, 4), np.uint8), "simulated", 0)
    store.record([whole], whole_image(4, 4))
    cell = Annotation(RegionRef(1, 1), np.array([[0, 1], [VOID, 0]], np.uint8), "simulated", 1)
    store.record([cell], region_grid(4, 4, 2, 2))
    return record


def test_shares_are_those_of_the_regions_annotated_for_a_cycle(run: Record) -> None:
    table = Table("s1", "Annotated", (Row("S4AL", Kind()),), "nowhere", shows="annotated")
    found = {
        (line.row, line.measure): line.ours.mean
        for line in lines(table, {Kind(): [run]}, "camvid", [])
        if line.ours
    }
    assert found == {
        ("labeled at the start", "share sky"): 100,
        ("labeled at the start", "share sign"): 0,
        ("labeled at the start", "share void"): 0,
        ("annotated for cycle 1", "share sky"): 50,
        ("annotated for cycle 1", "share sign"): 25,
        ("annotated for cycle 1", "share void"): 25,
    }


def test_a_run_without_annotations_has_shares_of_nothing(tmp_path: Path) -> None:
    record = write_run(tmp_path / "run", (0.3,), size=(4, 4))
    table = Table("s1", "Annotated", (Row("S4AL", Kind()),), "nowhere", shows="annotated")
    found = lines(table, {Kind(): [record]}, "camvid", [])
    assert [line.measure for line in found] == ["share sky", "share sign", "share void"]
    assert {line.ours.mean for line in found if line.ours} == {0.0}
