"""The plan: the paper's arithmetic, fair permutations, and the same steps however often resumed."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s4al_jax.input.schedule import Schedule, StepPlan, phase, progress, steps
from s4al_jax.types import InputError, Phase

CAMVID = Schedule(
    cycles=3,
    iterations=50,
    epochs=100,
    last_epochs=200,
    warmup_epochs=10,
    replay_start_epoch=30,
    replay_from_cycle=1,
)
SMALL = Schedule(
    cycles=2, iterations=2, epochs=4, last_epochs=6, warmup_epochs=1, replay_start_epoch=3
)
ALL = tuple(Phase)


def plan(schedule: Schedule = SMALL, **changes: Any) -> Iterator[StepPlan]:
    arguments: dict[str, Any] = {
        "seed": 7,
        "cycle": 1,
        "labeled_images": np.array([2, 5, 9]),
        "unlabeled_images": np.array([0, 1, 3, 4, 6, 7, 8]),
        "batch_labeled": 2,
        "batch_unlabeled": 3,
        "replay_capacity": 5,
        "replay_pop": False,
        "phases": ALL,
    }
    return steps(schedule, **(arguments | changes))


def plain(step: StepPlan) -> tuple:
    return tuple(x.tolist() if isinstance(x, np.ndarray) else x for x in step)


def test_camvid_takes_twenty_thousand_steps() -> None:
    CAMVID.validate()
    assert [CAMVID.epochs_of(c) for c in range(3)] == [100, 100, 200]
    assert [CAMVID.steps_of(c) for c in range(3)] == [5_000, 5_000, 10_000]
    assert [CAMVID.first_step(c) for c in range(3)] == [0, 5_000, 10_000]
    assert CAMVID.total_steps == 20_000


def test_cityscapes_takes_seventy_thousand_steps() -> None:
    cityscapes = CAMVID._replace(cycles=6, iterations=100)
    assert cityscapes.total_steps == 5 * 100 * 100 + 200 * 100
    assert CAMVID._replace(cycles=1).total_steps == 200 * 50


@pytest.mark.parametrize(
    ("cycle", "step", "expected"),
    [
        (0, 0, Phase.WARMUP),
        (0, 499, Phase.WARMUP),
        (0, 500, Phase.CLASSMIX),
        (0, 4_999, Phase.CLASSMIX),
        (1, 499, Phase.WARMUP),
        (1, 500, Phase.CLASSMIX),
        (1, 1_499, Phase.CLASSMIX),
        (1, 1_500, Phase.REPLAY),
        (2, 1_499, Phase.CLASSMIX),
        (2, 9_999, Phase.REPLAY),
    ],
)
def test_phases_change_at_the_epochs_of_the_paper(cycle: int, step: int, expected: Phase) -> None:
    assert phase(CAMVID, cycle, step, ALL) is expected


def test_a_method_stays_in_the_last_phase_it_tells_apart() -> None:
    supervised, mean_teacher = (Phase.WARMUP,), (Phase.WARMUP, Phase.CLASSMIX)
    assert {phase(CAMVID, 1, s, supervised) for s in (0, 500, 1_500)} == {Phase.WARMUP}
    assert phase(CAMVID, 1, 1_500, mean_teacher) is Phase.CLASSMIX
    assert phase(CAMVID, 1, 0, (Phase.CLASSMIX, Phase.REPLAY)) is Phase.CLASSMIX
    assert phase(CAMVID, 1, 1_500, ALL, has_unlabeled=False) is Phase.WARMUP


def test_progress_moves_once_an_epoch() -> None:
    assert progress(CAMVID, 1, 49) == 0.0
    assert progress(CAMVID, 1, 50) == 0.01
    assert progress(CAMVID, 1, 4_999) == 0.99
    assert progress(CAMVID, 2, 9_999) == 0.995
    assert [step.progress for step in plan()] == [e / 6 for e in range(6) for _ in range(2)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cycles": 0}, "cycles is 0"),
        ({"iterations": 0}, "iterations is 0"),
        ({"last_epochs": -1}, "last_epochs is -1"),
        ({"warmup_epochs": -1}, "warmup_epochs is -1"),
        ({"replay_start_epoch": 10}, "use at least 11"),
        ({"warmup_epochs": 30}, "the warm-up of 30 epochs"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CAMVID._replace(**changes).validate()


def test_without_replay_its_first_epoch_does_not_matter() -> None:
    off = CAMVID._replace(replay_from_cycle=3, replay_start_epoch=0)
    off.validate()
    assert phase(off, 2, 9_999, ALL) is Phase.CLASSMIX


def test_a_cycle_starts_with_labels_then_mixes_then_replays() -> None:
    planned = list(plan())
    assert [step.step for step in planned] == list(range(12))
    due = [Phase.WARMUP] * 2 + [Phase.CLASSMIX] * 4 + [Phase.REPLAY] * 6
    assert [step.phase for step in planned] == due
    for step in planned:
        assert step.labeled.shape == (2,)
        assert step.labeled.dtype == np.int32
        assert (step.unlabeled is None) == (step.phase is Phase.WARMUP)
        assert (step.replayed is None) == (step.phase is not Phase.REPLAY)
        for drawn in (step.unlabeled, step.replayed):
            assert drawn is None or (drawn.shape == (3,) and drawn.dtype == np.int32)


def test_the_first_cycle_and_a_pool_that_ran_dry_never_replay() -> None:
    first = list(plan(cycle=0))
    assert len(first) == 8
    assert {step.phase for step in first} == {Phase.WARMUP, Phase.CLASSMIX}
    assert all(step.replayed is None for step in first)
    dry = list(plan(unlabeled_images=np.array([], np.int64)))
    assert len(dry) == 12
    assert {step.phase for step in dry} == {Phase.WARMUP}
    assert all(step.unlabeled is None and step.replayed is None for step in dry)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 7), st.integers(0, 3))
def test_every_image_comes_once_before_any_comes_again(count: int, batch: int, seed: int) -> None:
    images = np.arange(count) * 10 + 3
    planned = list(
        plan(seed=seed, labeled_images=images, unlabeled_images=images, batch_labeled=batch)
    )
    fresh = [step.unlabeled for step in planned if step.unlabeled is not None]
    for stream in (np.concatenate([step.labeled for step in planned]), np.concatenate(fresh)):
        whole = stream[: len(stream) // count * count].reshape(-1, count)
        np.testing.assert_array_equal(np.sort(whole), np.broadcast_to(images, whole.shape))
        assert len(set(stream[len(whole) * count :].tolist())) == len(stream) % count


def test_the_unlabeled_permutation_is_the_documented_one() -> None:
    images = np.array([0, 1, 3, 4, 6, 7, 8])
    fresh = np.concatenate([step.unlabeled for step in plan() if step.unlabeled is not None])
    order = [np.random.default_rng([7, 1, 1, n]).permutation(7) for n in range(5)]
    np.testing.assert_array_equal(fresh, images[np.concatenate(order)][: len(fresh)])
    labeled = np.concatenate([step.labeled for step in plan()])
    order = [np.random.default_rng([7, 1, 0, n]).permutation(3) for n in range(8)]
    np.testing.assert_array_equal(labeled, np.array([2, 5, 9])[np.concatenate(order)])


@pytest.mark.parametrize("pop", [False, True])
@pytest.mark.parametrize("cycle", [0, 1])
def test_resuming_at_any_step_gives_the_steps_of_a_straight_run(cycle: int, pop: bool) -> None:
    straight = [plain(step) for step in plan(cycle=cycle, replay_pop=pop)]
    for start in range(len(straight) + 1):
        resumed = [plain(step) for step in plan(cycle=cycle, replay_pop=pop, start=start)]
        assert resumed == straight[start:]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_resuming_holds_for_any_schedule(data: st.DataObject) -> None:
    warmup = data.draw(st.integers(0, 3))
    schedule = Schedule(
        cycles=3,
        iterations=data.draw(st.integers(1, 3)),
        epochs=data.draw(st.integers(1, 6)),
        last_epochs=data.draw(st.integers(1, 6)),
        warmup_epochs=warmup,
        replay_start_epoch=warmup + data.draw(st.integers(1, 3)),
        replay_from_cycle=data.draw(st.integers(0, 3)),
    )
    changes: dict[str, Any] = {
        "cycle": data.draw(st.integers(0, 2)),
        "batch_unlabeled": data.draw(st.integers(1, 4)),
        "replay_capacity": data.draw(st.integers(1, 9)),
        "replay_pop": data.draw(st.booleans()),
        "phases": data.draw(st.sampled_from([ALL, ALL[:2], ALL[:1], ALL[1:]])),
    }
    straight = [plain(step) for step in plan(schedule, **changes)]
    assert len(straight) == schedule.steps_of(changes["cycle"])
    start = data.draw(st.integers(0, len(straight)))
    assert [plain(step) for step in plan(schedule, start=start, **changes)] == straight[start:]


@pytest.mark.parametrize("pop", [False, True])
def test_only_images_of_earlier_mixing_steps_are_replayed(pop: bool) -> None:
    seen: set[int] = set()
    pool = np.arange(100)
    replayed = 0
    for step in plan(unlabeled_images=pool, replay_capacity=50, replay_pop=pop):
        if step.replayed is not None:
            assert set(step.replayed.tolist()) <= seen
            assert len(set(step.replayed.tolist())) == 3
            replayed += 3
        if step.unlabeled is not None:
            assert not seen & set(step.unlabeled.tolist())
            seen |= set(step.unlabeled.tolist())
    assert replayed == 18
    assert len(seen) == 30


def test_what_is_popped_is_not_replayed_before_it_is_seen_again() -> None:
    drawn: list[int] = []
    for step in plan(unlabeled_images=np.arange(100), replay_capacity=50, replay_pop=True):
        drawn += [] if step.replayed is None else step.replayed.tolist()
    assert len(drawn) == 18
    assert len(set(drawn)) == 18


def test_the_seed_and_the_cycle_each_change_every_stream() -> None:
    base = [plain(step) for step in plan()]
    assert base == [plain(step) for step in plan()]
    third = SMALL._replace(cycles=3, epochs=6)
    others = [list(plan(seed=8)), list(plan(third, cycle=2)), list(plan(third, cycle=1))]
    for stream in (3, 4, 5):
        mine = [step[stream] for step in base]
        assert mine != [plain(step)[stream] for step in others[0]]
        assert mine != [plain(step)[stream] for step in others[1]]
        assert mine == [plain(step)[stream] for step in others[2]]


def test_replay_does_not_shift_the_other_streams() -> None:
    with_replay = [plain(step)[3:5] for step in plan()]
    without = [plain(step)[3:5] for step in plan(SMALL._replace(replay_from_cycle=2))]
    assert with_replay == without
    assert [step.phase for step in plan(SMALL._replace(replay_from_cycle=2))][-1] is Phase.CLASSMIX


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"labeled_images": np.array([], int)}, InputError, "no image is labeled"),
        ({"seed": -1}, InputError, "seed is -1"),
        ({"batch_unlabeled": 0}, InputError, "batches of 2 and 0"),
        ({"replay_capacity": 0}, InputError, "capacity 0"),
        ({"cycle": 2}, ValueError, "no step 0 of cycle 2"),
        ({"start": 13}, ValueError, "no step 13 of cycle 1"),
        ({"phases": (Phase.WARMUP, Phase.REPLAY)}, ValueError, "must also tell CLASSMIX apart"),
    ],
)
def test_what_cannot_be_planned_is_refused_before_the_first_step(
    changes: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        plan(**changes)
