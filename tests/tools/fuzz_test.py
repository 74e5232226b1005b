"""The fuzzer feeds a reader, lets its own errors pass, and keeps what brings out another one."""

import json
from pathlib import Path

import pytest

from s4al_jax.types import InputError
from tests.conftest import Command
from tools import fuzz


def test_an_error_of_another_kind_is_kept_once_and_our_own_is_none(tmp_path: Path) -> None:
    def read(content: bytes) -> None:
        if content == b"own":
            raise InputError("of one line")
        if content == b"torn":
            raise InputError("of two\nlines")
        if content.startswith(b"x"):
            raise KeyError(content)

    watch = fuzz.Watch("some", fuzz.Reader(b"good", read), tmp_path / "out", 60.0)
    for content in (b"good", b"own", b"x1", b"x2", b"torn"):
        watch.feed(content)
    assert tuple(watch.outcome) == (5, 2, 2)
    kept = {path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert kept == {b"x1", b"torn"}


@pytest.mark.skipif(fuzz.atheris is not None, reason="atheris does not come back from a reader")
def test_the_command_feeds_a_reader_of_this_package(
    tool: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--reader=classes.txt", "--seconds=0.5", "--seed=1", f"--out={tmp_path / 'out'}")
    assert tool("fuzz", *arguments) == 0
    executed, refused, findings = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert executed > refused > 0 and findings == 0
    assert not (tmp_path / "out").exists()
