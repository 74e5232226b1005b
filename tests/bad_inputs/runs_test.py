"""Bad run directories, as the command that goes on with a run finds them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from s4al_jax.report import tables
from s4al_jax.run import loop
from s4al_jax.run.build import Experiment
from s4al_jax.rundir import directory, records
from tests.run.stages_test import made
from tests.support.bad_inputs import Case, refused
from tests.support.tiny import tiny_config


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return made(tiny_config())


@pytest.fixture(scope="module")
def finished(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of networks of one weight, from start to end."""
    run = tmp_path_factory.mktemp("finished") / "run"
    assert len(list(loop.run_cycles(experiment, run))) == 2
    return run


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to be made bad."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def text(place: str, content: str) -> Callable[[Path], object]:
    return lambda run: (run / place).write_text(content)


def changed(place: str, change: Callable[[Any], object]) -> Callable[[Path], object]:
    """Another content of a JSON file."""

    def make(run: Path) -> None:
        content = json.loads((run / place).read_text())
        change(content)
        (run / place).write_text(json.dumps(content))

    return make


def all_of(*makers: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda run: [make(run) for make in makers]


def removed(place: str) -> Callable[[Path], object]:
    """Without a file or a folder."""

    def make(run: Path) -> None:
        path = run / place
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return make


def of_version(version: str) -> Callable[[Path], object]:
    return changed("config.json", lambda kept: kept["versions"].update(s4al_jax=version))


def without_ledger_s_last_words(run: Path) -> None:
    path = run / "annotations/ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][:40] + b"\n")


def of_another_pool(run: Path) -> None:
    path = run / "annotations/ledger.jsonl"
    path.write_text(path.read_text().replace('"name":"train', '"name":"other'))


UNFINISHED = removed("cycles/01")
"""The page of a run is made anew whenever the run goes on."""
FOREIGN = "is not as a run writes it: restore it from a copy"
NO_JSON = (
    "not valid JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1)); "
    "restore it from a copy"
)
OTHER_VERSION = (
    "HERE/config.json was written by s4al_jax {}, this is 0.2.0: go on with a version {}, or "
    "choose another directory"
)

RUNS = (
    Case(
        "of another configuration",
        changed("config.json", lambda kept: kept["options"].update(seed=7)),
        "HERE belongs to another configuration (seed: 7 -> 0): choose another --workdir or take "
        "these options back",
    ),
    Case(
        "with an option that nobody knows",
        changed("config.json", lambda kept: kept["options"].update({"data.new": 1})),
        "HERE belongs to another configuration (data.new: 1 -> (absent)): choose another --workdir "
        "or take these options back",
    ),
    Case("of a version to come", of_version("1.0.0"), OTHER_VERSION.format("1.0.0", "1")),
    Case("of the next minor version", of_version("0.3.3"), OTHER_VERSION.format("0.3.3", "0.3")),
    Case("of no version", of_version("new"), OTHER_VERSION.format("new", "new")),
    Case("with half a config.json", text("config.json", "{"), f"HERE/config.json: {NO_JSON}"),
    Case("with a list for config.json", text("config.json", "[]"), f"HERE/config.json {FOREIGN}"),
    Case(
        "with a config.json that is no text",
        lambda run: (run / "config.json").write_bytes(b"\xff"),
        "HERE/config.json: not valid JSON ('utf-8' codec can't decode byte 0xff in position 0: "
        "invalid start byte); restore it from a copy",
    ),
    Case(
        "without config.json",
        removed("config.json"),
        "HERE is not empty and has no config.json: choose another --workdir",
    ),
    Case(
        "without splits.json",
        removed("splits.json"),
        "HERE/splits.json is missing, but HERE/annotations holds answers: restore it from a copy",
    ),
    Case("with a list for splits.json", text("splits.json", "[]"), f"HERE/splits.json {FOREIGN}"),
    Case(
        "of other images",
        changed("splits.json", lambda kept: kept["val"].pop()),
        "HERE/splits.json names others than the dataset has now (val): restore the dataset or "
        "choose another --workdir",
    ),
    Case(
        "of other classes",
        changed("splits.json", lambda kept: kept["classes"].reverse()),
        "HERE/splits.json names others than the dataset has now (classes): restore the dataset or "
        "choose another --workdir",
    ),
    Case(
        "with a list for metrics.json",
        text("cycles/01/metrics.json", "[]"),
        f"HERE/cycles/01/metrics.json {FOREIGN}",
    ),
    Case(
        "with metrics of nothing",
        text("cycles/01/metrics.json", "{}"),
        f"HERE/cycles/01/metrics.json {FOREIGN}",
    ),
    Case(
        "with half a chosen.json",
        text("cycles/00/chosen.json", "{"),
        f"HERE/cycles/00/chosen.json: {NO_JSON}",
    ),
    Case(
        "that chose half a region",
        text("cycles/00/chosen.json", "[[0]]"),
        f"HERE/cycles/00/chosen.json {FOREIGN}",
    ),
    Case(
        "that chose what is not there",
        all_of(UNFINISHED, text("cycles/00/chosen.json", "[[99, 0]]")),
        "there is no image 99 in a pool of 6: count from 0",
    ),
    Case(
        "with another pool's ledger",
        all_of(UNFINISHED, of_another_pool),
        "HERE/annotations/ledger.jsonl, line 1: image 2 of this pool is not named 'other_00002'; "
        "bring back an undamaged copy of HERE/annotations",
    ),
    Case(
        "whose ledger ends in a damaged line",
        all_of(UNFINISHED, without_ledger_s_last_words),
        "HERE/annotations/ledger.jsonl, line 10: Unterminated string starting at: line 1 column 29 "
        "(char 28); bring back an undamaged copy of HERE/annotations",
    ),
    Case(
        "whose ledger is gone",
        all_of(UNFINISHED, removed("annotations/ledger.jsonl")),
        "HERE/annotations/ledger.jsonl is missing, but HERE/annotations/patches holds answers: "
        "bring it back",
    ),
    Case(
        "with a file in the place of its checkpoints",
        all_of(removed("checkpoints"), text("checkpoints", "")),
        "HERE/checkpoints is a file: remove it",
    ),
)


@pytest.mark.parametrize("case", RUNS, ids=lambda case: case.name)
def test_a_run(case: Case, run: Path, experiment: Experiment) -> None:
    refused(case, run, lambda run: list(loop.run_cycles(experiment, run)))


def test_scores_that_are_a_text(run: Path) -> None:
    line = (
        "HERE/cycles/00/scores.npz is no whole archive of scores: remove it, and it is made again"
    )
    case = Case("", text("cycles/00/scores.npz", "many"), line)
    refused(case, run, lambda run: directory.cycle_folder(run, 0).read_scores())


def test_a_file_in_the_place_of_a_run(tmp_path: Path, experiment: Experiment) -> None:
    case = Case("", text("run", ""), "HERE/run is a file: choose another --workdir")
    refused(case, tmp_path, lambda place: list(loop.run_cycles(experiment, place / "run")))


def test_what_a_run_does_not_know_is_left_alone(run: Path, experiment: Experiment) -> None:
    (run / "notes.txt").write_text("mine")
    (run / "cycles/07").mkdir()
    assert len(list(loop.run_cycles(experiment, run))) == 2
    assert (run / "notes.txt").read_text() == "mine"


READ = (
    Case(
        "with metrics of nothing",
        text("cycles/01/metrics.json", "{}"),
        f"HERE/cycles/01/metrics.json {FOREIGN}",
    ),
    Case(
        "with half a metrics.json",
        text("cycles/01/metrics.json", "{"),
        f"HERE/cycles/01/metrics.json: {NO_JSON}",
    ),
)


@pytest.mark.parametrize("case", READ, ids=lambda case: case.name)
def test_a_run_whose_table_is_read(case: Case, run: Path) -> None:
    refused(case, run, tables.cycle_table)


def test_a_run_of_another_version_whose_record_is_read(run: Path) -> None:
    case = Case("", of_version("2.1.0"), OTHER_VERSION.format("2.1.0", "2"))
    refused(case, run, records.read)
