"""Regions of any shape as requests to a person, and in what is exported."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s4al_jax.files.resize import resize_ids, resize_image
from s4al_jax.labels.annotator import Annotator
from s4al_jax.labels.export import export_labels, known_labels, read_answers
from s4al_jax.labels.file_annotator import file_annotator
from s4al_jax.labels.original import locate
from s4al_jax.labels.store import LabelStore
from s4al_jax.types import UNLABELED, VOID, Annotation, DatasetSpec, ImageSet, InputError, RegionRef
from tests.support.partition import IRREGULAR
from tests.support.small_datasets import pixels
from tests.support.small_store import HEIGHT, NAMES, WIDTH, all_regions

SIZES = ((10, 15), (3, 4), (HEIGHT, WIDTH))
"""The original pictures: a larger one, a smaller one, and one of the working size."""

TRUTHS = [np.random.default_rng(i).integers(0, 3, size, np.uint8) for i, size in enumerate(SIZES)]
PICTURES = [
    np.random.default_rng(9 + i).integers(0, 256, (*size, 3), np.uint8)
    for i, size in enumerate(SIZES)
]
RING, RECTANGLE = RegionRef(0, 0), RegionRef(0, 3)
REFS = [RING, RECTANGLE, RegionRef(1, 0), RegionRef(2, 2)]


def forbidden(index: int) -> np.ndarray:
    raise AssertionError("the truth of the pool was read")


@pytest.fixture
def spec() -> DatasetSpec:
    train = ImageSet(
        NAMES,
        lambda index: resize_image(PICTURES[index], HEIGHT, WIDTH),
        forbidden,
        lambda index: PICTURES[index],
        (False, False, False),
    )
    none = ImageSet((), forbidden, forbidden)
    palette = ((10, 0, 0), (0, 20, 0), (0, 0, 30))
    classes = ("earth", "tree", "sky")
    return DatasetSpec("three", classes, palette, HEIGHT, WIDTH, train, none, none)


@pytest.fixture
def annotator(spec: DatasetSpec, tmp_path: Path) -> Annotator:
    """One with requests for cycle 1, and a network that predicts class 2."""
    made = file_annotator(spec, tmp_path, person="Ada")

    def guess(images: Sequence[int]) -> Iterator[np.ndarray]:
        yield from np.full((len(images), HEIGHT, WIDTH), 2, np.uint8)

    made.post(REFS, IRREGULAR, 1, guess)
    return made


def entries(workdir: Path) -> list[dict]:
    return json.loads((workdir / "requests/01/requests.json").read_text())["requests"]


def save(workdir: Path, name: str, labels: np.ndarray) -> None:
    path = workdir / "requests/01/answers" / f"{name}.png"
    Image.fromarray(labels.astype(np.uint8)).save(path)


def collected(annotator: Annotator) -> list[Annotation]:
    return [answer for parcel in annotator.answers(REFS, IRREGULAR, 1) for answer in parcel]


def crop_of_truth(ref: RegionRef) -> np.ndarray:
    """The truth as large as a request's crop, in all of its box."""
    box, _ = locate(IRREGULAR, ref, SIZES[ref.image])
    return TRUTHS[ref.image][box.slices].copy()


