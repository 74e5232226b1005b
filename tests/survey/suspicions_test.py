"""Masks that are wrong are suspected, masks that are right are not: on drawn streets, whose masks
are exact, and on CamVid."""

import os
from collections.abc import Sequence

import numpy as np
import pytest

from s4al_jax.data.camvid import camvid
from s4al_jax.streets.dataset import scene
from s4al_jax.streets.place import CLASSES
from s4al_jax.survey.class_fit import exchanged_classes, lacking_classes
from s4al_jax.survey.sketches import Sketch, sketch
from s4al_jax.survey.suspicions import Suspicion, suspicions

Scene = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [
        scene(height=96, width=128, rng=np.random.default_rng((3, index))) for index in range(30)
    ]


def sketches(scenes: Sequence[Scene], **masks: np.ndarray) -> list[Sketch]:
    """Of all scenes; `m3` is another mask for scene 3."""
    return [
        sketch(f"train/{index}", image, masks.get(f"m{index}", truth), len(CLASSES))
        for index, (image, truth) in enumerate(scenes)
    ]


def looked_at(scenes: Sequence[Scene], **masks: np.ndarray) -> tuple[Suspicion, ...]:
    return suspicions(sketches(scenes, **masks), CLASSES)


def test_masks_that_are_right_are_not_suspected(scenes: list[Scene]) -> None:
    assert looked_at(scenes) == ()
    assert looked_at(scenes[:3]) == () == looked_at([])


def test_a_mask_with_other_numbers_is_named_and_what_they_look_like(scenes: list[Scene]) -> None:
    order = np.arange(256, dtype=np.uint8)
    order[:11] = np.roll(np.arange(11), 3)
    (one,) = looked_at(scenes, m5=order[scenes[5][1]])
    assert one.label == "train/5"
    meant = {CLASSES[order[index]]: CLASSES[index] for index in range(11)}
    said = one.text.partition("(")[2].partition(")")[0].split(", ")
    assert len(said) == 3
    right = [f"{called!r} looks like {name!r}" for called, name in meant.items()]
    assert any(line in right for line in said), said
    assert said[0] in one.title


def test_a_mask_that_lies_beside_its_image_is_named_with_the_way_back(scenes: list[Scene]) -> None:
    moved = np.roll(scenes[7][1], (4, -3), (0, 1))
    (one,) = looked_at(scenes, m7=moved)
    assert one.label == "train/7"
    assert "better when moved 4 pixels up and 3 pixels right (of 96 x 128)" in one.text


def test_the_same_shift_of_all_masks_is_one_line(scenes: list[Scene]) -> None:
    moved = {f"m{i}": np.roll(truth, 2, 1) for i, (_, truth) in enumerate(scenes)}
    (one,) = looked_at(scenes, **moved)
    assert (
        one.label == "" and "all masks fit their images better when moved 2 pixels left" in one.text
    )


def test_a_mask_of_the_image_beside_is_named_with_that_image(scenes: list[Scene]) -> None:
    mixed_up = looked_at(scenes, m11=scenes[12][1], m12=scenes[11][1])
    assert {one.label: one.title for one in mixed_up} == {
        "train/11": "fits train/12 better",
        "train/12": "fits train/11 better",
    }


def test_masks_that_are_numbered_from_another_start_are_one_line_first(scenes: list[Scene]) -> None:
    masks = {f"m{i}": scenes[i - 1][1] for i in range(1, len(scenes))}
    first, *others = looked_at(scenes, **masks)
    assert first.label == "" and "fit the image 1 before theirs" in first.text
    assert len(others) >= 0.8 * len(masks)


def test_a_mask_of_an_image_far_away_is_named(scenes: list[Scene]) -> None:
    (one,) = looked_at(scenes, m2=scenes[20][1])
    assert one.label == "train/2" and "see whether it is another image's" in one.text


def test_nearly_the_same_pictures_are_named_first_those_of_two_splits(scenes: list[Scene]) -> None:
    kept = sketches(scenes)
    again = sketches([(image + np.uint8(image[0, 0, 0] < 250), truth) for image, truth in scenes])
    across, inside = again[4]._replace(label="val/x"), again[9]._replace(label="train/y")
    found = suspicions([*kept, inside, across], CLASSES)
    assert [one.label for one in found] == ["train/4", "train/9"]
    assert (
        "train/4, val/x are nearly the same picture: what is measured was learned" in found[0].text
    )
    assert "train/9, train/y are nearly the same picture: label one of them" in found[1].text


def traits(shares: Sequence[Sequence[float]]) -> np.ndarray:
    """`[masks, classes, 7]` where nothing but the share tells classes apart."""
    found = np.full((*np.shape(shares), 7), 0.5, np.float32)
    found[..., 0] = shares
    found[found[..., 0] == 0, 1:] = np.nan
    return found


def test_shares_alone_give_an_exchange_away_and_an_odd_share_does_not() -> None:
    rng = np.random.default_rng(0)
    usual = [[0.9 + off, 0.1 - off] for off in rng.uniform(-0.002, 0.002, 40)]
    assert exchanged_classes(traits(usual)) == []
    assert exchanged_classes(traits([*usual, [0.7, 0.3]])) == []
    (one,) = exchanged_classes(traits([*usual, [0.002, 0.998]])) or [None]
    assert one is None or one.mask == 40


def test_a_mask_without_any_frequent_class_is_named() -> None:
    usual = [[0.5, 0.5, 0.0]] * 9
    assert lacking_classes(traits([*usual, [0.0, 0.0, 1.0]])) == [9]
    assert lacking_classes(traits([*usual, [0.0, 0.1, 0.9]])) == []
    assert lacking_classes(traits([[0.5, 0.5, 0.0]] * 2 + [[0.0, 0.0, 1.0]])) == []


@pytest.mark.skipif("S4AL_CAMVID" not in os.environ, reason="needs CamVid")
def test_of_camvids_test_masks_one_is_wrong_and_it_is_found() -> None:
    spec = camvid(os.environ["S4AL_CAMVID"])
    kept = [
        sketch(f"test/{name}", spec.test.read_image(i), spec.test.read_truth(i), len(CLASSES))
        for i, name in enumerate(spec.test.names)
    ]
    found = [one for one in suspicions(kept, CLASSES) if "same picture" not in one.text]
    assert [one.label for one in found] == ["test/Seq05VD_f02610"]
