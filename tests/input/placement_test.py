"""Where images live: what is asked for, or the first place with room."""

import pytest

from s4al_jax.input.placement import Memory, placement
from s4al_jax.types import InputError


@pytest.mark.parametrize(
    "room, where",
    [
        (Memory(device=1600, host=10), "resident"),
        (Memory(device=1599, host=600), "cached"),
        (Memory(device=None, host=600), "cached"),
        (Memory(device=None, host=599), "streamed"),
        (Memory(device=None, host=None), "cached"),
    ],
)
def test_auto_takes_the_nearest_place_with_room(room: Memory, where: str) -> None:
    """100 pixels: 400 bytes with labels, a quarter of 1600; 300 without, half of 600."""
    assert placement("auto", pixels=100, room=room) == where


def test_a_wish_is_followed_and_a_misspelt_one_refused() -> None:
    assert placement("streamed", pixels=1, room=Memory(10**9, 10**9)) == "streamed"
    with pytest.raises(InputError, match="residence is 'gpu': one of auto, resident"):
        placement("gpu", pixels=1, room=Memory(None, None))
