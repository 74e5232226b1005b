"""The journal keeps rows that can be read back, and forgets those that a resume does again."""

import io
import json
import types
from pathlib import Path

import pytest

from s4al_jax.engine import journal as journal_module
from s4al_jax.engine.journal import Journal, duration, pace
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
    with Journal(tmp_path) as journal, pytest.raises(InputError, match="metrics.jsonl: cannot wr"):
        journal.write(1, {"kind": "train"})


def test_elsewhere_than_on_a_terminal_progress_is_plain_lines(tmp_path: Path) -> None:
    out = io.StringIO()
    with Journal(tmp_path, out=out) as journal:
        journal.progress("epoch 1")
        journal.say("done")
    assert out.getvalue() == "epoch 1\ndone\n"


def test_times_are_said_as_people_say_them() -> None:
    assert [duration(s) for s in (0.4, 99, 100, 3600, 7200)] == [
        "0 s",
        "99 s",
        "2 min",
        "60 min",
        "2.0 h",
    ]
    assert pace(0.25, 1200) == "4.00 steps/s, 5 min left"


def test_a_countdown_speaks_now_and_then_and_estimates_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([100.0, 104.0, 110.0, 111.0, 130.0])
    own_time = types.SimpleNamespace(monotonic=lambda: next(clock))
    monkeypatch.setattr(journal_module, "time", own_time)
    out = io.StringIO()
    with Journal(tmp_path, out=out) as journal:
        progress = journal.countdown("images read")
        for done in (1, 5, 6, 15):
            progress(done, 20)
    assert out.getvalue().splitlines() == [
        "5 of 20 images read, 30 s left",
        "15 of 20 images read, 10 s left",
    ]
