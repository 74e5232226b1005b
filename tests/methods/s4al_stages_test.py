"""When S4AL warms up, mixes and replays: the epochs of the paper, and schedules without sense."""

import pytest

from s4al_jax.methods.s4al import Options, stages
from s4al_jax.types import InputError, Replay, Schedule, Shuffle
from tests.support.toy_network import learner

CAMVID = Schedule(cycles=3, iterations=50, epochs=100, last_epochs=200)
SMALL = Schedule(cycles=2, iterations=2, epochs=4, last_epochs=6)
SHORT = Options(warmup_epochs=1, replay_start_epoch=3)


def epochs_of(options, schedule, cycle, unlabeled=7):
    """The length of each stage, in their order."""
    return [(stage.name, stage.epochs) for stage in stages(options, schedule, cycle, unlabeled)]


def stage_at(cycle, step):
    timeline = [name for name, epochs in epochs_of(Options(), CAMVID, cycle) for _ in range(epochs)]
    assert len(timeline) == CAMVID.epochs_of(cycle)
    return timeline[step // CAMVID.iterations]


@pytest.mark.parametrize(
    ("cycle", "step", "expected"),
    [
        (0, 0, "warmup"),
        (0, 499, "warmup"),
        (0, 500, "classmix"),
        (0, 4_999, "classmix"),
        (1, 499, "warmup"),
        (1, 500, "classmix"),
        (1, 1_499, "classmix"),
        (1, 1_500, "replay"),
        (2, 1_499, "classmix"),
        (2, 9_999, "replay"),
    ],
)
def test_stages_change_at_the_epochs_of_the_paper(cycle, step, expected):
    assert stage_at(cycle, step) == expected


def test_a_cycle_starts_with_labels_then_mixes_then_replays():
    assert epochs_of(SHORT, SMALL, 1) == [("warmup", 1), ("classmix", 2), ("replay", 3)]
    assert [stage.streams for stage in stages(SHORT, SMALL, 1, 7)] == [
        ("labeled",),
        ("labeled", "unlabeled"),
        ("labeled", "unlabeled", "replay"),
    ]
    assert not any(stage.new_generation for stage in stages(SHORT, SMALL, 1, 7))
    assert epochs_of(SHORT._replace(warmup_epochs=0), SMALL, 1) == [("classmix", 3), ("replay", 3)]


def test_the_first_cycle_and_a_pool_that_ran_dry_never_replay():
    assert epochs_of(SHORT, SMALL, 0) == [("warmup", 1), ("classmix", 3)]
    assert epochs_of(SHORT, SMALL, 1, unlabeled=0) == [("warmup", 6)]
    from_the_start = SHORT._replace(replay_from_cycle=0)
    assert epochs_of(from_the_start, SMALL, 0) == [("warmup", 1), ("classmix", 2), ("replay", 1)]


def test_a_cycle_that_ends_early_has_the_stages_that_fit():
    long = Options(warmup_epochs=5, replay_start_epoch=9)
    assert epochs_of(long, SMALL, 0) == [("warmup", 4)]
    assert epochs_of(long, SMALL, 1) == [("warmup", 5), ("classmix", 1)]
    for cycle in range(3):
        for unlabeled in (0, 1):
            lengths = epochs_of(Options(), CAMVID, cycle, unlabeled)
            assert sum(epochs for _, epochs in lengths) == CAMVID.epochs_of(cycle)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"replay_start_epoch": 10}, "replay_start_epoch is 10, .*use at least 11"),
        ({"warmup_epochs": 30}, "the warm-up of 30 epochs .*use at least 31"),
    ],
)
def test_replay_from_an_empty_buffer_is_refused_in_the_cycles_that_replay(changes, message):
    options = Options()._replace(**changes)
    assert epochs_of(options, CAMVID, 0)[-1][0] == "classmix"
    for cycle in (1, 2):
        with pytest.raises(InputError, match=message):
            stages(options, CAMVID, cycle, 7)


def test_without_replay_its_first_epoch_does_not_matter():
    wanted = [("warmup", 10), ("classmix", 190)]
    for off in ({"replay": False}, {"replay_from_cycle": 3}):
        assert epochs_of(Options(replay_start_epoch=0, **off), CAMVID, 2) == wanted


def test_each_stream_is_of_the_images_that_the_paper_takes():
    method, _ = learner(replay_capacity=9, replay_pop=True, partial_share=0.25)
    assert method.streams == {
        "labeled": Shuffle("whole", "labeled", 0.25),
        "unlabeled": Shuffle("unlabeled", "unlabeled"),
        "replay": Replay("unlabeled", 9, True),
    }
    usual, _ = learner()
    assert usual.streams["labeled"] == Shuffle("whole", "labeled", 0.0)
    assert usual.streams["replay"] == Replay("unlabeled", 50, False)
