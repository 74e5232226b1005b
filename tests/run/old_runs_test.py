"""Directories that an earlier version left behind are refused by name, and stay as they are.

`old_runs/MINOR` is the directory of a finished run of that release: the network of
`tests/support/tiny.py` on four drawn scenes of 24 x 32 pixels, without its TensorBoard files.
Before 1.0 a version reads what its own minor version wrote. What was paid for is read by all.
"""

import json
import shutil
from pathlib import Path

import pytest

from s4al_jax import __version__
from s4al_jax.config import options
from s4al_jax.labels.store import LabelStore
from s4al_jax.rundir import records
from s4al_jax.types import InputError
from tests.conftest import Command
from tests.support.bad_inputs import tree

RUNS = sorted((Path(__file__).parents[1] / "old_runs").iterdir())
OTHERS = [run for run in RUNS if run.name != __version__.rpartition(".")[0]]


@pytest.fixture(params=OTHERS, ids=lambda run: run.name)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(request.param, tmp_path / "run"))


def refusal(run: Path) -> str:
    """The line that names the version of a run."""
    versions = json.loads((run / "config.json").read_text())["versions"]
    minor = versions["s4al_jax"].rpartition(".")[0]
    return (
        f"{run}/config.json was written by s4al_jax {versions['s4al_jax']}, this is {__version__}: "
        f"go on with a version {minor}, or choose another directory"
    )


def test_its_record_and_its_configuration_are_refused_by_name(run: Path) -> None:
    for read in (records.read, options.of_run):
        with pytest.raises(InputError) as caught:
            read(run)
        assert str(caught.value) == refusal(run)


def test_every_command_refuses_it_in_one_line_and_leaves_it_alone(
    run: Path, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(run)
    out = tmp_path / "out"
    for arguments in (
        ("train", "tests/support/cheap_method.py", f"--workdir={run}"),
        ("status", run),
        ("report", run, f"--out={out}"),
        ("report", run, "--table"),
        ("export", run, f"--model={out}", f"--labels={out}"),
    ):
        assert command(*arguments) == 1
        assert capsys.readouterr().err == f"error: {refusal(run)}\n"
    assert tree(run) == before and not out.exists()


def test_its_labels_are_read_and_verified(run: Path) -> None:
    before = tree(run)
    names = json.loads((run / "splits.json").read_text())["train"]
    store = LabelStore.open(
        run / "annotations", names=names, height=24, width=32, num_classes=11, repair=True
    )
    store.check_valid()
    assert (store.annotated_regions, store.spent, store.share) == (7, 1920, 0.625)
    assert tree(run) == before
