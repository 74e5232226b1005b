"""Files of a run directory are whole or not there, and a status says which there are."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s4al_jax.files.atomic import read_json, write_json
from s4al_jax.rundir import directory
from s4al_jax.rundir.directory import CycleStatus, RunStatus
from s4al_jax.types import InputError, RegionRef

NOTHING = CycleStatus(None, has_views=False, has_scores=False, chosen=None, given_up=None)
METRICS = {"cycle": 3, "labeled_share": 0.5, "regions": 2, "measures": {}}


def test_a_cycle_s_results_are_read_back(tmp_path: Path) -> None:
    folder = directory.cycle_folder(tmp_path, 3)
    assert folder.path.name == "03" and folder.status() == NOTHING
    scores = np.full((2, 2), 0.5, np.float32)
    features = np.arange(8, dtype=np.float16).reshape(2, 2, 2)
    is_open = np.array([[True, False], [False, True]])
    folder.write_scores({"score": scores, "features": features}, is_open)
    folder.write_chosen([RegionRef(1, 1)])
    folder.write_given_up([])
    folder.write_views(b"views")
    folder.write_metrics(METRICS, {"student_test": np.eye(2, dtype=np.int64)})
    assert folder.status() == CycleStatus(
        METRICS, has_views=True, has_scores=True, chosen=[RegionRef(1, 1)], given_up=[]
    )
    found = folder.read_scores()
    assert list(found) == ["score", "features"]
    np.testing.assert_array_equal(found["score"], scores)
    np.testing.assert_array_equal(found["features"], features)
    assert found["features"].dtype == np.float16
    np.testing.assert_array_equal(folder.read_open(), is_open)
    np.testing.assert_array_equal(folder.read_confusion("student", "test"), np.eye(2))
    assert folder.read_confusion("teacher", "test") is None
    assert folder.views_path.read_bytes() == b"views"
    assert json.loads((folder.path / "chosen.json").read_text()) == [[1, 1]]
    assert not list(tmp_path.rglob("*.part"))


def test_a_status_says_of_every_cycle_what_is_there_and_passes_through_json(
    tmp_path: Path,
) -> None:
    directory.start_folder(tmp_path).write_chosen([RegionRef(0, 7), RegionRef(2, 1)])
    first = directory.cycle_folder(tmp_path, 0)
    first.write_metrics({**METRICS, "cycle": 0}, {})
    first.write_chosen([])
    status = directory.read_status(tmp_path, 2)
    assert status.start == NOTHING._replace(chosen=[RegionRef(0, 7), RegionRef(2, 1)])
    assert status.cycles[0] == NOTHING._replace(metrics={**METRICS, "cycle": 0}, chosen=[])
    assert status.cycles[1] == NOTHING and len(status.cycles) == 2
    told = RunStatus.from_json(json.loads(json.dumps(status.to_json())))
    assert told == status and isinstance((told.start.chosen or [])[0], RegionRef)


@pytest.mark.parametrize("name", ["chosen.json", "given_up.json"])
@pytest.mark.parametrize("content", ["{}", "[[1, 2, 3]]", "[[1]]", "[[-1, 0]]", "[[true, 0]]"])
def test_regions_that_no_run_writes_are_named(tmp_path: Path, name: str, content: str) -> None:
    folder = directory.cycle_folder(tmp_path, 0)
    folder.path.mkdir(parents=True)
    (folder.path / name).write_text(content)
    with pytest.raises(InputError, match=f"{name} is not as a run writes it: restore it"):
        folder.status()


def test_a_damaged_archive_of_scores_is_named(tmp_path: Path) -> None:
    folder = directory.cycle_folder(tmp_path, 0)
    folder.path.mkdir(parents=True)
    path = folder.path / "scores.npz"
    for content in (b"", b"PK", b"not an archive"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"scores.npz is no whole archive of scores: remove"):
            folder.read_scores()
    np.savez(path, scores=np.zeros(2))
    with pytest.raises(InputError, match=r"scores.npz is no whole archive of scores: remove"):
        folder.read_open()


def test_a_summary_cannot_take_the_place_of_what_is_open(tmp_path: Path) -> None:
    folder = directory.cycle_folder(tmp_path, 0)
    with pytest.raises(ValueError, match="cannot be called 'open'"):
        folder.write_scores({"open": np.zeros((1, 1))}, np.ones((1, 1), bool))
    assert not folder.status().has_scores


def test_a_full_disk_is_named_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})

    def full(descriptor: int) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"a.json: cannot write: No space left on device"):
        write_json(path, {"new": 2})
    assert read_json(path) == {"old": 1}


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(InputError, match=r"a.json: not valid JSON .* restore it"):
        read_json(tmp_path / "a.json")
    assert read_json(tmp_path / "b.json") is None
