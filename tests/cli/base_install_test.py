"""Everything but pictures of figures works without matplotlib and tensorboardX, the page included.

In one process in which they cannot be imported, as after `pip install s4al_jax` without extras.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import CACHE
from tests.support import photographs
from tests.support.flags import ONE_DEVICE
from tests.support.small_datasets import camvid_folders

ROOT = Path(__file__).parents[2]
MISSING = ("matplotlib", "tensorboardX", "gcsfs", "s3fs")
CODE = f"""
import contextlib, io, json, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {MISSING}:
            raise ModuleNotFoundError(f"No module named {{name!r}}")

sys.meta_path.insert(0, Missing())
from s4al_jax.cli.main import main

found = []
for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    found.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs without most masks, and CamVid's folders."""
    place = tmp_path_factory.mktemp("base")
    truth = photographs.draw_photographs(place / "truth")
    photographs.copy_without_masks(truth, place / "photos", "train/0", "train/3")
    camvid_folders(place / "camvid")
    return place


@pytest.fixture(scope="module")
def ended(place: Path) -> dict[str, tuple[int, str, str]]:
    """What each command came to: its exit code, what it printed, and its errors."""
    runs, size = place / "runs", ("--config.data.height=24", "--config.data.width=32")
    looked = ("--config.report.pool_images=3", "--config.report.measured_images=2")
    camvid, photos = (f"--config.data.root={place / name}" for name in ("camvid", "photos"))
    sheet = f"--sheet={place / 'sheet.png'}"
    commands = {
        "train": ("train", "tests/support/cheap_method.py", f"--workdir={runs / 'run'}", *looked),
        "folder": ("train", f"tests/support/cheap_person.py:{place / 'photos'}", *looked),
        "report": ("report", str(runs / "run"), f"--out={place / 'page'}"),
        "table": ("report", str(runs / "run"), "--table"),
        "status": ("status", str(runs / "run")),
        "check": ("check", "folder", photos, *size),
        "check camvid": ("check", "camvid", camvid, *size),
        "sheet": ("check", "folder", photos, *size, sheet),
        "cost": ("reproduce", "3b", "--dry_run", "--no_timing", f"--runs={runs / 'tables'}"),
        "tables": ("reproduce", "3b", f"--runs={runs / 'tables'}"),
        "bucket": ("check", "camvid", "--config.data.root=gs://data/camvid"),
    }
    commands["folder"] += (f"--workdir={runs / 'person'}",)
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(list(commands.values()))],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"JAX_COMPILATION_CACHE_DIR": str(CACHE), **ONE_DEVICE},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    return dict(zip(commands, map(tuple, found), strict=True))


def test_a_run_comes_to_its_page_and_writes_nothing_for_tensorboard(
    ended: dict[str, tuple[int, str, str]], place: Path
) -> None:
    code, said, errors = ended["train"]
    assert (code, errors) == (0, "") and "The run is finished" in said
    run = place / "runs/run"
    assert not (run / "tensorboard").exists()
    assert len((run / "metrics.jsonl").read_text().splitlines()) > 7
    assert (run / "report/index.html").stat().st_size > 50_000
    assert "data:image/" in (run / "report/index.html").read_text()


def test_a_person_is_asked_and_shown_the_page(
    ended: dict[str, tuple[int, str, str]], place: Path
) -> None:
    code, said, errors = ended["folder"]
    assert (code, errors) == (0, "") and "8 regions wait for an answer" in said
    assert (place / "runs/person/report/index.html").stat().st_size > 50_000


@pytest.mark.parametrize("name", ["report", "table", "status", "check camvid", "check", "cost"])
def test_a_command_needs_neither(name: str, ended: dict[str, tuple[int, str, str]]) -> None:
    code, said, errors = ended[name]
    assert "needs" not in errors and "Traceback" not in errors
    assert said and code == 0, errors


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("sheet", "--sheet needs matplotlib: pip install 's4al_jax[plots]'"),
        ("tables", "s4al reproduce needs matplotlib: pip install 's4al_jax[plots]'"),
        ("bucket", "gs://data/camvid: gs:// needs a package: pip install 's4al_jax[gs]'"),
    ],
)
def test_a_command_that_needs_one_says_in_a_line_how_to_install_it(
    name: str, line: str, ended: dict[str, tuple[int, str, str]]
) -> None:
    code, said, errors = ended[name]
    assert (code, said, errors) == (1, "", f"error: {line}\n")
