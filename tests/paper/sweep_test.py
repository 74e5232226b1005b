"""Runs are found by what they compute, and what they will cost is worked out by hand."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from s4al_jax.config import options
from s4al_jax.paper import sweep
from s4al_jax.paper.sweep import Job
from s4al_jax.paper.tables import IMAGES, INITIAL, S4AL, Kind
from s4al_jax.rundir.run_json import write_run_json
from s4al_jax.types import InputError
from tests.support.descriptions import description

PROTOCOL = """
from s4al_jax.config import defaults

def get_config(argument=None):
    config = defaults.default()
    config.schedule.update(acquisitions=1, iterations=5, epochs=3, last_epochs=4)
    return defaults.study(config, argument, supervised={"iterations": 10, "epochs": 4})
"""
WARMUP, CLASSMIX, REPLAY = "warmup", "classmix", "replay"
STAGES = [WARMUP, CLASSMIX, CLASSMIX] + [WARMUP, CLASSMIX, REPLAY, REPLAY]
"""A first cycle that does not replay; a second one that does from its third epoch on."""


@pytest.fixture
def protocol(tmp_path: Path) -> Path:
    path = tmp_path / "short.py"
    path.write_text(PROTOCOL)
    return path


@pytest.fixture
def job(protocol: Path) -> Job:
    return sweep.job(protocol, Kind(), 0, {})


def write_epochs(
    folder: Path, job: Job, times: Sequence[tuple[str, float]], *, done: bool = False
) -> None:
    """A run directory with so many epochs, each of a stage and with its seconds a step."""
    run = folder / job.name
    run.mkdir(parents=True)
    (run / "config.json").write_text(json.dumps({"options": job.options, "fingerprint": ""}))
    write_run_json(run, description())
    each = job.schedule.iterations
    for number, (stage, seconds) in enumerate(times, start=1):
        row = {"number": each * number, "kind": "train", "stage": stage}
        with (run / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        with (run / "timing.jsonl").open("a") as file:
            line = {"number": each * number, "seconds_per_step": seconds}
            file.write(json.dumps(line) + "\n")
    for cycle in range(job.schedule.cycles if done else 0):
        path = run / "cycles" / f"{cycle:02d}" / "metrics.json"
        path.parent.mkdir(parents=True)
        metrics = {"cycle": cycle, "labeled_share": 0.1, "regions": 0, "measures": {}}
        path.write_text(json.dumps(metrics))


def test_a_run_is_named_after_what_it_computes(protocol: Path) -> None:
    def name(kind: Kind = S4AL, seed: int = 0, **given: object) -> str:
        values = {key.replace("__", "."): value for key, value in given.items()}
        return sweep.job(protocol, kind, seed, values).name

    assert name() == name(Kind("entropy")) == name(acquisition__name="entropy")
    assert name() == name(data__root="/elsewhere"), "where data lies changes nothing"
    others = [name(), name(seed=1), name(Kind("random")), name(INITIAL), name(devices=1)]
    assert len({*others, name(budget__regions_per_image=2)}) == 5, "devices are free, too"
    assert name(seed=7).startswith("streets_360x480_s4al_entropy_seed7_")


def test_the_arguments_are_what_differs_from_the_protocol(protocol: Path) -> None:
    kind = Kind("random", (("method.kwargs.balanced", False),), cells=(2, 1))
    job = sweep.job(protocol, kind, 3, {"method.kwargs.replay_capacity": 9})
    assert job.arguments[0] == f"--config={protocol}:random"
    assert set(job.arguments[1:]) == {
        "--config.method.kwargs.replay_capacity=9",
        "--config.method.kwargs.balanced=False",
        "--config.regions.kwargs.cell_height=60",
        "--config.regions.kwargs.cell_width=60",
        "--config.budget.regions_per_image=1",
        "--config.seed=3",
    }
    images = sweep.job(protocol, IMAGES, 0, {"data.height": 90})
    cell = ("regions.kwargs.cell_height", "regions.kwargs.cell_width")
    assert [images.options[name] for name in cell] == [90, 480]


def test_an_option_that_is_not_there_or_of_another_kind_is_refused(protocol: Path) -> None:
    with pytest.raises(InputError, match=r"no option config\.seeds"):
        sweep.job(protocol, Kind(), 0, {"seeds": 1})
    with pytest.raises(InputError, match="wrong kind"):
        sweep.job(protocol, Kind(), 0, {"batch.labeled": "four"})
    with pytest.raises(InputError, match="no such configuration or file"):
        sweep.job(protocol.with_name("none.py"), Kind(), 0, {})


def test_the_steps_of_a_run_are_those_of_its_schedule(job: Job, protocol: Path) -> None:
    assert job.schedule.total_steps == 5 * len(STAGES) == 35
    assert sweep.job(protocol, INITIAL, 0, {}).schedule.total_steps == 40


def test_the_progress_of_a_run_is_read_from_its_folder(job: Job, tmp_path: Path) -> None:
    assert sweep.progress(job, tmp_path) == (False, 0)
    write_epochs(tmp_path, job, [(WARMUP, 1.0), (CLASSMIX, 2.0)])
    assert sweep.progress(job, tmp_path) == (False, 10)
    write_epochs(tmp_path / "whole", job, [(WARMUP, 1.0)], done=True)
    assert sweep.progress(job, tmp_path / "whole") == (True, 35)


def test_a_rate_is_the_median_of_a_stage_without_its_first_epoch(job: Job, tmp_path: Path) -> None:
    times = [(WARMUP, 60.0), (WARMUP, 1.0), (WARMUP, 2.0), (WARMUP, 30.0), (CLASSMIX, 90.0)]
    write_epochs(tmp_path, job, [*times, (CLASSMIX, 4.0)])
    assert sweep.rates(tmp_path, job.options) == {WARMUP: 2.0, CLASSMIX: 4.0}


def test_runs_of_another_size_do_not_count_for_a_rate(
    job: Job, protocol: Path, tmp_path: Path
) -> None:
    write_epochs(tmp_path, job, [(WARMUP, 60.0), (WARMUP, 2.0)])
    larger = sweep.job(protocol, Kind(), 0, {"data.height": 720})
    assert sweep.rates(tmp_path, larger.options) == {}
    other_function = sweep.job(protocol, Kind("random"), 5, {})
    assert sweep.rates(tmp_path, other_function.options) == {WARMUP: 2.0}


def test_what_is_left_takes_its_steps_at_the_rate_of_their_stage(job: Job) -> None:
    known = {WARMUP: 1.0, CLASSMIX: 10.0, REPLAY: 100.0}
    # 5 steps an epoch: 2 of warm-up, 3 of ClassMix, 2 with replay.
    assert sweep.seconds_left(job, 0, known, STAGES) == 5 * (2 * 1 + 3 * 10 + 2 * 100)
    assert sweep.seconds_left(job, 10, known, STAGES) == 5 * (10 + 1 + 10 + 200)
    assert sweep.seconds_left(job, 35, known, STAGES) == 0
    assert sweep.seconds_left(job, 0, {WARMUP: 1.0, CLASSMIX: 10.0}, STAGES) is None
    assert sweep.seconds_left(job, 0, known, None) is None


def test_the_cost_of_several_runs_is_that_of_what_is_left_of_them(
    protocol: Path, tmp_path: Path
) -> None:
    done, begun, fresh = (sweep.job(protocol, Kind(), seed, {}) for seed in range(3))
    write_epochs(tmp_path, done, [(WARMUP, 1.0)] * 2, done=True)
    write_epochs(tmp_path, begun, [(WARMUP, 1.0)] * 3)
    known = {WARMUP: 1.0, CLASSMIX: 10.0, REPLAY: 100.0}
    cost = sweep.cost([done, begun, fresh], tmp_path, lambda _: known, lambda _: STAGES)
    assert cost[:5] == (3, 1, 1, 3 * 35, 20 + 35)
    assert cost.seconds == 5 * (1 + 10 + 200) + 5 * 232
    measured = sweep.rates_by_size(tmp_path)
    assert sweep.cost([fresh], tmp_path, measured, lambda _: STAGES).seconds is None
    assert sweep.cost([fresh], tmp_path, lambda _: known, lambda _: None).seconds is None
    assert sweep.cost([done], tmp_path, lambda _: {}, lambda _: None).seconds == 0


def test_a_folder_that_holds_another_run_is_not_read_as_this_one(job: Job, tmp_path: Path) -> None:
    write_epochs(tmp_path, job, [(WARMUP, 1.0)], done=True)
    (record,) = sweep.finished_runs([job], tmp_path)
    assert record.path == tmp_path / job.name
    path = record.path / "config.json"
    other = {**job.options, "method.kwargs.replay_capacity": 51}
    path.write_text(json.dumps({"options": other, "fingerprint": options.fingerprint(other)}))
    with pytest.raises(InputError, match="replay_capacity: 51 -> 50"):
        sweep.finished_runs([job], tmp_path)


def test_timing_does_some_steps_of_every_stage_where_rates_are_looked_for(
    job: Job, protocol: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    performed: list[Job] = []
    monkeypatch.setattr(sweep, "perform", lambda job, *_: performed.append(job))
    sweep.time_steps(job, tmp_path)
    (short,) = performed
    # 9 epochs of 2 steps, a third of them for each stage.
    assert short.schedule.total_steps == 18
    assert short.options["method.kwargs.warmup_epochs"] == 3
    assert short.options["method.kwargs.replay_start_epoch"] == 6
    assert "--config.method.kwargs.replay_from_cycle=0" in short.arguments
    assert sweep.size(short.options) == sweep.size(job.options)
    write_epochs(tmp_path, short, [(s, 2.0) for s in (WARMUP, CLASSMIX, REPLAY) for _ in range(3)])
    assert set(sweep.rates_by_size(tmp_path)(job)) == {WARMUP, CLASSMIX, REPLAY}


def test_timing_sets_no_option_that_a_method_lacks(
    protocol: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    performed: list[Job] = []
    monkeypatch.setattr(sweep, "perform", lambda job, *_: performed.append(job))
    sweep.time_steps(sweep.job(protocol, INITIAL, 0, {}), tmp_path)
    (short,) = performed
    assert not [flag for flag in short.arguments if "method.kwargs" in flag]
