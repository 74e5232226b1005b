"""What a run writes down of where it comes from."""

import shutil
import subprocess
from pathlib import Path

import pytest

from s4al_jax.run.preflight import revision


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_revision_is_gits_and_says_what_was_changed_since(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        return subprocess.check_output(["git", *who, *words], cwd=tmp_path, text=True).strip()

    assert revision(tmp_path) == ""
    git("init", "-q")
    (tmp_path / "source.py").write_text("1")
    git("add", "source.py")
    git("commit", "-qm", "Begin")
    git("tag", "-a", "v1", "-m", "one")
    head = git("rev-parse", "HEAD")
    assert revision(tmp_path) == head and len(head) == 40
    (tmp_path / "notes.txt").write_text("of no matter")
    assert revision(tmp_path) == head
    (tmp_path / "source.py").write_text("2")
    assert revision(tmp_path) == f"{head}-dirty"
