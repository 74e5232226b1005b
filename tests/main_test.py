"""The command: what is wrong with a call is said in one line, before anything is written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DEMO, WORKDIR = "--config=configs/demo.py", "--workdir={run}"
WRONG = {
    "an unknown knob": ([DEMO, WORKDIR, "--config.nothing=3"], "nothing"),
    "a value of another type": ([DEMO, WORKDIR, "--config.batch.labeled=few"], "few"),
    "an unknown study": ([f"{DEMO}:everything", WORKDIR], "unknown study 'everything'"),
    "no directory": ([DEMO], "--workdir is missing"),
    "no dataset": (["--config=configs/camvid.py", WORKDIR], "S4AL_CAMVID|data.root"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_one_line_and_leaves_nothing_behind(mistake: str, tmp_path: Path) -> None:
    arguments, said = WRONG[mistake]
    run = tmp_path / "run"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("S4AL_")}
    finished = subprocess.run(
        [sys.executable, "-m", "s4al_jax.main", *(part.format(run=run) for part in arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**kept, "JAX_PLATFORMS": "cpu", "XDG_CACHE_HOME": str(tmp_path / "cache")},
    )
    assert finished.returncode == 1
    lines = finished.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), finished.stderr
    assert any(part in lines[0] for part in said.split("|")), lines[0]
    assert not run.exists() and not finished.stdout
