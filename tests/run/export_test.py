"""A network that leaves its run: its arrays and what another program needs, in two files."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from s4al_jax.engine import devices
from s4al_jax.engine.checkpoint import Checkpoints
from s4al_jax.run import build, export
from s4al_jax.types import InputError
from tests.conftest import FinishedRun


@pytest.fixture(scope="module")
def model(straight: FinishedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model")
    export.export_network(straight.experiment, straight.workdir, out)
    return out


def test_the_json_says_what_another_program_needs(straight: FinishedRun, model: Path) -> None:
    about = json.loads((model / "model.json").read_text())
    assert [entry["name"] for entry in about["classes"]] == list(straight.experiment.spec.classes)
    assert (about["input"]["height"], about["input"]["width"]) == (48, 64)
    assert about["input"]["mean"] == [0.485, 0.456, 0.406]
    assert about["model"]["backbone"] == {"name": "plain", "kwargs": {"features": 8}}
    assert about["run"]["network"] == "teacher"
    assert (about["run"]["cycle"], about["run"]["step"]) == (1, 8)
    assert str(straight.workdir) not in json.dumps(about)


def test_the_arrays_come_back_as_they_were(straight: FinishedRun, model: Path) -> None:
    built = straight.experiment
    checkpoints = Checkpoints(straight.workdir / "checkpoints", keep=2, mesh=built.mesh)
    teacher = checkpoints.state(built.state_shapes).teacher
    checkpoints.close()
    read = export.read_network(model, devices.mesh(1))
    jax.tree.map(np.testing.assert_array_equal, read.variables, teacher)


def test_another_run_starts_from_an_exported_backbone(
    model: Path, tiny: Callable[..., ConfigDict], capsys: pytest.CaptureFixture[str]
) -> None:
    weights = str(model / "model.safetensors")
    built = build.build(tiny(model__pretrained=weights))
    assert "10 tensors loaded" in capsys.readouterr().out
    started = built.fresh_state(0, np.ones(11, np.int64)).student
    read = export.read_network(model, devices.mesh(1)).variables
    for part in ("params", "batch_stats"):
        jax.tree.map(
            np.testing.assert_array_equal, started[part]["backbone"], read[part]["backbone"]
        )


def test_what_cannot_be_exported_is_said_in_one_line(
    straight: FinishedRun, model: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="nothing has been trained in"):
        export.export_network(straight.experiment, tmp_path / "empty", tmp_path / "m")
    with pytest.raises(InputError, match="s4al export writes one"):
        export.read_network(tmp_path, devices.mesh(1))
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    about = json.loads((copy / "model.json").read_text())
    (copy / "model.json").write_text(json.dumps({**about, "version": 2}))
    with pytest.raises(InputError, match="of version 2, this program reads 1"):
        export.read_network(copy, devices.mesh(1))
    (copy / "model.json").write_text(json.dumps({"version": 1}))
    with pytest.raises(InputError, match="not as it was written"):
        export.read_network(copy, devices.mesh(1))
    (copy / "model.json").write_text(json.dumps({**about, "classes": about["classes"][:3]}))
    with pytest.raises(InputError, match="classify.bias has shape"):
        export.read_network(copy, devices.mesh(1))
