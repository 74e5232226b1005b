"""Regions of any shape on their way through the store and the ledger, in pixels of any size."""

import hashlib
import json
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s4al_jax.files.resize import nearest_indices, resize_ids
from s4al_jax.labels.answer import PoolShape, given_box, given_labels, working_labels
from s4al_jax.labels.ledger import Ledger
from s4al_jax.labels.oracle import oracle
from s4al_jax.labels.original import locate
from s4al_jax.labels.store import LabelStore
from s4al_jax.types import UNLABELED, VOID, Annotation, InputError, RegionRef
from tests.support.partition import IRREGULAR, Partition, partitions
from tests.support.small_store import (
    CLASSES,
    HEIGHT,
    NAMES,
    POOL,
    TRUTH,
    WIDTH,
    all_regions,
    answers,
    files,
    maps,
    opened,
)

RING, HOLE, HALVES, RECTANGLE = (RegionRef(0, region) for region in range(4))


@settings(max_examples=40, deadline=None)
@given(partitions(len(NAMES), HEIGHT, WIDTH), st.randoms(use_true_random=False))
def test_the_oracle_alone_reaches_the_truth(regions: Partition, random: object) -> None:
    refs = all_regions(regions)
    random.shuffle(refs)
    with tempfile.TemporaryDirectory() as name:
        store = opened(Path(name))
        for cycle in range(3):
            for parcel in oracle(POOL).answers(refs[cycle::3], regions, cycle):
                store.record(parcel, regions)
        for either in (store, opened(Path(name))):
            assert np.array_equal(maps(either), TRUTH)
            assert either.fully_labeled.all() and either.share == 1.0
            assert not either.open_regions(regions).any()
            assert either.labeled_regions(regions).sum() == len(refs) == either.annotated_regions
            assert either.missing(refs, regions) == []
            either.check_valid()


def test_pixels_of_regions_that_nobody_annotated_stay_unlabeled(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.record(answers([RING, HALVES, RegionRef(2, 2)], IRREGULAR, 1), IRREGULAR)
    known = np.stack([np.isin(IRREGULAR.id_map(0), (0, 2)), *np.zeros((2, 5, 7), bool)])
    known[2] = IRREGULAR.id_map(2) == 2
    assert np.array_equal(maps(store), np.where(known, TRUTH, UNLABELED))
    assert store.known_pixels.tolist() == [8 + 10, 0, 11]
    assert store.open_regions(IRREGULAR).tolist() == [
        [False, True, False, True, True],
        [True, False, False, False, False],
        [True, True, False, True, False],
    ]
    assert store.labeled_regions(IRREGULAR).tolist() == [
        [True, False, True, False, False],
        5 * [False],
        [False, False, True, False, False],
    ]
    refs = all_regions(IRREGULAR)
    left = [ref for ref in refs if ref not in (RING, HALVES, RegionRef(2, 2))]
    assert store.missing(refs, IRREGULAR) == left
    # The box of the ring holds the hole and its box nothing else: only masks tell them apart.
    store.record(answers([HOLE], IRREGULAR, 2), IRREGULAR)
    assert store.known_pixels[0] == 19
    with pytest.raises(InputError, match="answer for a, superpixel 1: .* already known"):
        store.record(answers([HOLE], IRREGULAR, 2), IRREGULAR)
    store.check_valid()


def test_an_answer_agrees_only_if_it_is_for_the_same_pixels(tmp_path: Path) -> None:
    store = opened(tmp_path)
    (ring,) = answers([RING], IRREGULAR, 1)
    store.record([ring], IRREGULAR)
    assert store.agrees(ring, IRREGULAR)
    other = ring.labels.copy()
    other[0, 0] = 1 if other[0, 0] == 0 else 0
    assert not store.agrees(ring._replace(labels=other), IRREGULAR)
    (hole,) = answers([HOLE], IRREGULAR, 1)
    assert not store.agrees(hole, IRREGULAR)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"labels": np.zeros((3, 3), np.uint8)}, "0 stands outside of the region's mask; use 254"),
        ({"labels": np.full((3, 3), VOID)}, "255 stands outside of the region's mask"),
        ({"labels": np.full((3, 3), UNLABELED)}, "254 is no id"),
        ({"labels": np.zeros((3, 4), np.uint8)}, r"shape \(3, 4\); give .* shape \(3, 3\)"),
        ({"region": RegionRef(0, 5)}, "no region 5 in image a: use 0 to 4"),
        ({"region": RegionRef(1, 1)}, "no region 1 in image b: use 0 to 0"),
    ],
)
def test_an_answer_that_does_not_fit_its_mask_is_refused(
    tmp_path: Path, change: dict, message: str
) -> None:
    store = opened(tmp_path)
    (ring,) = answers([RING], IRREGULAR, 1)
    before = files(tmp_path)
    with pytest.raises(InputError, match=message):
        store.record([*answers([HOLE], IRREGULAR, 1), ring._replace(**change)], IRREGULAR)
    assert files(tmp_path) == before and store.spent == 0


