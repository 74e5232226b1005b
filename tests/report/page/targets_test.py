"""How far it is to full supervision, and the mean of several seeds."""

from pathlib import Path

import pytest
from ml_collections import ConfigDict

from s4al_jax.report.page import published, targets
from s4al_jax.rundir.records import Record, read
from s4al_jax.types import InputError
from tests.support.small_runs import small_run

FULL = {"method__name": "supervised", "data__initial_share": 1.0, "schedule__acquisitions": 0}


@pytest.fixture
def seeds(tmp_path: Path) -> list[Record]:
    """Three seeds of one study, the last of which has one cycle so far."""
    values = {0: (0.4, 0.58), 1: (0.5, 0.58), 2: (0.6,)}
    return [read(small_run(tmp_path / f"s{s}", *v, seed=s)) for s, v in values.items()]


def test_a_study_has_the_mean_and_the_spread_of_its_seeds(seeds: list[Record]) -> None:
    (study,) = targets.studies(seeds)
    assert study["name"] == "s4al, entropy, 25 % labeled at the start"
    first, second = study["means"]
    assert first == {"labeled_share": 0.25, "miou": pytest.approx(0.5), "runs": 3} | {
        "std": pytest.approx(0.1)
    }
    assert second == {"labeled_share": 0.35, "miou": 0.58, "std": 0.0, "runs": 2}


def test_studies_of_one_name_are_distinguished_by_their_options(
    seeds: list[Record], tmp_path: Path
) -> None:
    other = read(small_run(tmp_path / "pop", 0.3, method__kwargs__replay_pop=True))
    names = [study["name"] for study in targets.studies([*seeds, other])]
    common = "s4al, entropy, 25 % labeled at the start, method.kwargs.replay_pop"
    assert names == [f"{common} False", f"{common} True"]
    assert targets.study_of([*seeds, other], other) == 1
    alone = targets.studies([other])
    assert alone[0]["means"] == [{"labeled_share": 0.25, "miou": 0.3, "std": None, "runs": 1}]


def test_the_goal_is_95_percent_of_the_given_runs_with_all_labels(
    seeds: list[Record], tmp_path: Path
) -> None:
    full = [
        read(small_run(tmp_path / f"full{s}", m, seed=s, **FULL)) for s, m in ((0, 0.59), (1, 0.61))
    ]
    goal = targets.goal(seeds[0], [*seeds, *full], None)
    assert goal == {
        "full": pytest.approx(0.6),
        "std": pytest.approx(0.0141421, rel=1e-4),
        "source": "full0, full1",
        "line": pytest.approx(0.57),
        "reached_share": 0.35,  # where the mean of the seeds is 0.58
    }
    larger = read(small_run(tmp_path / "larger", 0.9, data__height=96, **FULL))
    assert targets.goal(seeds[0], [*seeds, larger], None) is None
    named = targets.goal(seeds[0], seeds, larger)
    assert named and named["full"] == 0.9 and named["reached_share"] is None


def test_without_such_a_run_the_goal_is_the_papers(tmp_path: Path) -> None:
    run = read(small_run(tmp_path / "run", 0.62, data__name="camvid", data__kwargs=ConfigDict()))
    goal = targets.goal(run, [run], None)
    assert goal and goal["full"] == 0.645 and goal["source"].startswith("the paper: ")
    assert goal["line"] == pytest.approx(0.61275) and goal["reached_share"] == 0.25
    assert targets.goal(read(small_run(tmp_path / "own", 0.6)), [], None) is None


def test_a_reference_without_a_measure_is_named(seeds: list[Record], tmp_path: Path) -> None:
    empty = read(small_run(tmp_path / "empty", **FULL))
    with pytest.raises(InputError, match="empty has no measured cycle"):
        targets.goal(seeds[0], seeds, empty)


def test_points_of_the_paper_stand_beside_its_datasets_only() -> None:
    points = targets.published_points("camvid")
    assert len(points) == len(published.POINTS["camvid"])
    assert points[0] == {"method": "S4AL", "labeled_share": pytest.approx(0.138), "miou": 0.614} | {
        "std": pytest.approx(0.006),
        "source": "Table 3a",
    }
    assert targets.published_points("synthetic") == []
