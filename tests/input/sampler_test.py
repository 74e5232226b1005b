"""The plan: the paper's arithmetic, fair permutations, and the same steps however often resumed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s4al_jax.input.sampler import PoolImages, StepPlan, plan_steps
from s4al_jax.types import InputError, Replay, Schedule, Shuffle, Stage
from tests.support.toy_network import learner

CAMVID = Schedule(cycles=3, iterations=50, epochs=100, last_epochs=200)
RECORDED = json.loads((Path(__file__).parent / "recorded_plans.json").read_text())
"""Plans of S4AL as version 0.1 made them."""

LABELED, MIXED, REPLAYED = (
    ("labeled",),
    ("labeled", "unlabeled"),
    ("labeled", "unlabeled", "replay"),
)
WHOLE, OTHERS = np.array([2, 5, 9]), np.array([0, 1, 3, 4, 6, 7, 8])
BATCHES = {"labeled": 2, "unlabeled": 3}


def stages_of(warmup: int = 1, classmix: int = 2, replay: int = 3) -> tuple[Stage, ...]:
    return (
        Stage("warmup", warmup, LABELED),
        Stage("classmix", classmix, MIXED),
        Stage("replay", replay, REPLAYED),
    )


def streams_of(capacity: int = 5, pop: bool = False) -> dict[str, Shuffle | Replay]:
    return {
        "labeled": Shuffle("whole"),
        "unlabeled": Shuffle("unlabeled", "unlabeled"),
        "replay": Replay("unlabeled", capacity, pop),
    }


def pool_of(count: int, whole: Sequence[int], partial: Sequence[int] = ()) -> PoolImages:
    everyone = np.arange(count)
    return PoolImages(np.isin(everyone, whole), np.isin(everyone, [*whole, *partial]))


POOL = pool_of(10, WHOLE.tolist())


def plan(
    stages: Sequence[Stage] = stages_of(),
    streams: Mapping[str, Shuffle | Replay] | None = None,
    pool: PoolImages = POOL,
    **changes: Any,
) -> Iterator[StepPlan]:
    """Two steps an epoch, of the last of two cycles."""
    arguments: dict[str, Any] = {"iterations": 2, "batches": BATCHES, "seed": 7, "cycle": 1}
    return plan_steps(stages, streams or streams_of(), pool, **(arguments | changes))


def plain(step: StepPlan) -> tuple:
    streams = {name: images.tolist() for name, images in step.streams.items()}
    return step.step, step.stage, step.progress, streams


def stream(plans: Iterator[StepPlan] | list[StepPlan], name: str) -> np.ndarray:
    """What all steps have of a stream, one after the other."""
    return np.concatenate([step.streams[name] for step in plans if name in step.streams])


# --- how long a run trains ---


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
    ("changes", "message"),
    [
        ({"cycles": 0}, "cycles is 0"),
        ({"iterations": 0}, "iterations is 0"),
        ({"epochs": 0}, "epochs is 0"),
        ({"last_epochs": -1}, "last_epochs is -1"),
        ({"steps_per_call": 0}, "steps_per_call is 0"),
        ({"steps_per_call": 4}, "steps_per_call is 4, which does not divide the 50 iterations"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CAMVID._replace(**changes).validate()
    CAMVID._replace(steps_per_call=25).validate()


# --- what a step is made of ---


def test_progress_moves_once_an_epoch() -> None:
    assert [step.progress for step in plan()] == [e / 6 for e in range(6) for _ in range(2)]
    long = list(plan(stages_of(10, 20, 70), iterations=50))
    assert [long[step].progress for step in (0, 49, 50, 4_999)] == [0.0, 0.0, 0.01, 0.99]


def test_progress_starts_again_with_each_generation() -> None:
    stages = (
        Stage("first", 2, LABELED, new_generation=True),
        Stage("second", 3, LABELED, new_generation=True),
        Stage("finish", 1, LABELED),
    )
    epochs = [0.0, 1 / 2, 0.0, 1 / 4, 2 / 4, 3 / 4]
    assert [step.progress for step in plan(stages)] == [e for e in epochs for _ in range(2)]
    # The images go on where they were.
    straight = plan((Stage("only", 6, LABELED),))
    np.testing.assert_array_equal(stream(plan(stages), "labeled"), stream(straight, "labeled"))


def test_each_step_has_the_streams_of_its_stage() -> None:
    planned = list(plan())
    assert [step.step for step in planned] == list(range(12))
    due = ["warmup"] * 2 + ["classmix"] * 4 + ["replay"] * 6
    assert [step.stage for step in planned] == due
    names = {"warmup": LABELED, "classmix": MIXED, "replay": REPLAYED}
    for step in planned:
        assert tuple(step.streams) == names[step.stage]
        for name, images in step.streams.items():
            assert images.dtype == np.int32
            assert images.shape == ((2,) if name == "labeled" else (3,))
        assert step.images == 2 + 3 * (len(step.streams) - 1)


# --- fair permutations ---


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 7), st.integers(0, 3))
def test_every_image_comes_once_before_any_comes_again(count: int, batch: int, seed: int) -> None:
    images = np.arange(count) * 10 + 3
    # Labeled in some pixels: no image is whole, so that both streams draw from all of these.
    pool = pool_of(100, (), images.tolist())
    streams = {"labeled": Shuffle("whole"), "unlabeled": Shuffle("known", "unlabeled")}
    sizes = {"labeled": batch, "unlabeled": 3}
    planned = list(plan(stages_of(1, 5, 0)[:2], streams, pool, seed=seed, batches=sizes))
    for name in MIXED:
        order = stream(planned, name)
        whole = order[: len(order) // count * count].reshape(-1, count)
        np.testing.assert_array_equal(np.sort(whole), np.broadcast_to(images, whole.shape))
        assert len(set(order[len(whole) * count :].tolist())) == len(order) % count


def test_the_permutations_are_the_documented_ones() -> None:
    planned = list(plan())
    order = [np.random.default_rng([7, 1, 1, n]).permutation(7) for n in range(5)]
    np.testing.assert_array_equal(
        stream(planned, "unlabeled"), OTHERS[np.concatenate(order)][: 10 * 3]
    )
    order = [np.random.default_rng([7, 1, 0, n]).permutation(3) for n in range(8)]
    np.testing.assert_array_equal(stream(planned, "labeled"), WHOLE[np.concatenate(order)])


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda run: f"{run['seed']}-{run['cycle']}")
def test_s4al_learns_from_the_same_images_as_in_version_0_1(recorded: dict) -> None:
    options = {"warmup_epochs": 1, "replay_start_epoch": 3, "replay_capacity": 7}
    method, _ = learner(**options, replay_pop=recorded["pop"])
    schedule = Schedule(cycles=2, iterations=3, epochs=4, last_epochs=5)
    pool = pool_of(11, WHOLE.tolist())
    planned = plan_steps(
        method.stages(schedule, recorded["cycle"], 8),
        method.streams,
        pool,
        iterations=3,
        batches=BATCHES,
        seed=recorded["seed"],
        cycle=recorded["cycle"],
    )
    assert [plain(step) for step in planned] == [tuple(step) for step in recorded["steps"]]


def test_the_seed_and_the_cycle_each_change_every_stream() -> None:
    base = list(plan())
    assert [plain(step) for step in base] == [plain(step) for step in plan()]
    for other in (list(plan(seed=8)), list(plan(cycle=2))):
        for name in REPLAYED:
            assert stream(base, name).tolist() != stream(other, name).tolist()


def test_replay_does_not_shift_the_other_streams() -> None:
    with_replay, without = list(plan()), list(plan(stages_of(1, 5, 0)[:2]))
    for name in MIXED:
        np.testing.assert_array_equal(stream(with_replay, name), stream(without, name))
    assert [step.stage for step in without][-1] == "classmix"


# --- streams of other names ---


def test_a_stream_of_its_own_name_has_random_numbers_of_its_own() -> None:
    streams = {"weak": Shuffle("all"), "strong": Shuffle("all"), "memory": Replay("strong", 4)}
    stages = (
        Stage("both", 4, ("weak", "strong")),
        Stage("remember", 2, ("strong", "memory")),
    )
    planned = list(plan(stages, streams))
    weak, strong = stream(planned, "weak"), stream(planned, "strong")
    assert weak[:10].tolist() != strong[:10].tolist()
    for name, found in (("weak", weak), ("strong", strong)):
        entropy = [7, 1, crc32(name.encode()) + 4]
        order = [np.random.default_rng([*entropy, n]).permutation(10) for n in range(3)]
        np.testing.assert_array_equal(found, np.concatenate(order)[: len(found)])
    # A stream that is left out takes nothing from those that stay.
    alone = plan((Stage("alone", 6, ("strong",)),), streams)
    np.testing.assert_array_equal(stream(alone, "strong"), strong)
    memory = [step.streams["memory"] for step in planned if "memory" in step.streams]
    assert len(memory) == 4 and set(np.concatenate(memory).tolist()) <= set(strong.tolist())


def test_the_order_of_stages_and_streams_does_not_decide_who_draws_what() -> None:
    turned = (Stage("warmup", 1, LABELED), Stage("classmix", 2, MIXED[::-1]))
    turned += (Stage("replay", 3, REPLAYED[::-1]),)
    streams = dict(reversed(streams_of().items()))
    assert [plain(step) for step in plan(turned, streams)] == [plain(step) for step in plan()]


# --- labeled in every pixel, or in some ---

MIXED_POOL = pool_of(12, whole=(1, 4, 6, 8), partial=(0, 2, 9))


@pytest.mark.parametrize(
    ("kind", "images"),
    [
        ("whole", [1, 4, 6, 8]),
        ("known", [0, 1, 2, 4, 6, 8, 9]),
        ("unlabeled", [0, 2, 3, 5, 7, 9, 10, 11]),
        ("all", list(range(12))),
    ],
)
def test_a_stream_is_of_the_kind_of_images_that_it_names(kind: str, images: list[int]) -> None:
    assert MIXED_POOL.select(kind).tolist() == images
    planned = plan((Stage("only", 12, LABELED),), {"labeled": Shuffle(kind)}, MIXED_POOL)
    assert sorted(set(stream(planned, "labeled").tolist())) == images
    with pytest.raises(ValueError, match="cannot be of 'void' images"):
        MIXED_POOL.select("void")


def test_where_no_image_is_whole_those_with_some_labels_are_learned_from() -> None:
    pool = pool_of(12, whole=(), partial=(0, 2, 9))
    assert pool.select("whole").tolist() == pool.select("known").tolist() == [0, 2, 9]
    assert len(pool.select("unlabeled")) == 12
    shared = {"labeled": Shuffle("whole", partial_share=0.5)}
    plain_streams = {"labeled": Shuffle("known")}
    stages = (Stage("only", 3, LABELED),)
    mixed, alone = plan(stages, shared, pool), plan(stages, plain_streams, pool)
    np.testing.assert_array_equal(stream(mixed, "labeled"), stream(alone, "labeled"))


@pytest.mark.parametrize(("share", "count"), [(0.25, 1), (0.5, 2), (0.7, 3), (1.0, 4)])
def test_a_share_of_each_batch_is_of_partially_labeled_images(share: float, count: int) -> None:
    streams = {"labeled": Shuffle("whole", partial_share=share)}
    planned = list(plan((Stage("only", 6, LABELED),), streams, MIXED_POOL, batches={"labeled": 4}))
    rows = np.stack([step.streams["labeled"] for step in planned])
    assert rows.shape == (12, 4) and rows.dtype == np.int32
    assert np.isin(rows[:, : 4 - count], [1, 4, 6, 8]).all()
    assert np.isin(rows[:, 4 - count :], [0, 2, 9]).all()
    for part in (rows[:, : 4 - count], rows[:, 4 - count :]):
        counts = np.unique(part, return_counts=True)[1]
        assert not len(counts) or np.ptp(counts) <= 1
    start = 5
    resumed = plan(
        (Stage("only", 6, LABELED),), streams, MIXED_POOL, batches={"labeled": 4}, start=start
    )
    assert [plain(step) for step in resumed] == [plain(step) for step in planned[start:]]


def test_a_share_changes_nothing_while_no_image_is_partially_labeled() -> None:
    streams = streams_of() | {"labeled": Shuffle("whole", partial_share=0.5)}
    assert [plain(step) for step in plan(streams=streams)] == [plain(step) for step in plan()]
    bought = plan(streams=streams, pool=pool_of(10, WHOLE.tolist(), partial=(0, 1)))
    assert set(stream(bought, "labeled").tolist()) == {0, 1, 2, 5, 9}


# --- resuming ---


@pytest.mark.parametrize("pop", [False, True])
@pytest.mark.parametrize("stages", [stages_of(), stages_of(1, 3, 0)[:2]], ids=["replay", "mix"])
def test_resuming_at_any_step_gives_the_steps_of_a_straight_run(
    stages: Sequence[Stage], pop: bool
) -> None:
    streams = streams_of(pop=pop)
    straight = [plain(step) for step in plan(stages, streams)]
    for start in range(len(straight) + 1):
        resumed = [plain(step) for step in plan(stages, streams, start=start)]
        assert resumed == straight[start:]


@st.composite
def any_stages(draw: st.DrawFn) -> tuple[Stage, ...]:
    """One stage or more; the first one that replays has another one before it."""
    first = Stage("first", draw(st.integers(1, 3)), draw(st.sampled_from([LABELED, MIXED])))
    after = draw(st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=3))
    kinds = [LABELED, MIXED] + [REPLAYED, ("unlabeled", "replay")] * (first.streams == MIXED)
    return (
        first,
        *(
            Stage(f"later {number}", epochs, draw(st.sampled_from(kinds)), new_generation)
            for number, (epochs, new_generation) in enumerate(after)
        ),
    )


@settings(max_examples=60, deadline=None)
@given(st.data(), any_stages())
def test_resuming_holds_for_any_stages(data: st.DataObject, stages: tuple[Stage, ...]) -> None:
    size = data.draw(st.integers(1, 4))
    streams = streams_of(size + data.draw(st.integers(0, 6)), data.draw(st.booleans()))
    streams["labeled"] = Shuffle("whole", partial_share=data.draw(st.sampled_from([0.0, 0.5])))
    changes: dict[str, Any] = {
        "cycle": data.draw(st.integers(0, 2)),
        "iterations": data.draw(st.integers(1, 3)),
        "batches": {"labeled": 2, "unlabeled": size},
        "pool": pool_of(10, WHOLE.tolist(), partial=(3, 4)),
    }
    straight = [plain(step) for step in plan(stages, streams, **changes)]
    assert len(straight) == changes["iterations"] * sum(stage.epochs for stage in stages)
    start = data.draw(st.integers(0, len(straight)))
    resumed = plan(stages, streams, start=start, **changes)
    assert [plain(step) for step in resumed] == straight[start:]


# --- replay ---


@pytest.mark.parametrize("pop", [False, True])
def test_only_images_of_earlier_steps_are_replayed(pop: bool) -> None:
    seen: set[int] = set()
    replayed = 0
    for step in plan(streams=streams_of(50, pop), pool=pool_of(103, (100, 101, 102))):
        if "replay" in step.streams:
            drawn = set(step.streams["replay"].tolist())
            assert drawn <= seen and len(drawn) == 3
            replayed += 3
        if "unlabeled" in step.streams:
            fresh = set(step.streams["unlabeled"].tolist())
            assert not seen & fresh
            seen |= fresh
    assert replayed == 18
    assert len(seen) == 30


def test_what_is_popped_is_not_replayed_before_it_is_seen_again() -> None:
    drawn = stream(plan(streams=streams_of(50, True), pool=pool_of(103, (100, 101, 102))), "replay")
    assert len(drawn) == 18
    assert len(set(drawn.tolist())) == 18


# --- what is refused ---

NOT_FED = (Stage("classmix", 1, MIXED), Stage("replay", 1, ("labeled", "replay")))
TOO_EARLY = (Stage("warmup", 1, LABELED), Stage("replay", 1, REPLAYED))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"pool": pool_of(4, ())}, InputError, "no image is labeled"),
        ({"pool": pool_of(4, range(4))}, ValueError, "every image is labeled in every pixel"),
        ({"seed": -1}, InputError, "seed is -1"),
        ({"batches": {"labeled": 2, "unlabeled": 0}}, InputError, "a batch of 0 images"),
        ({"streams": streams_of(2)}, InputError, "buffer of 2 images is smaller than its batch"),
        ({"start": 13}, ValueError, "cycle 1 has no step 13"),
        ({"start": -1}, ValueError, "cycle 1 has no step -1"),
        ({"stages": NOT_FED}, ValueError, "stage replay has the stream replay, and not unlabeled"),
        ({"stages": TOO_EARLY}, ValueError, "stage replay replays unlabeled, of which no earlier"),
        (
            {"streams": streams_of() | {"unlabeled": Replay("labeled", 5)}},
            ValueError,
            "stream replay replays unlabeled, which is not a stream of shuffled images",
        ),
    ],
)
def test_what_cannot_be_planned_is_refused_before_the_first_step(
    changes: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        plan(**changes)
