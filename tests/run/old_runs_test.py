"""Runs that earlier releases left behind are read by this one.

`old_runs/MINOR` is the directory of a finished run of that release: the network of
`tests/support/tiny.py` on four drawn scenes of 24 x 32 pixels, without its TensorBoard files. Each
release adds its own and leaves the others as they are; a release that reads them no more is another
major version.
"""

import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

from s4al_jax.config import defaults
from s4al_jax.engine.checkpoint import Checkpoints
from s4al_jax.labels.store import LabelStore
from s4al_jax.report import tables
from s4al_jax.run import build, loop
from s4al_jax.rundir import records
from tests.support import tiny
from tests.support.bad_inputs import tree

RUNS = sorted((Path(__file__).parents[1] / "old_runs").iterdir())
assert tiny.Plain, "the network of these runs"

TABLE = """
| cycle | labelled % of pixels | regions bought | mIoU % | mIoU % trained on all |
|------:|---------------------:|---------------:|-------:|----------------------:|
|     0 |                25.00 |              0 |    2.6 |                     - |
|     1 |                62.50 |              6 |    1.4 |                     - |
"""


@pytest.fixture(params=RUNS, ids=lambda run: run.name)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(request.param, tmp_path / "run"))


def test_its_table_and_its_record_are_read(run: Path) -> None:
    assert tables.cycle_table(run) == TABLE.strip()
    record = records.read(run)
    assert [cycle.labeled_share for cycle in record.cycles] == [0.25, 0.625]
    assert record.cycles[1].miou() == pytest.approx(0.0138348, abs=1e-6)
    confusion = record.cycles[1].confusion("teacher", "test")
    assert confusion is not None and confusion.sum() == 1534
    assert len(records.rows(run)) == len((run / "metrics.jsonl").read_text().splitlines())


def test_its_labels_are_read_and_verified(run: Path) -> None:
    before = tree(run)
    names = json.loads((run / "splits.json").read_text())["train"]
    store = LabelStore.open(
        run / "annotations", names=names, height=24, width=32, num_classes=11, repair=True
    )
    store.check_valid()
    assert (store.regions_bought, store.spent, store.share) == (7, 1920, 0.625)
    assert tree(run) == before


def test_it_is_known_to_be_finished_and_its_networks_are_there(run: Path) -> None:
    before = tree(run)
    built = build.build(defaults.of_run(run))
    results = list(loop.run_cycles(built, run))
    assert [result.cycle for result in results] == [0, 1]
    after = tree(run)
    assert {name: after[name] for name in before} == before
    with Checkpoints(run / "checkpoints", keep=1, mesh=built.mesh) as kept:
        state = kept.state(built.state_shapes)
    assert int(state.step) == built.schedule.steps_of(1) == 6
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.teacher))
