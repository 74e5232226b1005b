"""The annotator that knows the truth: exact answers, whole images at a time, in a fixed order."""

from collections.abc import Callable

import numpy as np
import pytest

from s4al_jax.labels.oracle import oracle
from s4al_jax.regions.grid import region_grid, whole_image
from s4al_jax.types import ImageSet, InputError, RegionRef

TRUTH = np.arange(3 * 5 * 7, dtype=np.uint8).reshape(3, 5, 7)


def pool(
    read_truth: Callable[[int], np.ndarray], whole: Callable[[int], np.ndarray] | None = None
) -> ImageSet:
    return ImageSet(
        ("a", "b", "c"), lambda image: np.zeros((1, 1, 3)), read_truth, read_original_truth=whole
    )


def test_answers_come_in_parcels_of_images_sorted_whatever_the_order_of_the_regions() -> None:
    grid = region_grid(5, 7, 2, 3)
    regions = [RegionRef(2, 3), RegionRef(0, 8), RegionRef(2, 1), RegionRef(0, 0)]
    one = oracle(pool(lambda image: TRUTH[image]), parcel_pixels=1)
    parcels = list(one.answers(regions, grid, 4))
    refs = [[answer.region for answer in parcel] for parcel in parcels]
    assert refs == [
        [RegionRef(0, 0), RegionRef(0, 8)],
        [RegionRef(2, 1), RegionRef(2, 3)],
    ]
    for answer in parcels[0] + parcels[1]:
        box = grid.box(answer.region)
        assert np.array_equal(answer.labels, TRUTH[answer.region.image][box.slices])
        assert (answer.annotator, answer.cycle) == ("simulated", 4)


def test_the_truth_is_read_once_an_image_and_only_when_its_parcel_is_taken() -> None:
    read = []

    def read_truth(image: int) -> np.ndarray:
        read.append(image)
        return TRUTH[image]

    grid = region_grid(5, 7, 2, 3)
    regions = [RegionRef(np.int64(image), col) for image in (1, 0) for col in (0, 1)]
    parcels = oracle(pool(read_truth), parcel_pixels=1).answers(regions, grid, 0)
    assert read == []
    next(parcels)
    assert read == [0]
    next(parcels)
    assert read == [0, 1]
    assert list(oracle(pool(read_truth)).answers([], grid, 0)) == []


def test_a_parcel_is_full_with_the_image_that_has_its_last_pixels() -> None:
    grid = region_grid(5, 7, 2, 3)  # cells of six pixels, but at the edges
    regions = [RegionRef(image, col) for image in (0, 1, 2) for col in (0, 1)]
    ask = oracle(pool(lambda image: TRUTH[image]), parcel_pixels=13).answers
    assert [len(parcel) for parcel in ask(regions, grid, 0)] == [4, 2]
    ask = oracle(pool(lambda image: TRUTH[image])).answers
    assert [len(parcel) for parcel in ask(regions, grid, 0)] == [6]
    # What is kept at its own size weighs as much: each answer has the truth of two cells.
    twice = np.zeros((10, 7), np.uint8)
    known = pool(lambda image: twice[::2], lambda image: twice)
    ask = oracle(known, parcel_pixels=24).answers
    assert [len(parcel) for parcel in ask(regions, grid, 0)] == [2, 2, 2]


def test_an_answer_is_a_copy_and_a_truth_of_another_size_is_refused() -> None:
    truth = TRUTH.copy()
    ask = oracle(pool(lambda image: truth[image])).answers
    ((answer,),) = ask([RegionRef(0, 0)], whole_image(5, 7), 0)
    answer.labels[:] = 0
    assert np.array_equal(truth, TRUTH)
    with pytest.raises(InputError, match=r"image 1 .*\(5, 7\).* 4 x 7"):
        next(ask([RegionRef(1, 0)], whole_image(4, 7), 0))


def test_a_truth_of_another_size_is_given_as_it_is() -> None:
    whole = np.arange(70, dtype=np.uint8).reshape(10, 7)  # the rows twice as fine
    known = pool(lambda image: whole[1::2], lambda image: whole)
    ((answer,),) = oracle(known).answers([RegionRef(0, 4)], region_grid(5, 7, 2, 3), 0)
    assert answer.size == (10, 7)
    assert np.array_equal(answer.labels, whole[4:8, 3:6])
    same = pool(lambda image: TRUTH[image], lambda image: TRUTH[image])
    ((answer,),) = oracle(same).answers([RegionRef(0, 4)], region_grid(5, 7, 2, 3), 0)
    assert answer.size is None and np.array_equal(answer.labels, TRUTH[0][2:4, 3:6])
