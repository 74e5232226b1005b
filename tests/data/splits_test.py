"""The first labeled images, and pictures that stand in two splits."""

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s4al_jax.data.splits import (
    content_overlaps,
    image_digest,
    initial_images,
    overlap_message,
    splits_record,
)
from s4al_jax.types import DatasetSpec, ImageSet, InputError


@given(st.integers(1, 400), st.floats(0.001, 1), st.integers(0, 2**32 - 1))
def test_the_draw_is_sorted_of_the_right_size_and_decided_by_the_seed(
    count: int, share: float, seed: int
) -> None:
    drawn = initial_images(count, share, seed)
    assert len(drawn) == max(1, round(count * share))
    assert list(drawn) == sorted(set(drawn))
    assert 0 <= drawn[0] and drawn[-1] < count
    assert drawn == initial_images(count, share, seed)
    assert set(drawn) <= set(initial_images(count, min(1.0, 2 * share), seed))


def test_a_tenth_of_camvid_is_37_images_and_there_is_always_one() -> None:
    assert len(initial_images(367, 0.1, 0)) == 37
    assert initial_images(5, 1.0, 3) == (0, 1, 2, 3, 4)
    assert len(initial_images(5, 0.001, 3)) == 1
    assert all(type(image) is int for image in initial_images(367, 0.1, 0))


def test_every_image_is_drawn_equally_often() -> None:
    drawn = Counter(image for seed in range(3000) for image in initial_images(10, 0.3, seed))
    assert sum(drawn.values()) == 9000
    assert set(drawn) == set(range(10))
    # 900 expected, standard deviation 25
    assert all(775 < times < 1025 for times in drawn.values())


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01, float("nan")])
def test_a_share_outside_0_to_1_is_refused_by_its_value(share: float) -> None:
    with pytest.raises(InputError, match=f"{share}"):
        initial_images(10, share, 0)


def test_an_empty_pool_and_a_negative_seed_are_refused() -> None:
    with pytest.raises(InputError, match="pool of 0 images"):
        initial_images(0, 0.1, 0)
    with pytest.raises(InputError, match="seed is -1"):
        initial_images(10, 0.1, -1)


def test_a_digest_tells_pixels_and_shape_apart() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    other = image.copy()
    other[0, 0, 0] += 1
    assert image_digest(image) == image_digest(image.copy())
    assert image_digest(image) != image_digest(other)
    assert image_digest(image) != image_digest(image.reshape(4, 2, 3))
    strided = np.concatenate([image, image], axis=1)[:, :4]
    assert image_digest(strided) == image_digest(image)


def test_the_same_picture_in_two_splits_is_refused_with_both_names() -> None:
    names = {"train": ["a", "b"], "val": ["c"], "test": ["d", "e"]}
    digests = {"train": ["1", "2"], "val": ["3"], "test": ["4", "2"]}
    assert content_overlaps(digests) == [(("train", 1), ("test", 1))]
    message = overlap_message(names, content_overlaps(digests))
    assert message.startswith("train/b and test/e are the same picture (1 such pairs)")


def test_a_picture_may_repeat_inside_one_split() -> None:
    digests = {"train": ["1", "1"], "val": ["2", "2"]}
    assert content_overlaps(digests) == []
    assert len(content_overlaps({"train": ["1", "1"], "val": ["1"], "test": ["1"]})) == 2


def test_the_record_of_the_splits_is_json_of_names() -> None:
    def split(*names: str) -> ImageSet:
        return ImageSet(names, lambda index: np.zeros((1, 1, 3)), lambda index: np.zeros((1, 1)))

    spec = DatasetSpec(
        "small", ("x",), ((0, 0, 0),), 1, 1, split("a", "b", "c"), split("d"), split("e")
    )
    record = splits_record(spec, (0, 2))
    assert json.loads(json.dumps(record)) == record
    assert record == {
        "dataset": "small",
        "classes": ["x"],
        "train": ["a", "b", "c"],
        "val": ["d"],
        "test": ["e"],
        "initial": ["a", "c"],
    }
