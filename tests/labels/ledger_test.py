"""The ledger on disk: no answer is lost or doubled, whenever a run stops."""

import errno
import hashlib
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s4al_jax.labels.answer import PoolShape
from s4al_jax.labels.ledger import Ledger
from s4al_jax.labels.oracle import oracle
from s4al_jax.labels.store import LabelStore
from s4al_jax.regions.grid import region_grid
from s4al_jax.regions.protocol import Regions
from s4al_jax.types import UNLABELED, InputError, RegionRef
from tests.support.partition import partitions
from tests.support.small_store import (
    CLASSES,
    GRID,
    HEIGHT,
    NAMES,
    POOL,
    TRUTH,
    WIDTH,
    all_regions,
    answers,
    files,
    filled,
    maps,
    opened,
)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one example of a property."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
def store(tmp_path: Path) -> LabelStore:
    return filled(tmp_path / "annotations")


def test_the_ledger_says_what_was_annotated_line_by_line(store: LabelStore, tmp_path: Path) -> None:
    folder = tmp_path / "annotations"
    lines = (folder / "ledger.jsonl").read_text("ascii").splitlines()
    entries = [json.loads(line) for line in lines]
    assert list(entries[0]) == (
        "cycle image name region box mask original cost annotator time patch sha256".split()
    )
    assert lines[0] == json.dumps(entries[0], separators=(",", ":"))
    assert [entry["box"] for entry in entries] == [
        [0, 0, 5, 7],
        [0, 0, 2, 3],
        [2, 6, 4, 7],
        [4, 6, 5, 7],
    ]
    assert [entry["region"] for entry in entries] == [0, 0, 5, 8]
    assert [entry["mask"] for entry in entries] == [None] * 4
    assert [entry["cost"] for entry in entries] == [35, 6, 2, 1]
    assert [entry["cycle"] for entry in entries] == [0, 1, 1, 1]
    assert [entry["original"] for entry in entries] == [None] * 4
    assert entries[1]["name"] == "ü" and entries[1]["annotator"] == "simulated"
    end = 0
    for entry in entries[1:]:
        assert entry["patch"]["file"] == "patches/01.bin" and entry["patch"]["offset"] == end
        end += entry["patch"]["bytes"]
    patch = (folder / "patches/01.bin").read_bytes()
    assert len(patch) == end
    raw = zlib.decompress(patch[: entries[1]["patch"]["bytes"]])
    assert raw == TRUTH[2][0:2, 0:3].tobytes()
    assert entries[1]["sha256"] == hashlib.sha256(raw).hexdigest()


@st.composite
def histories(draw: st.DrawFn) -> tuple[Regions, list[list[RegionRef]]]:
    """A grid or a partition, and for each cycle some regions, none of them twice."""
    height, width = draw(st.integers(1, HEIGHT)), draw(st.integers(1, WIDTH))
    grid = region_grid(HEIGHT, WIDTH, height, width)
    regions = draw(st.one_of(st.just(grid), partitions(len(NAMES), HEIGHT, WIDTH)))
    chosen = draw(st.permutations(all_regions(regions)))[: draw(st.integers(0, 12))]
    cuts = sorted(draw(st.lists(st.integers(0, len(chosen)), min_size=2, max_size=2)))
    return regions, [chosen[: cuts[0]], chosen[cuts[0] : cuts[1]], chosen[cuts[1] :]]


@settings(max_examples=60, deadline=None)
@given(histories())
def test_a_store_opened_again_is_the_same_and_agrees_with_a_plain_array(
    history: tuple[Regions, list[list[RegionRef]]],
) -> None:
    regions, cycles = history
    plain = np.full((len(NAMES), HEIGHT, WIDTH), UNLABELED, np.uint8)
    with scratch() as folder:
        store = opened(folder)
        for cycle, refs in enumerate(cycles):
            for parcel in oracle(POOL).answers(refs, regions, cycle):
                store.record(parcel, regions)
            for image, region in refs:
                inside = regions.id_map(image) == region
                plain[image][inside] = TRUTH[image][inside]
            cost = sum(int(regions.costs(ref.image)[ref.region]) for ref in refs)
            assert store.cost_of(cycle) == cost
            again = opened(folder)
            for either in (store, again):
                assert np.array_equal(maps(either), plain)
                assert either.spent == np.sum(plain != UNLABELED)
                assert either.annotated_regions == sum(map(len, cycles[: cycle + 1]))
                assert np.array_equal(either.class_pixels_of(cycle), store.class_pixels_of(cycle))
                assert np.array_equal(either.open_regions(regions), store.open_regions(regions))
                either.check_valid()
            store = again


