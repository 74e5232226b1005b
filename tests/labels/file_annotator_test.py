"""A person who answers through files: what is written for them, and what is read of theirs."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s4al_jax.files.resize import resize_ids, resize_image
from s4al_jax.labels.annotator import Annotator
from s4al_jax.labels.file_annotator import count_answers, file_annotator
from s4al_jax.labels.store import LabelStore
from s4al_jax.regions.grid import region_grid
from s4al_jax.types import UNLABELED, VOID, Annotation, DatasetSpec, ImageSet, InputError, RegionRef
from tests.support.small_datasets import pixels

SIZES = ((7, 9), (4, 6))
"""The original pictures: one larger than the working size of 4 x 6, one of it."""

GRID = region_grid(4, 6, 2, 4)
REFS = [RegionRef(0, 1), RegionRef(0, 2), RegionRef(1, 0)]
TRUTH = [np.random.default_rng(i).integers(0, 3, size, np.uint8) for i, size in enumerate(SIZES)]
PICTURES = [
    np.random.default_rng(9 + i).integers(0, 256, (*size, 3), np.uint8)
    for i, size in enumerate(SIZES)
]


def forbidden(index: int) -> np.ndarray:
    raise AssertionError("the truth of the pool was read")


@pytest.fixture
def spec() -> DatasetSpec:
    train = ImageSet(
        ("street/a", "b"),
        lambda index: resize_image(PICTURES[index], 4, 6),
        forbidden,
        lambda index: PICTURES[index],
        (False, False),
    )
    none = ImageSet((), forbidden, forbidden)
    palette = ((10, 0, 0), (0, 20, 0), (0, 0, 30))
    return DatasetSpec("two", ("earth", "tree", "sky"), palette, 4, 6, train, none, none)


@pytest.fixture
def annotator(spec: DatasetSpec, tmp_path: Path) -> Annotator:
    """One that has posted requests for cycle 1, with a network that predicts class 2."""
    made = file_annotator(spec, tmp_path, person="Ada")

    def guess(images: Sequence[int]) -> Iterator[np.ndarray]:
        assert images == [0, 1]
        yield from np.full((2, 4, 6), 2, np.uint8)

    made.post(REFS, GRID, 1, guess)
    return made


def requests(workdir: Path) -> list[dict]:
    return json.loads((workdir / "requests/01/requests.json").read_text())["requests"]


def save(workdir: Path, name: str, labels: np.ndarray) -> Path:
    path = workdir / "requests/01/answers" / f"{name}.png"
    Image.fromarray(labels.astype(np.uint8)).save(path)
    return path


def answer(workdir: Path, number: int) -> Path:
    """What a person who knows the truth would save for a request."""
    request = requests(workdir)[number]
    top, left, bottom, right = request["box"]
    truth = TRUTH[REFS[number].image][top:bottom, left:right]
    return save(workdir, request["name"], truth)


def collected(annotator: Annotator) -> list[Annotation]:
    return [annotation for parcel in annotator.answers(REFS, GRID, 1) for annotation in parcel]


def test_the_requests_say_all_that_a_person_needs(annotator: Annotator, tmp_path: Path) -> None:
    folder = tmp_path / "requests/01"
    content = json.loads((folder / "requests.json").read_text())
    assert (content["cycle"], content["unlabeled"], content["void"]) == (1, 254, 255)
    assert content["classes"][1] == {"id": 1, "name": "tree", "color": [0, 20, 0]}
    first, second, third = content["requests"]
    assert first["name"] == "00000_street__a_r00_c01"
    # columns 4 to 6 of 6 are 6 to 9 of 9; rows 0 to 2 of 4 touch 0 to 3.5, so 0 to 4, of 7
    assert first["box"] == [0, 6, 4, 9] and second["box"] == [3, 0, 7, 6]
    assert third["box"] == [0, 0, 2, 4] and third["image_size"] == [4, 6]
    assert np.array_equal(pixels(folder / first["image_file"]), PICTURES[0])
    assert np.array_equal(pixels(folder / first["crop_file"]), PICTURES[0][0:4, 6:9])
    guess = pixels(folder / first["guess_file"])
    assert guess.shape == (4, 3) and np.all(guess == 2)
    whole = pixels(folder / first["whole_file"])
    expected = np.full((7, 9), UNLABELED)
    expected[0:4, 6:9] = expected[3:7, 0:6] = 2
    assert np.array_equal(whole, expected)
    shown = pixels(folder / first["overlay_file"])
    assert np.array_equal(shown, (PICTURES[0][0:4, 6:9].astype(int) + (0, 0, 30)) // 2)
    text = (folder / "README.txt").read_text()
    assert "  1  tree" in text and "answers/NAME.png" in text


def test_requests_are_posted_once_and_without_a_guess_all_is_open(
    spec: DatasetSpec, annotator: Annotator, tmp_path: Path
) -> None:
    before = (tmp_path / "requests/01/requests.json").stat().st_mtime_ns
    annotator.post(REFS[:1], GRID, 1, None)
    assert (tmp_path / "requests/01/requests.json").stat().st_mtime_ns == before
    annotator.post(REFS, GRID, 2, None)
    folder = tmp_path / "requests/02"
    assert np.all(pixels(folder / requests(tmp_path)[0]["guess_file"]) == UNLABELED)


def test_answers_are_the_truth_and_learned_as_the_working_size_would_show_it(
    annotator: Annotator, tmp_path: Path
) -> None:
    assert collected(annotator) == []
    for number in range(3):
        os.utime(answer(tmp_path, number), (0, 86400 * 365))
    found = collected(annotator)
    assert [annotation.region for annotation in found] == REFS
    for annotation in found:
        assert (annotation.annotator, annotation.cycle) == ("Ada", 1)
        assert annotation.time == "1971-01-01T00:00:00Z"
    assert [annotation.size for annotation in found] == [(7, 9), (7, 9), (4, 6)]
    assert np.array_equal(found[0].labels, TRUTH[0][0:4, 6:9])
    store = LabelStore.open(
        tmp_path / "annotations", names=("street/a", "b"), height=4, width=6, num_classes=3
    )
    store.record(found, GRID)
    for image in range(2):
        small, known = resize_ids(TRUTH[image], 4, 6), store.label_map(image)
        inside = np.isin(GRID.id_map(image), [ref.region for ref in REFS if ref.image == image])
        assert np.array_equal(known, np.where(inside, small, UNLABELED))


def test_files_with_the_name_of_a_request_or_an_image_are_counted(
    annotator: Annotator, tmp_path: Path
) -> None:
    folder = tmp_path / "requests/01"
    assert count_answers(folder) == (0, 3)
    answer(tmp_path, 2)
    save(tmp_path, "no_request", np.zeros((2, 4)))
    assert count_answers(folder) == (1, 3)
    save(tmp_path, "00000_street__a", np.zeros((1, 1)))  # of two regions; nobody has looked yet
    assert count_answers(folder) == (3, 3)


def test_a_corrected_copy_of_the_whole_guess_answers_all_regions_of_an_image(
    annotator: Annotator, tmp_path: Path
) -> None:
    labels = np.where(
        pixels(tmp_path / "requests/01/whole/00000_street__a.png") == 2, TRUTH[0], 254
    )
    save(tmp_path, "00000_street__a", labels)
    assert [annotation.region for annotation in collected(annotator)] == REFS[:2]
    answer(tmp_path, 1)  # the same once more is no contradiction
    assert len(collected(annotator)) == 2


def test_what_is_still_254_is_not_answered_and_255_is_void(
    annotator: Annotator, tmp_path: Path
) -> None:
    shape = pixels(tmp_path / "requests/01" / requests(tmp_path)[2]["guess_file"]).shape
    labels = np.full(shape, VOID, np.uint8)
    save(tmp_path, requests(tmp_path)[2]["name"], labels)
    assert np.all(collected(annotator)[0].labels == VOID)
    labels[0, 0] = UNLABELED
    save(tmp_path, requests(tmp_path)[2]["name"], labels)
    assert collected(annotator) == []


def renumbered(workdir: Path, name: str) -> None:
    """As a program saves colors that it has counted itself: the first is what was class 2."""
    picture = Image.fromarray(np.zeros((2, 4), np.uint8), mode="P")
    picture.putpalette([0, 0, 30, 10, 0, 0, 0, 20, 0])
    picture.save(workdir / "requests/01/answers" / f"{name}.png")


def test_a_palette_of_one_s_own_says_nothing_against_the_numbers(
    annotator: Annotator, tmp_path: Path
) -> None:
    picture = Image.fromarray(TRUTH[1][:2, :4], mode="P")
    picture.putpalette([200, 200, 200, 210, 210, 210, 0, 0, 30])
    picture.save(tmp_path / "requests/01/answers" / "00001_b_r00_c00.png")
    assert np.array_equal(collected(annotator)[0].labels, TRUTH[1][:2, :4])


def test_a_name_is_the_same_however_its_accents_are_written(
    spec: DatasetSpec, tmp_path: Path
) -> None:
    composed, decomposed = "\u00fc", "u\u0308"
    train = spec.train._replace(names=("street/a", composed))
    made = file_annotator(spec._replace(train=train), tmp_path, person="Ada")
    made.post(REFS, GRID, 1, None)
    save(tmp_path, f"00001_{decomposed}_r00_c00", TRUTH[1][:2, :4])
    assert [annotation.region for annotation in collected(made)] == [REFS[2]]


def test_a_picture_that_was_another_one_when_it_was_posted_is_named(
    spec: DatasetSpec, annotator: Annotator, tmp_path: Path
) -> None:
    turned = spec.train._replace(read_original=lambda index: PICTURES[index].swapaxes(0, 1))
    made = file_annotator(spec._replace(train=turned), tmp_path, person="Ada")
    with pytest.raises(InputError, match="street/a has 9 x 7 pixels, and had 7 x 9 when its requ"):
        collected(made)


def test_a_damaged_list_of_requests_may_be_removed(annotator: Annotator, tmp_path: Path) -> None:
    path = tmp_path / "requests/01/requests.json"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    with pytest.raises(InputError, match="remove it, and it is written again"):
        collected(annotator)
    path.unlink()
    annotator.post(REFS, GRID, 1, lambda images: iter(np.full((2, 4, 6), 2, np.uint8)))
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "spoil, message",
    [
        (
            lambda run: save(run, "00001_b_r00_c00", np.zeros((3, 4))),
            "has 3 x 4 pixels, .* for 2 x 4",
        ),
        (
            lambda run: save(run, "00001_b_r00_c00", np.full((2, 4), 3)),
            "holds the id 3: use 0 to 2",
        ),
        (lambda run: save(run, "00001_c", np.zeros((2, 4))), "c.png has the name of no request"),
        (lambda run: save(run, "00001_b", np.zeros((4, 7))), "has 4 x 7 pixels, .* for 4 x 6"),
        (
            lambda run: (run / "requests/01/answers/00001_b_r00_c00.png").write_text("x"),
            "cannot be read",
        ),
        (
            lambda run: [answer(run, 2), save(run, "00001_b", 2 - TRUTH[1])],
            "00001_b.png and .*r00_c00.png answer 00001_b_r00_c00 differently",
        ),
        (
            lambda run: save(run, "00001_b_r00_c00", np.zeros((2, 4, 3))),
            "is of mode RGB, not a map of class ids",
        ),
        (
            lambda run: renumbered(run, "00001_b_r00_c00"),
            "shows the id 0 in the color of the id 2: the program .* renumbered",
        ),
        (
            lambda run: [save(run, "00001_b", np.zeros((4, 7))), save(run, "d", np.zeros((1, 1)))],
            "d.png has the name of no request in .*; .*00001_b.png has 4 x 7 pixels",
        ),
    ],
)
def test_a_wrong_answer_is_named_and_the_others_are_kept(
    spoil: Callable[[Path], object], message: str, annotator: Annotator, tmp_path: Path
) -> None:
    answer(tmp_path, 0)
    spoil(tmp_path)
    parcels = annotator.answers(REFS, GRID, 1)
    assert next(parcels)[0].region == REFS[0]
    with pytest.raises(InputError, match=message) as refused:
        list(parcels)
    assert "other answers are kept" in str(refused.value).lower() and "\n" not in str(refused.value)


def test_the_reminder_names_what_is_missing_and_where(annotator: Annotator, tmp_path: Path) -> None:
    said = annotator.reminder(REFS[1:], GRID, 1)
    assert said.startswith(f"2 regions wait for an answer in {tmp_path}/requests/01 (00000_street")
    assert "--accept_partial" in said
