"""Reading a dataset once, before any training."""

from collections.abc import Callable

import numpy as np
import pytest

from s4al_jax.files.stray_values import ClassListError, StrayValues, UnlistedValues
from s4al_jax.survey.validate import Survey, check, survey
from s4al_jax.types import VOID, DatasetSpec, ImageSet, InputError

HEIGHT, WIDTH = 3, 4


def spec_of(pictures: dict[str, np.ndarray], truths: dict[str, np.ndarray]) -> DatasetSpec:
    """Three splits of two images; a name such as "val/1" replaces what is read there."""

    def split(name: str, base: int) -> ImageSet:
        def read_image(index: int) -> np.ndarray:
            plain = np.full((HEIGHT, WIDTH, 3), base + index, np.uint8)
            return pictures.get(f"{name}/{index}", plain)

        def read_truth(index: int) -> np.ndarray:
            return truths.get(f"{name}/{index}", np.array([[0, 1, 2, VOID]] * HEIGHT, np.uint8))

        return ImageSet((f"{name}0", f"{name}1"), read_image, read_truth)

    sets = (split("train", 0), split("val", 10), split("test", 20))
    palette = ((0, 0, 0), (1, 1, 1), (2, 2, 2))
    return DatasetSpec("small", ("a", "b", "c"), palette, HEIGHT, WIDTH, *sets)


def test_a_sound_dataset_passes_and_progress_counts_every_image() -> None:
    seen: list[tuple[int, int]] = []
    check(spec_of({}, {}), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 6) for done in range(1, 7)]
    check(spec_of({}, {}))
    repeated = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    check(spec_of({"train/1": repeated}, {}))


@pytest.mark.parametrize(
    "picture, message",
    [
        (np.zeros((HEIGHT, WIDTH, 3), np.float32), "val/val1 is float32"),
        (np.zeros((WIDTH, HEIGHT, 3), np.uint8), r"val/val1 is uint8 of shape \(4, 3, 3\)"),
        (np.zeros((HEIGHT, WIDTH), np.uint8), r"val/val1 .* \(3, 4\) instead of"),
        (np.full((HEIGHT, WIDTH, 3), 1, np.uint8), "train/train1 and val/val1 are the same"),
    ],
)
def test_a_wrong_picture_is_named(picture: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check(spec_of({"val/1": picture}, {}))


@pytest.mark.parametrize(
    "truth, message",
    [
        (np.zeros((HEIGHT, WIDTH), np.int64), "truth of test/test0 is int64"),
        (np.zeros((HEIGHT, WIDTH + 1), np.uint8), "truth of test/test0 is uint8 of shape"),
        (np.full((HEIGHT, WIDTH), 3, np.uint8), "truth of test/test0 holds the id 3"),
        (np.full((HEIGHT, WIDTH), 254, np.uint8), "truth of test/test0 holds the id 254"),
    ],
)
def test_a_wrong_truth_is_named(truth: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check(spec_of({}, {"test/0": truth}))


def test_what_a_reader_refuses_comes_through() -> None:
    def broken(index: int) -> np.ndarray:
        raise InputError(f"file {index} cannot be read")

    def with_reader(read_image: Callable[[int], np.ndarray]) -> DatasetSpec:
        spec = spec_of({}, {})
        return spec._replace(val=spec.val._replace(read_image=read_image))

    with pytest.raises(InputError, match="file 0 cannot be read"):
        check(with_reader(broken))


def test_an_error_says_by_its_kind_whether_another_class_list_would_help() -> None:
    """And not by words: a folder may be called as the file is."""

    def found(error: InputError) -> Survey:
        def broken(index: int) -> np.ndarray:
            raise error

        spec = spec_of({}, {})
        return survey(spec._replace(val=spec.val._replace(read_truth=broken)))

    assert not found(InputError("old/classes.json/a.png cannot be read")).needs_class_list
    assert found(ClassListError("a.png is a color picture")).needs_class_list
    strange = {"message": "a.png holds 9", "file": "a.png", "found": {9: 1}, "pixels": 4}
    assert not found(StrayValues(**strange, known={0: 0})).needs_class_list
    assert found(UnlistedValues(**strange, known={0: 0})).needs_class_list
    black_and_white = np.array([[0, VOID] * (WIDTH // 2)] * HEIGHT, np.uint8)
    masks = {f"{name}/{i}": black_and_white for name in ("train", "val", "test") for i in (0, 1)}
    assert survey(spec_of({}, masks)).needs_class_list
