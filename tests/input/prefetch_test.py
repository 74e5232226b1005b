"""Work ahead of time: in order, no further ahead than told, and errors where they belong."""

import threading
from collections.abc import Iterator

import pytest

from s4al_jax.input.prefetch import prefetch


@pytest.mark.parametrize("depth", [0, 1, 3, 50])
def test_results_come_in_the_order_of_the_items(depth: int) -> None:
    assert list(prefetch(range(20), lambda item: item * item, depth=depth)) == [
        (item, item * item) for item in range(20)
    ]


@pytest.mark.parametrize("depth", [0, 1, 4])
def test_no_more_items_are_taken_than_the_depth_allows(depth: int) -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = prefetch(items(), lambda item: item, depth=depth)
    for number in range(10):
        assert next(results) == (number, number)
        assert len(taken) == number + 1 + depth
    results.close()


def test_work_goes_on_while_nobody_asks() -> None:
    both = threading.Barrier(2, timeout=60)
    # Two items at once, or the barrier breaks.
    assert list(prefetch([0, 1], lambda item: both.wait() >= 0, depth=2)) == [(0, True), (1, True)]


def test_an_error_comes_when_its_item_is_due() -> None:
    results = prefetch([1, 0, 2], lambda item: 2 // item, depth=2)
    assert next(results) == (1, 2)
    with pytest.raises(ZeroDivisionError):
        next(results)
