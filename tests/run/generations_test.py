"""A learner in two generations: the second one learns from what the first one made of the pool."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from s4al_jax.methods.registry import METHODS
from s4al_jax.run import build, loop
from s4al_jax.run.dry_run import dry_run, memory_needs
from s4al_jax.run.events import Activity, EpochEnded, Event
from s4al_jax.types import (
    Batch,
    Method,
    Metrics,
    Schedule,
    Stage,
    StepInputs,
    StorePool,
    TrainState,
)
from tests.support import cheap_method
from tests.support.same_run import differences

Seen = set[tuple[str, tuple[str, ...]]]


class HaltError(Exception):
    """Stands for a power cut."""


def two_generations(seen: Seen) -> Method:
    """One epoch in which a teacher moves, the others by what it guesses of every image."""
    cheap = cheap_method.cheap()

    def stages(schedule: Schedule, cycle: int, unlabeled: int) -> tuple[Stage, ...]:
        others = schedule.epochs_of(cycle) - 1
        labeled = ("labeled",)
        return Stage("teach", 1, labeled), Stage("study", others, labeled, new_generation=True)

    def between(key: jax.Array, state: TrainState, stage: Stage, store: StorePool) -> TrainState:
        def guess(state: TrainState, batch: Batch) -> Mapping[str, Any]:
            seen.add(("between", tuple(sorted(batch.extra))))
            light = batch.image.astype(jnp.float32).mean(axis=-1)
            return {"guess": light * state.teacher["weight"]}

        store(guess)
        return state._replace(student={"weight": jax.random.uniform(key)})

    def update(state: TrainState, inputs: StepInputs, stage: str) -> tuple[TrainState, Metrics]:
        extra = inputs.streams["labeled"].extra
        seen.add((stage, tuple(sorted(extra))))
        state, metrics = cheap.update(state, inputs, stage)
        if stage == "study":
            weight = state.student["weight"] + extra["guess"].mean() / 1e6
            state = state._replace(student={"weight": weight})
        return state, metrics

    return cheap._replace(stages=stages, between=between, update=update)


def made(monkeypatch: pytest.MonkeyPatch, seen: Seen) -> build.Experiment:
    monkeypatch.setitem(METHODS, "two_generations", lambda **given: two_generations(seen))
    config = cheap_method.get_config().unlock()
    config.method = ConfigDict({"name": "two_generations", "kwargs": {}})
    experiment = build.build(config)
    acquisition = experiment.acquisition

    def summarize(method: Method, states: Any, batch: Batch, keys: Any) -> Mapping[str, Any]:
        seen.add(("scoring", tuple(sorted(batch.extra))))
        return acquisition.summarize(method, states, batch, keys)

    return experiment._replace(acquisition=acquisition._replace(summarize=summarize))


def run_until(experiment: build.Experiment, workdir: Path, moment: int | str) -> None:
    """Run until so many steps are done, or until it says this."""

    def listen(event: Event) -> None:
        steps = isinstance(event, EpochEnded) and event.number == moment
        if steps or (isinstance(event, Activity) and event.text == moment):
            raise HaltError

    with pytest.raises(HaltError):
        list(loop.run_cycles(experiment, workdir, listeners=[listen]))


def test_stored_maps_are_there_for_the_generation_that_they_are_for_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: Seen = set()
    experiment = made(monkeypatch, seen)
    list(loop.run_cycles(experiment, tmp_path / "run"))
    assert seen == {("teach", ()), ("between", ()), ("study", ("guess",)), ("scoring", ())}
    kept = np.load(tmp_path / "run/cycles/00/maps/study/guess.npy")
    assert kept.shape == (6, 48, 64) and kept.dtype == np.float32 and kept.std() > 0


@pytest.mark.parametrize("moment", [2, 4, 6, "scoring 4 images", 8, 10])
def test_a_run_that_stops_in_any_generation_goes_on_to_the_same_bits(
    moment: int | str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: Seen = set()
    experiment = made(monkeypatch, seen)
    list(loop.run_cycles(experiment, tmp_path / "straight"))
    run_until(experiment, tmp_path / "run", moment)
    list(loop.run_cycles(experiment, tmp_path / "run"))
    assert differences(tmp_path / "run", tmp_path / "straight", experiment) == []
    assert seen == {("teach", ()), ("between", ()), ("study", ("guess",)), ("scoring", ())}


def test_a_plan_needs_no_maps_of_a_pool_that_nobody_has_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    experiment = made(monkeypatch, set())
    assert dry_run(experiment).stage == "study"
    whats = [need.what for need in memory_needs(experiment)]
    assert whats == ["a study step", "evaluating", "scoring"]
