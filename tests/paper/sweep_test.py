"""Runs are found by what they compute, and what they will cost is worked out by hand."""

import json
from pathlib import Path

import pytest

from s4al_jax.config import defaults
from s4al_jax.paper import sweep
from s4al_jax.paper.sweep import Job
from s4al_jax.paper.tables import INITIAL, S4AL, Kind
from s4al_jax.types import InputError, Phase

PROTOCOL = """
from s4al_jax import config as options

def get_config(argument=None):
    config = defaults.default()
    config.schedule.update(acquisitions=1, iterations=5, epochs=3, last_epochs=4)
    config.schedule.update(warmup_epochs=1, replay_start_epoch=2)
    return defaults.study(config, argument, supervised={"iterations": 10, "epochs": 4})
"""
WARMUP, CLASSMIX, REPLAY = Phase


@pytest.fixture
def protocol(tmp_path: Path) -> Path:
    path = tmp_path / "short.py"
    path.write_text(PROTOCOL)
    return path


@pytest.fixture
def job(protocol: Path) -> Job:
    return sweep.job(protocol, Kind(), 0, {})


def left_behind(
    folder: Path, job: Job, times: list[tuple[Phase, float]], *, done: bool = False
) -> None:
    """What a run leaves behind of so many epochs, each with its phase and seconds a step."""
    run = folder / job.name
    run.mkdir(parents=True)
    (run / "config.json").write_text(json.dumps({"options": job.options, "fingerprint": ""}))
    each = job.options["schedule.iterations"]
    for number, (phase, seconds) in enumerate(times, start=1):
        row = {"number": each * number, "kind": "train", "phase": phase.value}
        with (run / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        with (run / "timing.jsonl").open("a") as file:
            line = {"number": each * number, "seconds_per_step": seconds}
            file.write(json.dumps(line) + "\n")
    for cycle in range(job.options["schedule.acquisitions"] + 1 if done else 0):
        path = run / "cycles" / f"{cycle:02d}" / "metrics.json"
        path.parent.mkdir(parents=True)
        metrics = {"cycle": cycle, "labeled_share": 0.1, "regions": 0, "measures": {}}
        path.write_text(json.dumps(metrics))


def test_a_run_is_named_after_what_it_computes(protocol: Path) -> None:
    def name(kind: Kind = S4AL, seed: int = 0, **options: object) -> str:
        values = {key.replace("__", "."): value for key, value in options.items()}
        return sweep.job(protocol, kind, seed, values).name

    assert name() == name(Kind("entropy")) == name(acquisition__name="entropy")
    assert name() == name(data__root="/elsewhere"), "where data lies changes nothing"
    others = [name(), name(seed=1), name(Kind("random")), name(INITIAL), name(devices=1)]
    assert len({*others, name(acquisition__cells_per_image=2)}) == 5, "devices are free, too"
    assert name(seed=7).startswith("synthetic_360x480_s4al_entropy_seed7_")


def test_the_arguments_say_what_differs_from_the_protocol(protocol: Path) -> None:
    kind = Kind("random", (("method.kwargs.balanced", False),), cells=(2, 1))
    job = sweep.job(protocol, kind, 3, {"replay.capacity": 9})
    assert job.arguments[0] == f"--config={protocol}:random"
    assert set(job.arguments[1:]) == {
        "--config.replay.capacity=9",
        "--config.method.kwargs.balanced=False",
        "--config.acquisition.cell_height=60",
        "--config.acquisition.cell_width=60",
        "--config.acquisition.cells_per_image=1",
        "--config.seed=3",
    }


def test_a_option_that_is_not_there_or_of_another_kind_is_refused(protocol: Path) -> None:
    with pytest.raises(InputError, match=r"no option config\.seeds"):
        sweep.job(protocol, Kind(), 0, {"seeds": 1})
    with pytest.raises(InputError, match="wrong kind"):
        sweep.job(protocol, Kind(), 0, {"batch.labeled": "four"})
    with pytest.raises(InputError, match="no such file"):
        sweep.job(protocol.with_name("none.py"), Kind(), 0, {})


def test_the_phases_of_the_epochs_are_those_of_the_schedule(job: Job, protocol: Path) -> None:
    # A first cycle does not replay; the second one does from its third epoch on.
    first, second = [WARMUP, CLASSMIX, CLASSMIX], [WARMUP, CLASSMIX, REPLAY, REPLAY]
    assert sweep.epoch_phases(job) == first + second
    assert sweep.steps(job) == 35
    supervised = sweep.job(protocol, INITIAL, 0, {})
    assert sweep.epoch_phases(supervised) == [WARMUP] * 4
    assert sweep.steps(supervised) == 40


def test_how_far_a_run_is_can_be_read_from_its_folder(job: Job, tmp_path: Path) -> None:
    assert sweep.standing(job, tmp_path) == (False, 0)
    left_behind(tmp_path, job, [(WARMUP, 1.0), (CLASSMIX, 2.0)])
    assert sweep.standing(job, tmp_path) == (False, 10)
    left_behind(tmp_path / "whole", job, [(WARMUP, 1.0)], done=True)
    assert sweep.standing(job, tmp_path / "whole") == (True, 35)


def test_a_rate_is_the_median_of_a_phase_without_its_first_epoch(job: Job, tmp_path: Path) -> None:
    times = [(WARMUP, 60.0), (WARMUP, 1.0), (WARMUP, 2.0), (WARMUP, 30.0), (CLASSMIX, 90.0)]
    left_behind(tmp_path, job, [*times, (CLASSMIX, 4.0)])
    assert sweep.rates(tmp_path, job.options) == {WARMUP: 2.0, CLASSMIX: 4.0}


def test_runs_of_another_size_say_nothing_of_the_rate(
    job: Job, protocol: Path, tmp_path: Path
) -> None:
    left_behind(tmp_path, job, [(WARMUP, 60.0), (WARMUP, 2.0)])
    larger = sweep.job(protocol, Kind(), 0, {"data.height": 720})
    assert sweep.rates(tmp_path, larger.options) == {}
    other_question = sweep.job(protocol, Kind("random"), 5, {})
    assert sweep.rates(tmp_path, other_question.options) == {WARMUP: 2.0}


def test_what_is_left_costs_its_steps_at_the_rate_of_their_phase(job: Job) -> None:
    known = {WARMUP: 1.0, CLASSMIX: 10.0, REPLAY: 100.0}
    # 5 steps an epoch: 2 of warm-up, 3 of ClassMix, 2 with replay.
    assert sweep.seconds_left(job, 0, known) == 5 * (2 * 1 + 3 * 10 + 2 * 100)
    assert sweep.seconds_left(job, 10, known) == 5 * (10 + 1 + 10 + 200)
    assert sweep.seconds_left(job, 35, known) == 0
    assert sweep.seconds_left(job, 0, {WARMUP: 1.0, CLASSMIX: 10.0}) is None


def test_the_cost_of_several_runs_is_that_of_what_is_left_of_them(
    protocol: Path, tmp_path: Path
) -> None:
    done, begun, fresh = (sweep.job(protocol, Kind(), seed, {}) for seed in range(3))
    left_behind(tmp_path, done, [(WARMUP, 1.0)] * 2, done=True)
    left_behind(tmp_path, begun, [(WARMUP, 1.0)] * 3)
    known = {WARMUP: 1.0, CLASSMIX: 10.0, REPLAY: 100.0}
    cost = sweep.cost([done, begun, fresh], tmp_path, lambda _: known)
    assert cost[:5] == (3, 1, 1, 3 * 35, 20 + 35)
    assert cost.seconds == 5 * (1 + 10 + 200) + 5 * 232
    assert sweep.cost([fresh], tmp_path, sweep.measured(tmp_path)).seconds is None
    assert sweep.cost([done], tmp_path, lambda _: {}).seconds == 0


def test_a_folder_that_holds_another_run_is_not_read_as_this_one(job: Job, tmp_path: Path) -> None:
    left_behind(tmp_path, job, [(WARMUP, 1.0)], done=True)
    (record,) = sweep.finished([job], tmp_path)
    assert record.path == tmp_path / job.name
    path = record.path / "config.json"
    options = {**job.options, "replay.capacity": 51}
    path.write_text(json.dumps({"options": options, "fingerprint": defaults.fingerprint(options)}))
    with pytest.raises(InputError, match="replay.capacity: 51 -> 50"):
        sweep.finished([job], tmp_path)


def test_timing_does_some_steps_of_every_phase_where_rates_are_looked_for(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Job] = []
    monkeypatch.setattr(sweep, "perform", lambda job, *_: asked.append(job))
    sweep.time_steps(job, tmp_path)
    (short,) = asked
    phases = sweep.epoch_phases(short)
    assert phases == [WARMUP] * 3 + [CLASSMIX] * 3 + [REPLAY] * 3
    assert sweep.steps(short) == 18 and sweep.size(short.options) == sweep.size(job.options)
    left_behind(tmp_path, short, [(phase, 2.0) for phase in phases])
    assert set(sweep.measured(tmp_path)(job)) == set(phases)
