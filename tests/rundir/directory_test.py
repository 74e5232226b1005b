"""Files of a run directory are whole or not there."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s4al_jax.rundir import directory
from s4al_jax.types import InputError, RegionRef


def test_a_cycle_s_results_are_read_back(tmp_path: Path) -> None:
    folder = directory.cycle_folder(tmp_path, 3)
    assert folder.path.name == "03"
    assert folder.metrics is None and folder.scores is None and folder.chosen is None
    scores, eligible = np.full((2, 1, 2), 0.5, np.float32), np.array([[[1, 0]], [[0, 1]]], bool)
    folder.write_scores(scores, eligible)
    folder.write_chosen([RegionRef(1, 0, 1)])
    metrics = {"cycle": 3, "labeled_share": 0.5, "measures": {}}
    folder.write_metrics(metrics, {"student_test": np.eye(2, dtype=np.int64)})
    assert folder.chosen == [RegionRef(1, 0, 1)] and folder.metrics == metrics
    np.testing.assert_array_equal(folder.scores[0], scores)
    np.testing.assert_array_equal(folder.scores[1], eligible)
    np.testing.assert_array_equal(np.load(folder.path / "confusion_student_test.npy"), np.eye(2))
    assert not list(tmp_path.rglob("*.part"))


def test_a_full_disk_is_named_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    directory.write_json(path, {"old": 1})

    def full(descriptor: int) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"a.json: cannot write: No space left on device"):
        directory.write_json(path, {"new": 2})
    assert directory.read_json(path) == {"old": 1}


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(InputError, match=r"a.json: not valid JSON .* restore it"):
        directory.read_json(tmp_path / "a.json")
    assert directory.read_json(tmp_path / "b.json") is None
