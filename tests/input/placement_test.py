"""Where images are kept: where it is asked for, or in the first place with room."""

import pytest

from s4al_jax.input.placement import Memory, choose_cache
from s4al_jax.types import InputError


@pytest.mark.parametrize(
    "memory, cache",
    [
        (Memory(device=1600, host=10), "device"),
        (Memory(device=1599, host=600), "host"),
        (Memory(device=None, host=600), "host"),
        (Memory(device=None, host=599), "none"),
        (Memory(device=None, host=None), "host"),
    ],
)
def test_auto_takes_the_nearest_place_with_room(memory: Memory, cache: str) -> None:
    """100 pixels: 400 bytes with labels, a quarter of 1600; 300 without, half of 600."""
    assert choose_cache("auto", pixels=100, memory=memory) == cache


def test_more_bands_need_more_room() -> None:
    """100 pixels of six bands: 700 bytes with labels, a quarter of 2800; 600, half of 1200."""
    for memory, cache in (
        (Memory(device=2800, host=10), "device"),
        (Memory(device=2799, host=1200), "host"),
        (Memory(device=None, host=1199), "none"),
    ):
        assert choose_cache("auto", pixels=100, memory=memory, channels=6) == cache


def test_a_wish_is_followed_and_a_misspelt_one_refused() -> None:
    assert choose_cache("none", pixels=1, memory=Memory(10**9, 10**9)) == "none"
    with pytest.raises(InputError, match="data.cache is 'gpu': one of auto, device, host, none"):
        choose_cache("gpu", pixels=1, memory=Memory(None, None))