def test_the_pictures_of_a_request_show_the_region_inside_its_box(
    annotator: Annotator, tmp_path: Path
) -> None:
    folder = tmp_path / "requests/01"
    ring, rectangle, whole, _ = entries(tmp_path)
    assert [ring["name"], rectangle["name"]] == ["00000_a_s000", "00000_a_s003"]
    # rows 0 to 3 of 5 are 0 to 6 of 10; columns 0 to 3 of 7 touch 0 to 6.4 of 15
    assert ring["box"] == [0, 0, 6, 7] and ring["image_size"] == [10, 15]
    assert ring["mask_file"] == "masks/00000_a_s000.png"
    assert "mask_file" not in rectangle and "mask_file" not in whole
    box, mask = locate(IRREGULAR, RING, (10, 15))
    # The center of the last column lies in the next region.
    assert mask.sum() == 6 * 6 - 2 * 2 and not mask[:, 6].any() and not mask[2:4, 2:4].any()
    assert np.array_equal(pixels(folder / ring["mask_file"]), np.where(mask, 255, 0))
    picture = PICTURES[0][box.slices]
    crop = pixels(folder / ring["crop_file"])
    assert np.array_equal(crop, np.where(mask[..., None], picture, picture // 4))
    assert np.array_equal(pixels(folder / ring["guess_file"]), np.where(mask, 2, UNLABELED))
    shown = pixels(folder / ring["overlay_file"])
    mixed = (picture.astype(int) + (0, 0, 30)) // 2
    assert np.array_equal(shown, np.where(mask[..., None], mixed, picture // 4))
    expected = np.full((10, 15), UNLABELED)
    expected[box.slices][mask] = expected[0:4, 10:15] = 2
    assert np.array_equal(pixels(folder / ring["whole_file"]), expected)
    assert np.array_equal(pixels(folder / ring["image_file"]), PICTURES[0])
    assert "black in\nmasks/" in (folder / "README.txt").read_text()


def test_without_masks_the_instructions_do_not_speak_of_them(
    spec: DatasetSpec, tmp_path: Path
) -> None:
    made = file_annotator(spec, tmp_path)
    made.post([RECTANGLE], IRREGULAR, 1, None)
    assert "masks/" not in (tmp_path / "requests/01/README.txt").read_text()
    assert not (tmp_path / "requests/01/masks").exists()


def test_an_answer_as_large_as_the_crop_counts_inside_of_the_mask_alone(
    annotator: Annotator, tmp_path: Path
) -> None:
    assert collected(annotator) == []
    labels = crop_of_truth(RING)
    mask = locate(IRREGULAR, RING, SIZES[0])[1]
    expected = np.where(mask, labels, UNLABELED)
    for outside in (0, 77, UNLABELED, VOID):  # 77 is no class, and nobody looks at it
        labels[~mask] = outside
        save(tmp_path, "00000_a_s000", labels)
        (answer,) = collected(annotator)
        assert answer.region == RING and answer.size == SIZES[0]
        assert np.array_equal(answer.labels, expected)
    first = tuple(np.argwhere(mask)[0])
    labels[first] = UNLABELED
    save(tmp_path, "00000_a_s000", labels)
    assert collected(annotator) == []
    labels[first] = 77
    save(tmp_path, "00000_a_s000", labels)
    with pytest.raises(InputError, match="s000.png holds the id 77: use 0 to 2"):
        collected(annotator)


def test_a_picture_of_a_whole_image_answers_its_regions(
    annotator: Annotator, tmp_path: Path
) -> None:
    guess = pixels(tmp_path / "requests/01/whole/00000_a.png")
    save(tmp_path, "00000_a", np.where(guess == 2, TRUTHS[0], 254))
    assert [answer.region for answer in collected(annotator)] == [RING, RECTANGLE]
    labels = crop_of_truth(RING)
    mask = locate(IRREGULAR, RING, SIZES[0])[1]
    labels[~mask] = 1
    save(tmp_path, "00000_a_s000", labels)  # the same in the region: no contradiction
    assert len(collected(annotator)) == 2
    labels[mask] = 2 - labels[mask]
    save(tmp_path, "00000_a_s000", labels)
    with pytest.raises(InputError, match="a.png and .*s000.png answer 00000_a_s000 differently"):
        collected(annotator)


def annotate(spec: DatasetSpec, workdir: Path, refs: Sequence[RegionRef]) -> LabelStore:
    """A person who knows the truth answers requests, which are then recorded."""
    made = file_annotator(spec, workdir, person="Ada")
    made.post(refs, IRREGULAR, 1, None)
    for ref, entry in zip(refs, entries(workdir), strict=True):
        save(workdir, entry["name"], crop_of_truth(ref))
    store = LabelStore.open(
        workdir / "annotations", names=NAMES, height=HEIGHT, width=WIDTH, num_classes=3
    )
    for parcel in made.answers(refs, IRREGULAR, 1):
        store.record(parcel, IRREGULAR)
    return store


def test_a_person_who_knows_the_truth_is_an_oracle(spec: DatasetSpec, tmp_path: Path) -> None:
    refs = all_regions(IRREGULAR)
    store = annotate(spec, tmp_path, refs)
    assert store.missing(refs, IRREGULAR) == []
    for image, truth in enumerate(TRUTHS):
        assert np.array_equal(store.label_map(image), resize_ids(truth, HEIGHT, WIDTH))
    again = file_annotator(spec, tmp_path, person="Ada").answers(refs, IRREGULAR, 1)
    assert all(store.agrees(answer, IRREGULAR) for parcel in again for answer in parcel)


def test_an_export_holds_what_was_answered_in_the_pixels_it_was_answered_in(
    spec: DatasetSpec, tmp_path: Path
) -> None:
    store = annotate(spec, tmp_path, REFS)
    answers = read_answers(tmp_path / "annotations", spec)
    out = tmp_path / "labels"
    export_labels(out, spec, answers, original=True, progress=lambda *done: None)
    for image, size in enumerate(SIZES):
        expected = np.full(size, VOID)
        for ref in (ref for ref in REFS if ref.image == image):
            box, mask = locate(IRREGULAR, ref, size)
            inside = np.ones(box.shape, bool) if mask is None else mask
            expected[box.slices][inside] = crop_of_truth(ref)[inside]
        assert np.array_equal(pixels(out / f"masks/{NAMES[image]}.png"), expected)
    content = json.loads((out / "coco.json").read_text())
    ring = np.sum(locate(IRREGULAR, RING, SIZES[0])[1])
    areas = [0, 0, 0]
    for entry in content["annotations"]:
        areas[entry["image_id"] - 1] += entry["area"]
    assert areas == [ring + 4 * 5, 3 * 4, 11]
    for of_image in answers:
        image = of_image[0].region.image
        working = known_labels(of_image, (HEIGHT, WIDTH), (HEIGHT, WIDTH))
        assert np.array_equal(working, store.label_map(image))


def test_all_regions_of_an_image_make_the_label_map_of_its_picture(
    spec: DatasetSpec, tmp_path: Path
) -> None:
    annotate(spec, tmp_path, all_regions(IRREGULAR))
    for of_image in read_answers(tmp_path / "annotations", spec):
        image = of_image[0].region.image
        for some in (of_image, of_image[::-1]):
            found = known_labels(some, (HEIGHT, WIDTH), SIZES[image])
            assert np.array_equal(found, TRUTHS[image])


def test_in_original_pixels_a_region_labeled_at_the_working_size_is_its_nearest_pixels(
    tmp_path: Path, spec: DatasetSpec
) -> None:
    store = LabelStore.open(
        tmp_path / "annotations", names=NAMES, height=HEIGHT, width=WIDTH, num_classes=3
    )
    box, mask = locate(IRREGULAR, RING)
    given = np.where(mask, np.arange(9, dtype=np.uint8).reshape(3, 3) % 3, np.uint8(UNLABELED))
    store.record([Annotation(RING, given, "given", 0)], IRREGULAR)
    (of_image,) = read_answers(tmp_path / "annotations", spec)
    found = known_labels(of_image, (HEIGHT, WIDTH), (10, 14))
    expected = np.full((10, 14), UNLABELED)
    expected[0:6, 0:6] = given.repeat(2, axis=0).repeat(2, axis=1)
    assert np.array_equal(found, expected)