def test_a_line_says_the_box_and_the_checksum_of_the_mask_s_bits(tmp_path: Path) -> None:
    refs = [RING, HOLE, HALVES, RECTANGLE]
    opened(tmp_path).record(answers(refs, IRREGULAR, 0), IRREGULAR)
    entries = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    assert [entry["region"] for entry in entries] == [0, 1, 2, 3]
    boxes = [[0, 0, 3, 3], [1, 1, 2, 2], [0, 0, 5, 5], [0, 5, 2, 7]]
    assert [entry["box"] for entry in entries] == boxes
    assert [entry["cost"] for entry in entries] == [8, 1, 10, 4]
    # 111 101 111, and then zeros up to a whole byte
    bits = bytes([0b11110111, 0b10000000])
    assert entries[0]["mask"] == hashlib.sha256(bits).hexdigest()
    assert entries[1]["mask"] is None and entries[3]["mask"] is None
    patch = (tmp_path / "patches/00.bin").read_bytes()[: entries[0]["patch"]["bytes"]]
    labels = TRUTH[0][0:3, 0:3].copy()
    labels[1, 1] = UNLABELED
    assert zlib.decompress(patch) == labels.tobytes() + bits
    assert entries[0]["sha256"] == hashlib.sha256(labels.tobytes()).hexdigest()


def test_a_second_answer_for_known_pixels_is_damage(tmp_path: Path) -> None:
    folder = tmp_path / "annotations"
    refs = [RING, RegionRef(1, 0)]
    opened(folder).record(answers(refs, IRREGULAR, 0), IRREGULAR)
    path = folder / "ledger.jsonl"
    first, second = path.read_text("ascii").splitlines()
    second = second.replace('"image":1,"name":"b"', '"image":0,"name":"a"')
    path.write_text(f"{first}\n{second}\n", "ascii")
    with pytest.raises(InputError, match="line 2: an earlier line knows pixels of this region"):
        opened(folder)


sizes = st.tuples(st.integers(1, 16), st.integers(1, 16))


def plain_mask(regions: Partition, ref: RegionRef, size: tuple[int, int]) -> np.ndarray:
    """bool of `size`: a region's pixels in a picture of that size, one by one."""
    inside = regions.id_map(ref.image) == ref.region
    rows, cols = nearest_indices(HEIGHT, size[0]), nearest_indices(WIDTH, size[1])
    found = inside[np.ix_(rows, cols)].copy()
    for row, col in np.argwhere(inside):
        found[nearest_indices(size[0], HEIGHT)[row], nearest_indices(size[1], WIDTH)[col]] = True
    return found


@settings(max_examples=100, deadline=None)
@given(partitions(1, HEIGHT, WIDTH), sizes)
def test_a_region_has_in_a_picture_its_own_pixels_and_those_that_it_looks_at(
    regions: Partition, size: tuple[int, int]
) -> None:
    for ref in (RegionRef(0, region) for region in range(regions.count(0))):
        box, mask = locate(regions, ref, size)
        expected = plain_mask(regions, ref, size)
        assert expected.any() and not expected[~_inside(box, size)].any()
        if regions.mask(ref) is not None:
            assert np.array_equal(mask, expected[box.slices])
        else:
            assert mask is None  # as cells: all that its box touches


