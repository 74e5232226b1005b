"""What `--plan` foretells is what the run then does."""

from collections.abc import Callable

import jax
import pytest
from ml_collections import ConfigDict

from s4al_jax.run import build, plan
from s4al_jax.run.dry_run import memory_needs


def lines(config: ConfigDict, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All but the memory, for which a program has to be compiled."""
    monkeypatch.setattr(plan, "_memory", lambda experiment: [])
    return plan.plan(build.build(config)).splitlines()


def test_steps_and_budget_are_as_worked_out_by_hand(
    tiny: Callable[..., ConfigDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [" ".join(line.split()) for line in lines(tiny(), monkeypatch)]
    assert said[:8] == [
        "dataset streets: 6 pool, 2 val, 3 test images of 48x64, 11 classes",
        "cycles 2 trainings, 1 acquisitions, 14 steps",
        "cycle 0: 3 epochs of 2 steps (2 warmup, 4 classmix)",
        "cycle 1: 4 epochs of 2 steps (2 warmup, 2 classmix, 4 replay)",
        "measured on val and test, every 2 epochs",
        said[5],
        "budget at the start 2 whole images, 6144 pixels (33.33 %)",
        "after cycle 0, 1536 pixels in 8 regions, in all 7680 pixels (41.67 %)",
    ]
    assert said[5].startswith("batches 2 labeled, 2 unlabeled, 2 evaluate, 4 score; shared by 1 x")
    assert said[8:] == [
        "network 9,763 parameters (824 in the backbone); trained: student, teacher",
        "starts from random numbers",
    ]


def test_where_nothing_is_known_a_round_comes_before_the_first_training(
    tiny: Callable[..., ConfigDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build.build(tiny())
    none = built.spec.test._replace(names=())
    task = built.task._replace(initial=(), spec=built.spec._replace(test=none))
    built = built._replace(task=task, evaluated=())
    monkeypatch.setattr(plan, "_memory", lambda experiment: [])
    said = [" ".join(line.split()) for line in plan.plan(built).splitlines()]
    assert "measured nothing: the splits to be measured on have no images" in said
    start = said.index("budget at the start 0 whole images, 0 pixels (0.00 %)")
    assert said[start + 1 : start + 3] == [
        "before the first cycle, 2304 pixels in 12 regions, in all 2304 pixels (12.50 %)",
        "after cycle 0, 2304 pixels in 12 regions, in all 4608 pixels (25.00 %)",
    ]


def test_whole_images_leave_the_pool_that_is_asked_about(
    tiny: Callable[..., ConfigDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny(
        schedule__acquisitions=2,
        regions=ConfigDict({"name": "image", "kwargs": {}}),
        budget__image_share=0.34,
    )
    said = "\n".join(lines(config, monkeypatch))
    assert "after cycle 0, 6144 pixels in 2 regions, in all 12288 pixels (66.67 %)" in said
    assert "after cycle 1, 6144 pixels in 2 regions, in all 18432 pixels (100.00 %)" in said


def test_the_stages_add_up_to_the_schedule(tiny: Callable[..., ConfigDict]) -> None:
    built = build.build(tiny())
    stages = built.stages(1, built.initial_pool())
    assert {stage.name: 2 * stage.epochs for stage in stages} == {
        "warmup": 2,
        "classmix": 2,
        "replay": 4,
    }
    for cycle in range(2):
        epochs = sum(stage.epochs for stage in built.stages(cycle, built.initial_pool()))
        assert 2 * epochs == built.schedule.steps_of(cycle)


def test_the_memory_is_what_the_compiler_says(
    straight: object, tiny: Callable[..., ConfigDict]
) -> None:
    """Of programs that the straight run has compiled already."""
    built = build.build(tiny())
    needed = {need.what: need.bytes for need in memory_needs(built)}
    assert needed.keys() == {"a replay step", "evaluating", "scoring"}
    state = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(built.state_shapes))
    # An image, its labels and its entropy; of logits the compiler need not keep all at once.
    pixels = (3 + 1 + 4) * built.spec.height * built.spec.width
    for what, name in (("evaluating", "evaluate"), ("scoring", "score")):
        assert state + built.batch[name] * pixels < needed[what] < 2**24
    last = plan.plan(built).splitlines()[-1]
    most = max(needed, key=needed.__getitem__)
    assert last.startswith(f"memory    {needed[most] / 2**20:.0f} MiB on each device for {most}, ")


def test_a_batch_that_is_found_later_is_said_to_be(
    tiny: Callable[..., ConfigDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "\n".join(lines(tiny(score__batch=0), monkeypatch))
    assert "2 evaluate, as many as fit score" in said
