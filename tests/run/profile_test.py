"""Profiling leaves a trace and says what the steps spent their time on."""

from collections.abc import Callable
from pathlib import Path

import pytest
from ml_collections import ConfigDict

from s4al_jax.run import build
from s4al_jax.run.profile import profile_steps
from s4al_jax.types import InputError


def test_ten_kernels_are_named_and_the_trace_is_there(
    straight: object, tiny: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    """Of the longest stage, whose program the straight run has compiled already."""
    folder = tmp_path / "trace"
    said = profile_steps(build.build(tiny()), folder, steps=2).splitlines()
    assert said[0] == f"2 replay steps traced; `xprof {folder}` shows them"
    assert len(said) == 12
    milliseconds = [float(line.split()[0]) for line in said[2:]]
    assert milliseconds == sorted(milliseconds, reverse=True) and milliseconds[-1] > 0
    assert list(folder.rglob("*.xplane.pb"))
    assert (folder / "kernels.txt").read_text().splitlines() == said


def test_a_folder_that_cannot_be_made_is_one_line(
    tiny: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file/trace: cannot write"):
        profile_steps(build.build(tiny()), tmp_path / "file" / "trace", steps=1)
