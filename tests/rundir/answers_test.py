"""Annotations of a run, counted by hand."""

from pathlib import Path

import numpy as np

from s4al_jax.labels.ledger import Answer
from s4al_jax.rundir.answers import (
    annotated_pixels,
    answers_before,
    by_image,
    labeled_mask,
    read_answers,
)
from s4al_jax.rundir.records import read
from s4al_jax.types import Box, RegionRef
from tests.support.small_runs import annotate, small_run

HALF = 24 * 64


def test_annotated_pixels_are_those_of_each_class_and_void_at_the_end(tmp_path: Path) -> None:
    record = read(small_run(tmp_path / "run"))
    assert read_answers(record) == []
    annotate(record.path)
    answers = read_answers(record)
    assert annotated_pixels(answers, 0, 3) == [HALF, HALF, 0, 0]
    assert annotated_pixels(answers, 1, 3) == [16, 0, 192, 176]
    assert annotated_pixels(answers, 2, 3) == [0, 0, 0, 0]


def test_the_labeled_mask_is_what_answers_on_an_image_cover(tmp_path: Path) -> None:
    run = small_run(tmp_path / "run")
    annotate(run)
    answers = read_answers(read(run))
    labeled = labeled_mask(by_image(answers)[1], (48, 64))
    assert labeled.sum() == 2 * 12 * 16
    assert labeled[:12, :16].all() and labeled[36:, 48:].all()
    assert set(by_image(answers_before(answers, 0))) == {0}


def answer(region: int, box: Box, mask: np.ndarray | None, pixels: tuple[int, int]) -> Answer:
    return Answer(
        cycle=1,
        region=RegionRef(0, region),
        box=box,
        mask=mask,
        size=None,
        annotator="Ada",
        time="",
        sha256="",
        packed=b"",
        class_pixels=np.array(pixels),
    )


def test_regions_of_any_shape_cover_and_cost_their_pixels_alone() -> None:
    corner = np.array([[True, False], [True, True]])
    answers = [
        answer(0, Box(0, 0, 2, 2), corner, (1, 1)),
        answer(1, Box(0, 1, 1, 4), None, (0, 3)),
    ]
    labeled = labeled_mask(answers, (3, 4))
    assert labeled.tolist() == [[True] * 4, [True, True, False, False], [False] * 4]
    # 3 + 3 pixels, of which one is void.
    assert annotated_pixels(answers, 1, 2) == [1, 4, 1]