def test_a_ledger_torn_at_any_byte_opens_as_it_was_before_and_ends_as_if_never_torn(
    store: LabelStore, tmp_path: Path
) -> None:
    folder, torn = tmp_path / "annotations", tmp_path / "torn"
    before, maps_before = files(folder), maps(store)
    last = answers([RegionRef(1, 7)], GRID, 2)
    store.record(last, GRID)
    after = files(folder)
    whole = len(after["ledger.jsonl"])
    assert whole - len(before["ledger.jsonl"]) > 100
    for size in range(len(before["ledger.jsonl"]), whole + 1):
        shutil.copytree(folder, torn)
        os.truncate(torn / "ledger.jsonl", size)
        reopened = opened(torn)
        assert files(torn) == (after if size == whole else before)
        expected = maps(store) if size == whole else maps_before
        assert np.array_equal(maps(reopened), expected)
        reopened.check_valid()
        if size < whole:
            reopened.record(last, GRID)
        assert files(torn) == after
        shutil.rmtree(torn)


@settings(max_examples=60, deadline=None)
@given(histories(), st.data())
def test_a_run_stopped_at_any_byte_ends_with_the_same_files(
    history: tuple[Regions, list[list[RegionRef]]], data: st.DataObject
) -> None:
    regions, cycles = history

    def annotate(store: LabelStore) -> None:
        for cycle, refs in enumerate(cycles):
            missing = store.missing(refs, regions)
            for parcel in oracle(POOL).answers(missing, regions, cycle):
                store.record(parcel, regions)

    with scratch() as folder:
        annotate(opened(folder / "straight"))
        straight = files(folder / "straight")
        shutil.copytree(folder / "straight", folder / "stopped")
        ledger = straight["ledger.jsonl"]
        size = data.draw(st.integers(0, len(ledger)))
        entries = [json.loads(line) for line in ledger[:size].split(b"\n")[:-1]]
        os.truncate(folder / "stopped/ledger.jsonl", size)
        # Patches are ahead of the ledger by any number of bytes, or by none and without a file.
        ends = {entry["patch"]["file"]: entry["patch"] for entry in entries}
        for name in straight.keys() - {"ledger.jsonl"}:
            known = ends[name]["offset"] + ends[name]["bytes"] if name in ends else 0
            end = data.draw(st.integers(known, len(straight[name])))
            os.truncate(folder / "stopped" / name, end)
            if end == 0 and data.draw(st.booleans()):
                (folder / "stopped" / name).unlink()
        store = opened(folder / "stopped")
        assert store.annotated_regions == len(entries)
        assert store.spent == sum(entry["cost"] for entry in entries)
        store.check_valid()
        annotate(store)
        assert files(folder / "stopped") == straight


def test_bytes_that_were_never_acknowledged_are_cut_off(store: LabelStore, tmp_path: Path) -> None:
    before = files(tmp_path)
    folder = tmp_path / "annotations"
    for tail in (b"{", b"\0\0\0", b"{}", b"\xff\xfe", b"[" * 100_000):
        with (folder / "ledger.jsonl").open("ab") as ledger:
            ledger.write(tail)
        with (folder / "patches/00.bin").open("ab") as patches:
            patches.write(b"more")
        (folder / "patches/02.bin").write_bytes(b"unspoken of")
        assert opened(folder).spent == store.spent
        assert files(tmp_path) == before