def _inside(box: object, size: tuple[int, int]) -> np.ndarray:
    found = np.zeros(size, bool)
    found[box.slices] = True
    return found


@settings(max_examples=60, deadline=None)
@given(partitions(len(NAMES), HEIGHT, WIDTH), sizes, st.integers(0, 2**32 - 1), st.data())
def test_what_is_learned_in_a_region_is_what_was_answered_in_a_picture_of_any_size(
    regions: Partition, size: tuple[int, int], seed: int, data: st.DataObject
) -> None:
    codes = np.array([*range(CLASSES), VOID], np.uint8)
    truths = np.random.default_rng(seed).choice(codes, (len(NAMES), *size))
    pool = POOL._replace(read_original_truth=lambda image: truths[image])
    refs = [ref for ref in all_regions(regions) if data.draw(st.booleans())]
    expected = np.full(TRUTH.shape, UNLABELED, np.uint8)
    for ref in refs:
        inside = regions.id_map(ref.image) == ref.region
        expected[ref.image][inside] = resize_ids(truths[ref.image], HEIGHT, WIDTH)[inside]
    with tempfile.TemporaryDirectory() as name:
        store = opened(Path(name))
        for parcel in oracle(pool).answers(refs, regions, 0):
            store.record(parcel, regions)
            assert all(store.agrees(answer, regions) for answer in parcel)
        for either in (store, opened(Path(name))):
            assert np.array_equal(maps(either), expected)
            assert either.spent == np.sum(expected != UNLABELED)
            either.check_valid()
        shape = PoolShape(NAMES, HEIGHT, WIDTH, CLASSES)
        for answer in Ledger(Path(name)).read(shape):
            box, mask = locate(regions, answer.region, size)
            assert given_box(answer.box, answer.size, (HEIGHT, WIDTH)) == box
            kept, whole = given_labels(answer, shape.size), truths[answer.region.image]
            inside = np.ones(box.shape, bool) if mask is None else mask
            assert np.array_equal(kept, np.where(inside, whole[box.slices], UNLABELED))
            part = expected[answer.region.image][answer.box.slices]
            own = regions.id_map(answer.region.image)[answer.box.slices] == answer.region.region
            learned = working_labels(answer, shape.size)
            assert np.array_equal(learned, np.where(own, part, UNLABELED))


def test_a_person_s_answer_for_a_thin_region_of_a_smaller_picture_is_kept(tmp_path: Path) -> None:
    """In a picture of 2 x 3 pixels the hole has no pixel of its own; it shares one."""
    box, mask = locate(IRREGULAR, RING, (2, 3))
    assert box == (0, 0, 2, 2) and mask.tolist() == [[True, True], [True, True]]
    box, mask = locate(IRREGULAR, HOLE, (2, 3))
    assert box == (0, 0, 1, 1) and mask is None
    store = opened(tmp_path)
    ring = Annotation(RING, np.array([[1, 2], [3, 3]], np.uint8), "Ada", 0, size=(2, 3))
    hole = Annotation(HOLE, np.array([[0]], np.uint8), "Ada", 0, size=(2, 3))
    store.record([ring, hole], IRREGULAR)
    for either in (store, opened(tmp_path)):
        assert either.label_map(0)[0:3, 0:3].tolist() == [[1, 1, 2], [1, 0, 2], [3, 3, 3]]


def test_a_store_of_the_regions_of_another_pool_is_refused(tmp_path: Path) -> None:
    store = LabelStore.open(tmp_path, names=NAMES, height=7, width=5, num_classes=CLASSES)
    for use in (store.open_regions, store.labeled_regions, lambda one: store.missing([], one)):
        with pytest.raises(InputError, match="regions of 5 x 7 pixels do not fit labels of 7 x 5"):
            use(IRREGULAR)
