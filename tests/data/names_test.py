"""Names that are nearly the same, and their order."""

import pytest

from s4al_jax.data.names import natural_key, nearest_name


def test_numbers_are_counted_and_not_spelled() -> None:
    names = ["b10", "b2", "a3x1", "a", "b1", "a3x"]
    assert sorted(names, key=natural_key) == ["a", "a3x", "a3x1", "b1", "b2", "b10"]


@pytest.mark.parametrize(
    "name, meant",
    [
        ("IMG_001", "IMG_0001"),
        ("img-0001", "IMG_0001"),
        ("IMG_0002_mask", "IMG_0002"),
        ("IMG_0002_labelIds", "IMG_0002"),
        ("north/shore_1", "north/shore1"),
        ("IMG_0003", "IMG_0002"),
        ("quite other", None),
    ],
)
def test_the_name_that_was_meant_is_found(name: str, meant: str | None) -> None:
    assert nearest_name(name, ["IMG_0001", "IMG_0002", "north/shore1"]) == meant
