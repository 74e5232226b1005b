"""Numbers that break stop a run, and it goes on without what broke them, always alike."""

import json
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.files import atomic
from s4al_jax.run import build, loop
from s4al_jax.rundir import directory
from s4al_jax.types import (
    Batch,
    InputError,
    Method,
    Metrics,
    ScoringState,
    StepInputs,
    TrainState,
)
from tests.support.cheap_method import cheap, get_config
from tests.support.same_run import differences


def broken_at(step: int) -> Method:
    """Networks of one weight, which one step would make none; each cycle has such a step."""
    method = cheap()

    def update(state: TrainState, inputs: StepInputs, stage: str) -> tuple[TrainState, Metrics]:
        after, metrics = method.update(state, inputs, stage)
        bad = jnp.where(state.step == step, jnp.inf, 1.0)
        student = jax.tree.map(lambda leaf: leaf * bad, after.student)
        return after._replace(student=student), {**metrics, "loss": metrics["loss"] * bad}

    return method._replace(update=update)


@pytest.fixture(scope="module")
def built() -> Iterator[build.Experiment]:
    yield build.build(get_config())


def gone_on(made: build.Experiment, run: Path, times: int) -> None:
    """The run, which breaks so many times and goes on from its last good state each time."""
    for number in range(times):
        with pytest.raises(InputError, match=rf"in cycle {number}, step 3; .*--resume_from=last_g"):
            list(loop.run_cycles(made, run, resume_from_last_good=number > 0))
    list(loop.run_cycles(made, run, resume_from_last_good=True))


def test_a_step_that_breaks_the_numbers_is_skipped_and_noted(
    built: build.Experiment, tmp_path: Path
) -> None:
    made, run = built._replace(method=broken_at(3)), tmp_path / "run"
    with pytest.raises(InputError, match="the last good state is Position"):
        list(loop.run_cycles(made, run))
    broken = json.loads((run / "nonfinite.json").read_text())
    assert (broken["cycle"], broken["step"], broken["good"]) == (0, 3, {"cycle": 0, "step": 2})
    assert set(broken["images"]["labeled"]) <= {made.spec.train.names[i] for i in made.initial}
    # The same command breaks at the same step.
    with pytest.raises(InputError, match="in cycle 0, step 3"):
        list(loop.run_cycles(made, run))
    with pytest.raises(InputError, match="in cycle 1, step 3"):
        list(loop.run_cycles(made, run, resume_from_last_good=True))
    list(loop.run_cycles(made, run, resume_from_last_good=True))
    skipped = json.loads((run / "skipped.json").read_text())
    assert skipped == {"steps": [[0, 3], [1, 3]], "images": []}
    assert not (run / "nonfinite.json").exists()

    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if row["kind"] == "train"]
    assert len(losses) == 7 and np.isfinite(losses).all()
    # Epoch 2 of two steps has learned from its first one alone.
    first, second = (row for row in rows if row["kind"] == "train" and row["number"] in (2, 4))
    weight_after_one_step = 2 * first["before"] - 1.0
    assert second["before"] == pytest.approx(2 * first["after"] - weight_after_one_step, abs=1e-5)

    gone_on(made, tmp_path / "again", 2)
    assert differences(tmp_path / "again", run, made) == []


def test_an_image_whose_score_is_not_finite_is_skipped(
    built: build.Experiment, tmp_path: Path
) -> None:
    asked = next(image for image in range(6) if image not in built.initial)
    method, run = cheap(), tmp_path / "run"
    dark = np.asarray(built.spec.train.read_image(asked)).astype(int).sum()

    def summarize(
        method: Method, states: ScoringState, batch: Batch, keys: jax.Array
    ) -> dict[str, jax.Array]:
        scores = jnp.ones((len(batch.image), built.regions.max_regions))
        bad = batch.image.astype(jnp.int32).sum((1, 2, 3)) == dark
        return {"score": jnp.where(bad[:, None], jnp.nan, scores)}

    acquisition = built.acquisition._replace(summarize=summarize)
    made = built._replace(method=method, acquisition=acquisition)
    name = made.spec.train.names[asked]
    with pytest.raises(InputError, match=f"after cycle 0 the score of {name} is not a number"):
        list(loop.run_cycles(made, run))
    assert json.loads((run / "nonfinite.json").read_text())["images"] == {"scored": [name]}
    results = list(loop.run_cycles(made, run, resume_from_last_good=True))
    assert {region.image for region in results[0].chosen or []} == {
        image for image in range(6) if image not in (*built.initial, asked)
    }
    assert json.loads((run / "skipped.json").read_text())["images"] == [[0, asked]]
    folder = directory.cycle_folder(run, 0)
    assert np.isfinite(folder.read_scores()["score"]).all() and not folder.read_open()[asked].any()


def test_a_damaged_skip_list_is_named(built: build.Experiment, tmp_path: Path) -> None:
    atomic.write_json(tmp_path / "run" / "config.json", {"options": dict(built.options)})
    atomic.write_json(tmp_path / "run" / "skipped.json", {"steps": [[0]], "images": []})
    with pytest.raises(InputError, match="skipped.json is not as a run writes it: restore it"):
        list(loop.run_cycles(built, tmp_path / "run"))
