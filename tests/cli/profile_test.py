"""`s4al profile` traces steps into a folder."""

from pathlib import Path

import pytest

from tests.conftest import Command


def test_a_folder_that_cannot_be_made_is_one_line(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    given = ("tests/support/tiny.py", "--config.devices=1")
    assert command("profile", *given, f"--out={tmp_path / 'file/trace'}") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"error: {tmp_path}/file/trace: cannot write: Not a directory"


def test_so_many_steps_are_traced(
    straight: object, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the longest stage, whose program the straight run has compiled already."""
    config = tmp_path / "config.py"
    config.write_text("from tests.support.tiny import tiny_config as get_config\n")
    out = tmp_path / "trace"
    assert command("profile", config, f"--out={out}", "--steps=2") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"2 replay steps traced; `xprof {out}` shows them" and len(said) == 12
    assert list(out.rglob("*.xplane.pb"))
