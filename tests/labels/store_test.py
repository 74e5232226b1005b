"""The store of labels: exact counts, and wrong answers refused."""

import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s4al_jax.labels.oracle import oracle
from s4al_jax.labels.store import LabelStore
from s4al_jax.regions.grid import region_grid, whole_image
from s4al_jax.regions.protocol import Regions
from s4al_jax.types import UNLABELED, VOID, Annotation, InputError, RegionRef
from tests.support.partition import IRREGULAR, Partition, partitions
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
    cell,
    files,
    filled,
    maps,
    opened,
)


@pytest.fixture
def store(tmp_path: Path) -> LabelStore:
    return filled(tmp_path / "annotations")


def test_an_empty_store_knows_nothing_and_is_opened_again_as_it_is(tmp_path: Path) -> None:
    for _ in range(2):
        store = opened(tmp_path / "new" / "annotations")
        assert (store.spent, store.share, store.annotated_regions) == (0, 0.0, 0)
        assert np.all(store.label_map(2) == UNLABELED)
        assert store.known_pixels.tolist() == [0, 0, 0]
        assert store.class_pixels.tolist() == [0, 0, 0, 0]
        assert np.all(store.open_regions(GRID)) and not np.any(store.labeled_regions(GRID))
        assert not np.any(store.fully_labeled)
        store.record([], GRID)
        assert files(tmp_path / "new") == {"annotations/ledger.jsonl": b""}
        store.check_valid()


def test_counts_are_exact_to_the_pixel(store: LabelStore) -> None:
    assert store.known_pixels.tolist() == [35, 0, 6 + 2 + 1]
    assert (store.spent, store.cost_of(0), store.cost_of(1), store.cost_of(2)) == (44, 35, 9, 0)
    assert store.share == 44 / (3 * 35)
    assert store.fully_labeled.tolist() == [True, False, False]
    assert store.annotated_regions == 4
    assert store.known_pixels.dtype == store.class_pixels.dtype == np.int64
    store.check_valid()


def test_label_maps_hold_what_was_answered_and_nothing_else(store: LabelStore) -> None:
    assert np.array_equal(store.label_map(0), TRUTH[0])
    assert np.all(store.label_map(1) == UNLABELED)
    expected = np.full((HEIGHT, WIDTH), UNLABELED)
    expected[0:2, 0:3] = TRUTH[2][0:2, 0:3]
    expected[2:4, 6:7] = TRUTH[2][2:4, 6:7]
    expected[4:5, 6:7] = TRUTH[2][4:5, 6:7]
    assert np.array_equal(store.label_map(2), expected)
    assert store.label_map(2).dtype == np.uint8
    store.label_map(0)[:] = 0
    assert np.array_equal(store.label_map(0), TRUTH[0])


def test_class_pixels_count_labeled_pixels_without_void(store: LabelStore) -> None:
    known = maps(store)
    assert store.class_pixels.tolist() == [int(np.sum(known == one)) for one in range(CLASSES)]
    assert store.class_pixels.sum() + np.sum(known == VOID) == store.spent
    first = [int(np.sum(TRUTH[0] == one)) for one in range(CLASSES)]
    assert store.class_pixels_of(0).tolist() == first
    assert np.array_equal(store.class_pixels_of(0) + store.class_pixels_of(1), store.class_pixels)
    assert store.class_pixels_of(7).tolist() == [0] * CLASSES
    store.class_pixels_of(0)[:] = 99
    assert store.class_pixels_of(0).tolist() == first


def test_open_labeled_and_missing_regions_say_what_is_known(store: LabelStore) -> None:
    known = np.zeros((3, 3, 3), bool)
    known[0] = known[2, 0, 0] = known[2, 1, 2] = known[2, 2, 2] = True
    assert np.array_equal(store.open_regions(GRID), ~known.reshape(3, 9))
    assert np.array_equal(store.labeled_regions(GRID), known.reshape(3, 9))
    refs = [cell(2, 2, 2), cell(1, 0, 0), cell(0, 1, 1), cell(2, 0, 1)]
    assert store.missing(refs, GRID) == [cell(1, 0, 0), cell(2, 0, 1)]
    whole = whole_image(HEIGHT, WIDTH)
    everything = [RegionRef(image, 0) for image in range(3)]
    assert store.missing(everything, whole) == everything[1:]
    assert store.open_regions(whole).ravel().tolist() == [False, True, False]
    assert store.labeled_regions(whole).ravel().tolist() == [True, False, False]


def check_against_the_maps(store: LabelStore, regions: Regions) -> None:
    """Assert that what the store says of regions is what its label maps say."""
    open_regions, labeled = store.open_regions(regions), store.labeled_regions(regions)
    assert open_regions.shape == labeled.shape == (3, regions.max_regions)
    for image in range(3):
        known, ids = store.label_map(image) != UNLABELED, regions.id_map(image)
        for region in range(regions.max_regions):
            inside = known[ids == region]
            assert open_regions[image, region] == (inside.size > 0 and not inside.any())
            assert labeled[image, region] == (inside.size > 0 and inside.all())
            if inside.size:
                missing = store.missing([RegionRef(image, region)], regions)
                assert bool(missing) == (not inside.all())


def test_regions_of_another_grid_or_partition_are_open_where_no_pixel_is_known(
    store: LabelStore,
) -> None:
    for cell_height in range(1, HEIGHT + 1):
        for cell_width in range(1, WIDTH + 1):
            check_against_the_maps(store, region_grid(HEIGHT, WIDTH, cell_height, cell_width))
    check_against_the_maps(store, IRREGULAR)


