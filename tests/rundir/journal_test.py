"""The journal keeps rows that can be read back, and forgets those that a resume does again."""

import json
from pathlib import Path

import pytest

from s4al_jax.rundir.journal import Journal
from s4al_jax.types import InputError


def written(folder: Path) -> None:
    with Journal(folder) as journal:
        for number in (2, 4, 6):
            journal.write(
                number, {"kind": "train", "cycle": 0, "epoch": number, "loss": number / 8}
            )


def test_rows_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    written(tmp_path)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[1]) == {
        "number": 4,
        "kind": "train",
        "cycle": 0,
        "epoch": 4,
        "loss": 0.5,
    }
    assert list((tmp_path / "tensorboard").iterdir())


def test_rewinding_drops_later_rows_and_a_torn_one(tmp_path: Path) -> None:
    written(tmp_path)
    path = tmp_path / "metrics.jsonl"
    whole = path.read_text()
    path.write_text(whole + '{"number":8,"ki')
    with Journal(tmp_path) as journal:
        assert [row["number"] for row in journal.rows()] == [2, 4, 6]
        journal.rewind(4)
        assert [row["number"] for row in journal.rows()] == [2, 4]
    assert whole.startswith(path.read_text())


def test_a_row_that_cannot_be_written_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").mkdir()
    with Journal(tmp_path) as journal, pytest.raises(InputError, match="metrics.jsonl cannot be"):
        journal.write(1, {"kind": "train"})


def test_a_board_that_cannot_be_written_is_named_as_often_as_it_is_told_something(
    tmp_path: Path,
) -> None:
    (tmp_path / "tensorboard").write_text("in the way")
    with Journal(tmp_path) as journal:
        for number in range(12):  # more than any queue of the library holds
            with pytest.raises(InputError, match="tensorboard cannot be read or written"):
                journal.write(number, {"kind": "train", "cycle": 0, "loss": 1.0})
