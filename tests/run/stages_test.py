"""What the stages hand to a method, seen with networks of one weight: nothing has to compile."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from ml_collections import ConfigDict

from s4al_jax.input.sampler import PoolImages, plan_steps
from s4al_jax.labels.annotator import Annotator
from s4al_jax.regions.protocol import Regions
from s4al_jax.run import build, loop
from s4al_jax.rundir import directory
from s4al_jax.types import Annotation, AnnotationsPending, Method, RegionRef
from tests.support.cheap_method import cheap

Tiny = Callable[..., ConfigDict]


def made(config: ConfigDict, method: Method | None = None) -> build.Experiment:
    return build.build(config)._replace(method=method or cheap())


def finished(built: build.Experiment, run: Path) -> list[loop.CycleResult]:
    return list(loop.run_cycles(built, run))


def rows(run: Path, cycle: int) -> list[dict]:
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [row for row in found if row["kind"] == "train" and row["cycle"] == cycle]


def test_annotated_regions_alone_do_not_make_an_image_labeled(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built, seen = made(tiny()), {}

    def noted(stages: Any, streams: Any, pool: PoolImages, **given: Any) -> Iterator[Any]:
        found = plan_steps(stages, streams, pool, **given)
        seen[given["cycle"]] = [pool.select(kind).tolist() for kind in ("whole", "unlabeled")]
        return found

    monkeypatch.setattr(build, "plan_steps", noted)
    finished(built, tmp_path / "run")
    for cycle in (0, 1):
        assert seen[cycle][0] == sorted(built.initial)
        assert sorted(seen[cycle][0] + seen[cycle][1]) == list(range(6))


@pytest.mark.parametrize("warm_start", [False, True])
def test_networks_are_carried_over_only_if_the_method_wants_it(
    warm_start: bool, tiny: Tiny, tmp_path: Path
) -> None:
    config = tiny(schedule__iterations=1)
    finished(made(config, cheap(warm_start=warm_start)), tmp_path / "run")
    last, first = rows(tmp_path / "run", 0)[-1]["after"], rows(tmp_path / "run", 1)[0]["before"]
    assert rows(tmp_path / "run", 0)[0]["before"] == 1.0
    assert last != 1.0 and first == (last if warm_start else 1.0)


def test_the_network_that_is_asked_decides_the_scores_and_nothing_before(
    tiny: Tiny, tmp_path: Path
) -> None:
    for network in ("student", "teacher"):
        finished(
            made(tiny(acquisition__kwargs=ConfigDict({"network": network}))), tmp_path / network
        )
    one, other = (
        directory.cycle_folder(tmp_path / network, 0) for network in ("student", "teacher")
    )
    assert one.status().metrics == other.status().metrics
    scores, others = (folder.read_scores() for folder in (one, other))
    asked = one.read_open().any(axis=1)
    assert asked.sum() == 4 and not scores["score"][~asked].any()
    assert (scores["score"][asked] > others["score"][asked]).all(), "a larger weight is surer"


def test_a_person_may_take_their_time(tiny: Tiny, tmp_path: Path) -> None:
    """An oracle that answers one image a start leads to the same run as one that never rests."""
    built, starts = made(tiny()), 0
    quick = built.task.annotator(tmp_path)

    def slow(
        chosen: Sequence[RegionRef], regions: Regions, cycle: int
    ) -> Iterator[list[Annotation]]:
        given = next(quick.answers(chosen, regions, cycle))
        yield [answer for answer in given if answer.region.image == given[0].region.image]

    while True:
        starts += 1
        try:
            task = built.task._replace(annotator=lambda workdir: Annotator(slow))
            finished(built._replace(task=task), tmp_path / "slow")
            break
        except AnnotationsPending as pending:
            # Of the four images that have two bought cells each, one is answered a start.
            assert str(pending).startswith(f"{8 - 2 * starts} regions have no answer yet")
    assert starts == 4
    finished(built, tmp_path / "fast")
    for name in ("annotations/ledger.jsonl", "metrics.jsonl", "cycles/01/metrics.json"):
        assert (tmp_path / "slow" / name).read_bytes() == (tmp_path / "fast" / name).read_bytes()


def test_the_seed_decides_everything(tiny: Tiny, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        finished(made(tiny(seed=seed)), tmp_path / name)
    for name in ("metrics.jsonl", "annotations/ledger.jsonl", "cycles/00/chosen.json"):
        a, b, c = ((tmp_path / run / name).read_bytes() for run in "abc")
        assert a == b and a != c