@settings(max_examples=30, deadline=None)
@given(partitions(3, HEIGHT, WIDTH), partitions(3, HEIGHT, WIDTH), st.data())
def test_regions_of_another_partition_are_open_where_no_pixel_is_known(
    one: Partition, other: Partition, data: st.DataObject
) -> None:
    known = [ref for ref in all_regions(one) if data.draw(st.booleans())]
    with tempfile.TemporaryDirectory() as name:
        store = opened(Path(name))
        store.record(answers(known, one, 0), one)
        for regions in (one, other, GRID):
            check_against_the_maps(store, regions)


def test_integers_of_numpy_are_understood_and_written_as_plain_ones(tmp_path: Path) -> None:
    store = opened(tmp_path)
    region = RegionRef(*np.array([1, 8]))
    labels = np.array([[VOID]], np.int64)
    store.record([Annotation(region, labels, "me", 3)], GRID)
    assert store.label_map(1)[4, 6] == VOID
    assert store.missing([region], GRID) == []
    assert np.array_equal(maps(opened(tmp_path)), maps(store))


CELL = np.zeros((2, 3), np.uint8)


@pytest.mark.parametrize(
    "annotation, message",
    [
        (Annotation(RegionRef(1, 0), CELL.T, "me", 2), r"shape \(3, 2\).*shape \(2, 3\)"),
        (Annotation(RegionRef(1, 0), CELL.astype(float), "me", 2), "float64"),
        (Annotation(RegionRef(1, 0), CELL + np.uint8(4), "me", 2), "b, cell.* 4 is no id"),
        (Annotation(RegionRef(1, 0), CELL + np.uint8(UNLABELED), "me", 2), "254 is no id"),
        (Annotation(RegionRef(1, 0), CELL.astype(int) + 256, "me", 2), "256 is no id"),
        (Annotation(RegionRef(1, 0), CELL.astype(int) - 1, "me", 2), "-1 is no id"),
        (Annotation(RegionRef(1, 9), CELL, "me", 2), "no region 9 in image b: use 0 to 8"),
        (Annotation(RegionRef(1, -1), CELL, "me", 2), "no region -1 in image b: use 0 to 8"),
        (Annotation(RegionRef(3, 0), CELL, "me", 2), "no image 3"),
        (Annotation(RegionRef(-1, 0), CELL, "me", 2), "no image -1"),
        (Annotation(RegionRef(1, 0), CELL, "me", -1), "cycle is -1"),
        (Annotation(RegionRef(2, 0), CELL, "me", 2), "ü, cell .0, 0.: .* already known"),
        (Annotation(RegionRef(0, 0), CELL, "me", 2), "already known"),
        (Annotation(RegionRef(1, 3), CELL, "me", 2), "already known"),
    ],
)
def test_a_wrong_answer_is_refused_and_nothing_is_written(
    store: LabelStore, tmp_path: Path, annotation: Annotation, message: str
) -> None:
    files_before, maps_before = files(tmp_path), maps(store)
    sound = Annotation(RegionRef(1, 3), CELL, "me", 2)
    with pytest.raises(InputError, match=message) as refused:
        store.record([sound, annotation], GRID)
    assert "\n" not in str(refused.value)
    assert files(tmp_path) == files_before
    assert np.array_equal(maps(store), maps_before)
    store.check_valid()


def test_regions_of_another_size_and_impossible_pools_are_refused(
    store: LabelStore, tmp_path: Path
) -> None:
    other = region_grid(WIDTH, HEIGHT, 2, 2)
    for use in (lambda: store.record([], other), lambda: store.open_regions(other)):
        with pytest.raises(InputError, match="7 x 5 pixels do not fit labels of 5 x 7"):
            use()
    with pytest.raises(InputError, match="no image -1"):
        store.label_map(-1)
    with pytest.raises(InputError, match="255 classes"):
        LabelStore.open(tmp_path, names=NAMES, height=5, width=7, num_classes=255)
    with pytest.raises(InputError, match="of 0 images"):
        LabelStore.open(tmp_path, names=(), height=5, width=7, num_classes=3)


def test_images_of_which_nothing_is_known_need_no_memory_but_their_names(tmp_path: Path) -> None:
    names = tuple(f"{image:07d}" for image in range(300_000))
    cells = [RegionRef(299_999, 4), RegionRef(7, 2), RegionRef(7, 3)]
    pool = POOL._replace(names=names, read_truth=lambda image: TRUTH[image % len(TRUTH)])
    tracemalloc.start()
    store = LabelStore.open(tmp_path, names=names, height=HEIGHT, width=WIDTH, num_classes=CLASSES)
    for parcel in oracle(pool).answers(cells, GRID, 0):
        store.record(parcel, GRID)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 1_000_000  # an empty list for each image would need 16 MB
    assert store.known_pixels[[7, 299_999]].tolist() == [8, 6]
    assert store.known_pixels.sum() == store.spent == 14
    assert np.argwhere(~store.open_regions(GRID)).tolist() == [[7, 2], [7, 3], [299_999, 4]]
    assert np.argwhere(store.labeled_regions(GRID)).tolist() == [[7, 2], [7, 3], [299_999, 4]]
    assert store.missing([RegionRef(8, 0), cells[1]], GRID) == [RegionRef(8, 0)]
