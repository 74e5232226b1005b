"""The replay buffer: bounded, unbiased, and exactly restorable."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s4al_jax.input.replay import ReplayBuffer
from s4al_jax.types import InputError


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def filled(*indices: int, capacity: int = 50, pop: bool = False) -> ReplayBuffer:
    buffer = ReplayBuffer(capacity=capacity, pop=pop)
    buffer.add(np.array(indices), chance())
    return buffer


def test_it_holds_what_was_added_up_to_its_capacity() -> None:
    buffer = filled(3, 1, 4, 1)
    assert len(buffer) == 4
    assert sorted(buffer.get_state()["indices"]) == [1, 1, 3, 4]
    small = filled(*range(9), capacity=5)
    assert len(small) == 5
    assert set(small.get_state()["indices"]) < set(range(9))


def test_chance_decides_what_is_forgotten() -> None:
    kept = np.zeros(8, int)
    for seed in range(800):
        buffer = ReplayBuffer(capacity=4, pop=False)
        buffer.add(np.arange(4), chance(seed))
        buffer.add(np.arange(4, 8), chance(seed + 10_000))
        kept += np.bincount(buffer.get_state()["indices"], minlength=8)
    # 800 times 4 of 8: each index 400 times, with a standard deviation of 14.
    assert kept.sum() == 3200
    assert np.abs(kept - 400).max() < 70


def test_none_is_drawn_twice_while_there_are_enough() -> None:
    drawn = filled(*range(10)).draw(10, chance())
    assert sorted(drawn.tolist()) == list(range(10))
    assert drawn.dtype == np.int32


def test_too_few_are_drawn_again_and_again() -> None:
    drawn = filled(7, 8).draw(40, chance())
    assert len(drawn) == 40
    assert set(drawn.tolist()) == {7, 8}


def test_each_index_is_as_likely_as_any_other() -> None:
    buffer = filled(0, 1, 2, 3, 4)
    counts = np.zeros(5, int)
    for seed in range(500):
        counts += np.bincount(buffer.draw(2, chance(seed)), minlength=5)
    # 500 times 2 of 5: each 200 times, with a standard deviation of 11.
    assert counts.sum() == 1000
    assert np.abs(counts - 200).max() < 55


def test_what_is_drawn_stays_unless_popped() -> None:
    stays, leaves = filled(*range(6)), filled(*range(6), pop=True)
    stays.draw(4, chance())
    drawn = leaves.draw(4, chance())
    assert len(stays) == 6
    assert len(leaves) == 2
    assert set(drawn.tolist()) | set(leaves.get_state()["indices"]) == set(range(6))


def test_popping_removes_one_copy_of_an_image_held_twice() -> None:
    buffer = filled(5, 5, pop=True)
    assert buffer.draw(1, chance()).tolist() == [5]
    assert buffer.get_state()["indices"] == [5]
    buffer.draw(3, chance())
    assert len(buffer) == 0


def test_an_empty_buffer_gives_nothing() -> None:
    with pytest.raises(ValueError, match="empty replay buffer"):
        ReplayBuffer(capacity=3, pop=False).draw(1, chance())


@given(
    st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=6), min_size=1, max_size=8),
    st.integers(1, 12),
    st.booleans(),
)
def test_a_restored_buffer_goes_on_as_if_nothing_had_happened(
    batches: list[list[int]], capacity: int, pop: bool
) -> None:
    straight, seen = ReplayBuffer(capacity=capacity, pop=pop), set[int]()
    for turn, batch in enumerate(batches):
        restored = ReplayBuffer(capacity=1, pop=not pop)
        restored.set_state(json.loads(json.dumps(straight.get_state())))
        for buffer in (straight, restored):
            rng = chance(turn)
            buffer.add(np.array(batch), rng)
            buffer.check_valid()
        seen |= set(batch)
        assert straight.get_state() == restored.get_state()
        drawn = straight.draw(3, chance(turn))
        np.testing.assert_array_equal(drawn, restored.draw(3, chance(turn)))
        assert set(drawn.tolist()) <= seen
        assert len(straight) <= capacity


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"capacity": 0, "pop": False, "indices": []}, "capacity 0"),
        ({"capacity": 2, "pop": False, "indices": [1, 2, 3]}, "3 replayed images exceed"),
        ({"capacity": 2, "pop": False, "indices": [1, -2]}, "image -2"),
    ],
)
def test_a_state_that_contradicts_itself_is_refused(state: dict, message: str) -> None:
    buffer = filled(1, 2)
    before = buffer.get_state()
    with pytest.raises(InputError, match=message):
        buffer.set_state(state)
    assert buffer.get_state() == before
