"""The notebook: its script runs and says true things, and the file beside it is what it showed."""

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s4al_jax.rundir import directory

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "notebooks" / "acquisition_maps.py"
WRITTEN = json.loads(SCRIPT.with_suffix(".ipynb").read_text("utf-8"))


@pytest.fixture(scope="module")
def stepped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the script's names stand for after it has trained the tiny run itself."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "config.py").write_text("from tests.support.tiny import tiny_config as get_config\n")
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("S4AL_CONFIG", str(folder / "config.py"))
        changed.setenv("S4AL_WORKDIR", str(folder / "run"))
        return runpy.run_path(str(SCRIPT))


def test_the_script_steps_through_a_run_of_its_own(stepped: dict[str, Any]) -> None:
    assert sorted(stepped["snapshots"]) == [0, 1]
    assert (stepped["first"].cycle, stepped["last"].cycle) == (0, 1)
    chosen = directory.cycle_folder(stepped["workdir"], 0).status().chosen
    assert stepped["chosen_after"] == {0: chosen, 1: []}
    assert list(stepped["annotated"]) == ["at the start", "annotated after cycle 0"]
    # Eight cells of 12 x 16 pixels, some of which may be void.
    assert 0 < stepped["annotated"]["annotated after cycle 0"].sum() <= 8 * 12 * 16


def test_a_network_is_probed_as_the_run_scored_with_it(stepped: dict[str, Any]) -> None:
    folder = directory.cycle_folder(stepped["workdir"], 0)
    scores = stepped["scores_by"]["entropy"]
    assert stepped["snapshot"].cycle == 0
    np.testing.assert_array_equal(scores.summaries["score"], folder.read_scores()["score"])
    assert scores.chosen == folder.status().chosen
    assert list(stepped["scores_by"]) == ["random", "least confidence", "entropy", "margin"]
    assert stepped["large"].regions.cell_size == (24, 32) and len(stepped["large"].chosen) == 4
    assert len(stepped["elsewhere"].chosen) == 8


def test_a_finished_run_is_only_read(
    stepped: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = stepped["workdir"]
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    monkeypatch.setenv("S4AL_WORKDIR", str(run))
    found = runpy.run_path(str(SCRIPT))
    assert list(found["snapshots"]) == [1] and found["snapshot"] is found["last"]
    assert "After this cycle the run chose no regions any more." in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_the_notebook_s_cells_are_those_of_the_script() -> None:
    cells: Callable = runpy.run_path(str(ROOT / "tools" / "build_notebook.py"))["cells"]
    found = [(cell["cell_type"], "".join(cell["source"])) for cell in WRITTEN["cells"]]
    assert found == cells(SCRIPT.read_text("utf-8")), "python tools/build_notebook.py"


def test_every_cell_was_run_in_order_and_none_failed() -> None:
    code = [cell for cell in WRITTEN["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    kinds = {output["output_type"] for output in outputs}
    assert kinds == {"stream", "execute_result"}
    assert not [output for output in outputs if output.get("name") == "stderr"]
    pictures = [output["data"]["image/png"] for output in outputs if "data" in output]
    assert len(pictures) == 10
    text = json.dumps([{**output, "data": None} for output in outputs])
    assert not any(place in text for place in ("/home/", "/root/", "/tmp/", "/work/"))
    assert "scores every region as the run did: True" in text
