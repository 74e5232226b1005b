"""Measures of single images and of pseudo-labels, worked out by hand."""

import numpy as np
import pytest

from s4al_jax.report.page.gallery import image_miou, worst_images
from s4al_jax.report.page.pseudo_labels import Tally
from s4al_jax.report.page.schema import Picture
from s4al_jax.types import VOID


def test_the_miou_of_an_image_is_over_the_classes_that_are_in_it() -> None:
    truth = np.array([[0, 0, 0, 1], [1, VOID, VOID, VOID]], np.uint8)
    guess = np.array([[0, 0, 2, 1], [0, 1, 2, 0]], np.uint8)
    # Class 0: 2 hits of 3 + 1 false predictions; class 1: 1 hit of 2; class 2 is not in the image.
    assert image_miou(truth, guess, 3) == pytest.approx((2 / 4 + 1 / 2) / 2)
    assert image_miou(np.full((2, 2), VOID, np.uint8), guess[:, :2], 3) is None


def test_pseudo_labels_are_counted_in_unlabeled_pixels_alone() -> None:
    tally = Tally(3, 0.97)
    truth = np.array([[0, 0, 1, 1, VOID, 2]], np.uint8)
    labeled = np.array([[1, 0, 0, 0, 0, 0]], bool)
    guess = np.array([[1, 0, 1, 0, 0, 2]], np.uint8)
    sure = np.array([[255, 255, 247, 248, 255, 100]], np.uint8)  # 0.97 * 255 = 247.35
    tally.add(truth, labeled, guess, sure)
    tally.add(truth, np.ones((1, 6), bool), guess, sure)
    assert tally.result == {
        "accuracy": 3 / 4,
        "confident_accuracy": 1 / 2,
        "confident_share": 2 / 4,
        "class_accuracy": [1.0, 0.5, 1.0],
        "images": 1,
    }


def test_pseudo_labels_without_a_truth_have_no_accuracy() -> None:
    tally = Tally(2, 0.97)
    void = np.full((1, 2), VOID, np.uint8)
    tally.add(void, np.zeros((1, 2), bool), void, void)
    assert tally.result is None


def test_the_worst_images_are_those_of_the_last_cycle() -> None:
    def picture(name: str, *mious: float | None) -> Picture:
        cycles = [
            {"cycle": number, "miou": miou, "uncertainty": 0.0, "confidence": 1.0}
            | {"labeled_share": 0.0, "queried": None}
            for number, miou in enumerate(mious)
        ]
        return {"id": name, "name": name, "split": "pool", "classes": [], "cycles": cycles}

    pictures = [picture("a", 0.1, 0.6), picture("b", 0.9, 0.2), picture("c", 0.0, None)]
    assert worst_images(pictures) == ["b", "a"]
    assert worst_images([]) == []
