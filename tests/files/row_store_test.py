"""Rows that are kept on disk: found again by all who look, and never wrong, whatever happens."""

import errno
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from s4al_jax.files.row_store import GROWTH, RECORD, RowStore

SHAPE = (3, 5)


def key(number: int) -> bytes:
    return number.to_bytes(16, "little")


def row(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, SHAPE, np.uint8)


def open_store(folder: Path, count: int = 0) -> RowStore:
    store = RowStore(folder / "kept", SHAPE)
    for number in range(count):
        store.add(key(number), row(number), (number, -number))
    return store


def holds(store: RowStore, number: int) -> bool:
    found = store.find(key(number))
    if found is None:
        return False
    np.testing.assert_array_equal(found.array, row(number))
    assert found.numbers == store.numbers(key(number)) == (number, -number)
    return True


def test_what_was_added_is_found_by_whoever_opens_the_store(tmp_path: Path) -> None:
    count = GROWTH + 3
    store = open_store(tmp_path, count)
    for one in (store, open_store(tmp_path)):
        assert len(one) == count and all(holds(one, number) for number in range(count))
        assert one.find(key(count)) is None and one.numbers(key(count)) is None


def test_a_row_cannot_be_written_to(tmp_path: Path) -> None:
    found = open_store(tmp_path, 1).find(key(0))
    assert found is not None
    with pytest.raises(ValueError, match="read-only"):
        found.array[0, 0] = 1


def test_a_store_that_is_open_sees_what_another_one_adds_when_it_adds_itself(
    tmp_path: Path,
) -> None:
    first, second = open_store(tmp_path), open_store(tmp_path)
    first.add(key(1), row(1), (1, -1))
    assert not holds(second, 1)
    second.add(key(2), row(2), (2, -2))
    assert holds(second, 1) and holds(second, 2)
    # What is there already is not added once more.
    first.add(key(2), row(2), (2, -2))
    assert holds(first, 2) and len(open_store(tmp_path)) == 2
    assert (tmp_path / "kept.index").stat().st_size == 2 * RECORD.itemsize


def test_stores_that_are_filled_together_hold_every_row_once(tmp_path: Path) -> None:
    def fill(order: list[int]) -> None:
        store = open_store(tmp_path)
        for number in order:
            store.add(key(number), row(number), (number, -number))

    orders = [np.random.default_rng(seed).permutation(40).tolist() for seed in range(4)]
    threads = [threading.Thread(target=fill, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(holds(open_store(tmp_path), number) for number in range(40))
    assert (tmp_path / "kept.index").stat().st_size == 40 * RECORD.itemsize


def test_a_damaged_row_is_not_found_and_can_be_added_again(tmp_path: Path) -> None:
    open_store(tmp_path, 3)
    with (tmp_path / "kept.rows").open("r+b") as file:
        file.seek(15 + 4)
        file.write(bytes([row(1)[0, 4] ^ 1]))
    store = open_store(tmp_path)
    assert [holds(store, number) for number in range(3)] == [True, False, True]
    store.add(key(1), row(1), (1, -1))
    assert holds(store, 1) and holds(open_store(tmp_path), 1)


@pytest.mark.parametrize("cut", [1, 17, RECORD.itemsize - 1])
def test_half_of_a_record_is_cut_off(tmp_path: Path, cut: int) -> None:
    """As a process leaves it that died while it wrote."""
    open_store(tmp_path, 3)
    index = tmp_path / "kept.index"
    os.truncate(index, 2 * RECORD.itemsize + cut)
    store = open_store(tmp_path)
    assert [holds(store, number) for number in range(3)] == [True, True, False]
    store.add(key(2), row(2), (2, -2))
    assert all(holds(open_store(tmp_path), number) for number in range(3))


def test_a_damaged_record_is_passed_over(tmp_path: Path) -> None:
    open_store(tmp_path, 3)
    with (tmp_path / "kept.index").open("r+b") as file:
        file.seek(RECORD.itemsize + 16)
        file.write(b"\x02")
    store = open_store(tmp_path)
    assert [holds(store, number) for number in range(3)] == [True, False, True]
    store.add(key(1), row(1), (1, -1))
    assert all(holds(open_store(tmp_path), number) for number in range(3))


def test_rows_that_are_gone_are_not_found(tmp_path: Path) -> None:
    open_store(tmp_path, 2)
    (tmp_path / "kept.rows").unlink()
    store = open_store(tmp_path)
    assert not holds(store, 0)
    store.add(key(0), row(0), (0, 0))
    assert holds(store, 0) and not holds(open_store(tmp_path), 1)


def test_who_has_mapped_a_row_keeps_it_when_it_is_replaced(tmp_path: Path) -> None:
    store = open_store(tmp_path, 1)
    before = store.find(key(0))
    store.add(key(0), row(9), replace=True)
    after, elsewhere = store.find(key(0)), open_store(tmp_path).find(key(0))
    assert before is not None and after is not None and elsewhere is not None
    np.testing.assert_array_equal(before.array, row(0))
    np.testing.assert_array_equal(after.array, row(9))
    np.testing.assert_array_equal(elsewhere.array, row(9))


def test_a_full_disk_keeps_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(tmp_path, 1)

    def fail(*given: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", fail)
    store.add(key(1), row(1), (1, -1))
    monkeypatch.undo()
    assert store.failure is not None and store.failure.errno == errno.ENOSPC
    assert holds(store, 0) and not holds(store, 1)
    store.add(key(1), row(1), (1, -1))
    assert not holds(open_store(tmp_path), 1)


def test_a_place_that_is_no_folder_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = RowStore(tmp_path / "file/kept", SHAPE)
    assert store.failure is not None
    store.add(key(0), row(0))
    assert store.find(key(0)) is None


def test_what_has_another_shape_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no uint8"):
        open_store(tmp_path).add(key(0), np.zeros((5, 3), np.uint8))
