"""The simulated annotator: exact answers, one parcel an image, in a fixed order."""

import numpy as np
import pytest

from s4al_jax.pool.oracle import simulated
from s4al_jax.pool.regions import region_grid, whole_image
from s4al_jax.types import InputError, RegionRef

TRUTH = np.arange(3 * 5 * 7, dtype=np.uint8).reshape(3, 5, 7)


def test_answers_come_in_one_parcel_an_image_sorted_whatever_the_order_of_asking() -> None:
    grid = region_grid(5, 7, 2, 3)
    regions = [RegionRef(2, 1, 0), RegionRef(0, 2, 2), RegionRef(2, 0, 1), RegionRef(0, 0, 0)]
    parcels = list(simulated(lambda image: TRUTH[image]).answers(regions, grid, 4))
    refs = [[answer.region for answer in parcel] for parcel in parcels]
    assert refs == [
        [RegionRef(0, 0, 0), RegionRef(0, 2, 2)],
        [RegionRef(2, 0, 1), RegionRef(2, 1, 0)],
    ]
    for answer in parcels[0] + parcels[1]:
        box = grid.box(answer.region.row, answer.region.col)
        assert np.array_equal(answer.labels, TRUTH[answer.region.image][box.slices])
        assert (answer.annotator, answer.cycle) == ("simulated", 4)


def test_the_truth_is_read_once_an_image_and_only_when_its_parcel_is_taken() -> None:
    read = []

    def read_truth(image: int) -> np.ndarray:
        read.append(image)
        return TRUTH[image]

    grid = region_grid(5, 7, 2, 3)
    regions = [RegionRef(np.int64(image), 0, col) for image in (1, 0) for col in (0, 1)]
    parcels = simulated(read_truth).answers(regions, grid, 0)
    assert read == []
    next(parcels)
    assert read == [0]
    next(parcels)
    assert read == [0, 1]
    assert list(simulated(read_truth).answers([], grid, 0)) == []


def test_an_answer_is_a_copy_and_a_truth_of_another_size_is_refused() -> None:
    truth = TRUTH.copy()
    ask = simulated(lambda image: truth[image]).answers
    ((answer,),) = ask([RegionRef(0, 0, 0)], whole_image(5, 7), 0)
    answer.labels[:] = 0
    assert np.array_equal(truth, TRUTH)
    with pytest.raises(InputError, match=r"image 1 .*\(5, 7\).* 4 x 7"):
        next(ask([RegionRef(1, 0, 0)], whole_image(4, 7), 0))