def test_another_pool_does_not_open_this_folder(store: LabelStore, tmp_path: Path) -> None:
    folder, before = tmp_path / "annotations", files(tmp_path)
    for names, height, classes, message in [
        (("b", "a", "ü"), HEIGHT, CLASSES, "line 1: image 0 of this pool is not named 'a'"),
        (NAMES, 4, CLASSES, "outside 4 x 7"),
        (NAMES, HEIGHT, 2, "none of 2 classes"),
    ]:
        with pytest.raises(InputError, match=message):
            LabelStore.open(folder, names=names, height=height, width=WIDTH, num_classes=classes)
    assert files(tmp_path) == before


def failing(times: int, real: Callable[[int], None]) -> Callable[[int], None]:
    """A disk that is full at its nth flush."""
    left = [times]

    def fsync(handle: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    return fsync


def test_a_power_cut_at_any_flush_leaves_what_was_known_before_or_all(
    store: LabelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, fsync = tmp_path / "annotations", os.fsync
    before, maps_before = files(folder), maps(store)
    more = answers([RegionRef(1, 0)], GRID, 1) + answers([RegionRef(1, 1)], GRID, 2)
    cuts: list[Path] = []

    def copied(handle: int) -> None:
        fsync(handle)
        cuts.append(tmp_path / f"cut{len(cuts)}")
        shutil.copytree(folder, cuts[-1])

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", copied)
        store.record(more, GRID)
    assert len(cuts) == 4
    for cut in cuts[:-1]:
        assert (cut / "ledger.jsonl").read_bytes() == before["ledger.jsonl"]
        reopened = opened(cut)
        assert np.array_equal(maps(reopened), maps_before)
        assert files(cut) == before
        reopened.record(more, GRID)
        assert files(cut) == files(folder)
    assert files(cuts[-1]) == files(folder)
    assert np.array_equal(maps(opened(cuts[-1])), maps(store))


@pytest.mark.parametrize("flushes", range(4))
def test_a_full_disk_is_an_error_that_leaves_everything_as_it_was(
    store: LabelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flushes: int
) -> None:
    before, maps_before = files(tmp_path), maps(store)
    more = answers([RegionRef(1, 0)], GRID, 1) + answers([RegionRef(1, 1)], GRID, 2)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing(flushes, os.fsync))
        with pytest.raises(InputError, match="No space left on device") as refused:
            store.record(more, GRID)
    assert str(tmp_path) in str(refused.value)
    assert np.array_equal(maps(store), maps_before)
    again = opened(tmp_path / "annotations")
    assert files(tmp_path) == before
    assert np.array_equal(maps(again), maps_before)
    again.record(more, GRID)
    again.check_valid()
    assert again.spent == store.spent + 12


def test_a_second_writer_is_noticed_before_anything_is_written(
    store: LabelStore, tmp_path: Path
) -> None:
    other = opened(tmp_path / "annotations")
    other.record(answers([RegionRef(1, 0)], GRID, 2), GRID)
    before = files(tmp_path)
    with pytest.raises(InputError, match="another run writes there"):
        store.record(answers([RegionRef(1, 1)], GRID, 3), GRID)
    assert files(tmp_path) == before
    other.check_valid()


def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="file.* cannot be read or written") as refused:
        opened(tmp_path / "file" / "annotations")
    assert "\n" not in str(refused.value)
    (tmp_path / "ledger.jsonl").mkdir()
    with pytest.raises(InputError, match="ledger.jsonl cannot be read or written"):
        opened(tmp_path)


def test_a_store_with_nothing_to_repair_opens_where_it_may_not_write(
    store: LabelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "fsync", refuse)
    monkeypatch.setattr(os, "truncate", refuse)
    again = opened(tmp_path / "annotations")
    assert np.array_equal(maps(again), maps(store))
    assert again.spent == 44
    again.check_valid()


def test_answers_are_read_one_at_a_time(store: LabelStore, tmp_path: Path) -> None:
    path = tmp_path / "annotations/ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"damage\n" + b"".join(lines[2:]))
    answers = Ledger(tmp_path / "annotations").read(PoolShape(NAMES, HEIGHT, WIDTH, CLASSES))
    assert next(answers).region == RegionRef(0, 0)
    with pytest.raises(InputError, match="line 2"):
        next(answers)
