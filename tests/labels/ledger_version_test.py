"""Ledgers of version 0.1, which knew grids alone: read as today's, and continued."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from s4al_jax.labels.answer import PoolShape
from s4al_jax.labels.ledger import Ledger
from s4al_jax.labels.store import LabelStore
from s4al_jax.regions.grid import region_grid
from s4al_jax.types import RegionRef
from tests.support.partition import IRREGULAR
from tests.support.small_store import (
    CLASSES,
    GRID,
    HEIGHT,
    NAMES,
    WIDTH,
    all_regions,
    answers,
    cell,
    files,
    filled,
    maps,
    opened,
    rewrite_as_version_1,
)

SHAPE = PoolShape(NAMES, HEIGHT, WIDTH, CLASSES)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, HEIGHT), st.integers(1, WIDTH), st.data())
def test_row_and_column_become_the_number_of_the_cell_whatever_the_grid(
    cell_height: int, cell_width: int, data: st.DataObject
) -> None:
    grid = region_grid(HEIGHT, WIDTH, cell_height, cell_width)
    chosen = data.draw(st.permutations(all_regions(grid)))[:9]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = opened(folder)
        store.record(answers(chosen, grid, 0), grid)
        today = list(Ledger(folder).read(SHAPE))
        rewrite_as_version_1(folder, grid)
        before = list(Ledger(folder).read(SHAPE))
        assert [answer.region for answer in before] == sorted(chosen)
        for one, other in zip(before, today, strict=True):
            assert one.class_pixels.tolist() == other.class_pixels.tolist()
            assert one._replace(class_pixels=()) == other._replace(class_pixels=())
        again = opened(folder)
        assert np.array_equal(maps(again), maps(store)) and again.missing(chosen, grid) == []


def test_lines_of_both_versions_follow_each_other_in_one_ledger(tmp_path: Path) -> None:
    filled(tmp_path / "old")
    rewrite_as_version_1(tmp_path / "old")
    before = files(tmp_path / "old")
    store = opened(tmp_path / "old")
    assert files(tmp_path / "old") == before
    store.record(answers([cell(2, 0, 1)], GRID, 1), GRID)
    store.record(answers([RegionRef(1, 0)], IRREGULAR, 2), IRREGULAR)
    after = files(tmp_path / "old")
    assert after["ledger.jsonl"].startswith(before["ledger.jsonl"])
    again = opened(tmp_path / "old")
    again.check_valid()
    assert np.array_equal(maps(again), maps(store))
    assert again.annotated_regions == 6 and again.spent == 44 + 6 + 35
    # A new run comes to the same labels and patches; only the lines of the ledger differ.
    new = filled(tmp_path / "new")
    new.record(answers([cell(2, 0, 1)], GRID, 1), GRID)
    new.record(answers([RegionRef(1, 0)], IRREGULAR, 2), IRREGULAR)
    assert np.array_equal(maps(new), maps(again))
    assert {**files(tmp_path / "new"), "ledger.jsonl": b""} == {**after, "ledger.jsonl": b""}


def test_the_ledger_of_a_run_of_version_0_1_is_read(tmp_path: Path) -> None:
    run = Path(__file__).parents[1] / "old_runs/0.1"
    names = json.loads((run / "splits.json").read_text())["train"]
    shutil.copytree(run / "annotations", tmp_path / "annotations")
    store = LabelStore.open(
        tmp_path / "annotations", names=names, height=24, width=32, num_classes=11
    )
    store.check_valid()
    assert (store.annotated_regions, store.spent, store.share) == (7, 1920, 0.625)
    grid = region_grid(24, 32, 12, 16)
    known = [[True, False, False, True], [True, False, True, False], 4 * [True]]
    assert store.labeled_regions(grid)[:3].tolist() == known
    found = Ledger(tmp_path / "annotations").read(PoolShape(tuple(names), 24, 32, 11))
    refs = [tuple(answer.region) for answer in found]
    assert refs[:5] == [(2, 0), (0, 0), (0, 3), (1, 0), (1, 2)]
    assert files(tmp_path / "annotations") == files(run / "annotations")
