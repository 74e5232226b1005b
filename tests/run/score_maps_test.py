"""TensorBoard holds the numbers of the journal, and pictures of what was asked for."""

import json

import numpy as np
import pytest

from s4al_jax.report.figures.acquisition import acquisition, pixels
from s4al_jax.run.score_maps import score_maps
from s4al_jax.rundir.directory import cycle_folder
from s4al_jax.types import RegionRef
from tests.conftest import FinishedRun
from tests.support import tensorboard_reader


def test_the_board_holds_the_numbers_of_the_journal_eta_among_them(straight: FinishedRun) -> None:
    found = tensorboard_reader.scalars(straight.workdir / "tensorboard")
    lines = (straight.workdir / "metrics.jsonl").read_text().splitlines()
    trust = {}
    for row in map(json.loads, lines):
        for name in row.keys() & {"loss", "eta_classmix", "val/teacher/miou"}:
            assert found[f"{row['kind']}/{name}"][row["number"]] == pytest.approx(row[name])
            if name == "eta_classmix":
                trust[row["number"]] = row[name]
    assert trust and found["train/eta_classmix"].keys() == trust.keys()


def test_the_board_shows_what_was_asked_for_after_the_first_cycle(straight: FinishedRun) -> None:
    found = tensorboard_reader.pictures(straight.workdir / "tensorboard")
    # Four images were asked about after the six steps of the first cycle; the second was the last.
    assert list(found) == [(f"scores/{place}", 6) for place in (1, 2, 3, 4)]
    folder = cycle_folder(straight.workdir, 0)
    assert folder.scores and folder.chosen
    drawn = score_maps(straight.experiment, folder.scores[0], folder.chosen)
    for shown, expected in zip(found.values(), drawn, strict=True):
        np.testing.assert_array_equal(shown, expected)


def test_the_best_images_come_first_with_all_their_chosen_cells(straight: FinishedRun) -> None:
    experiment = straight.experiment
    grid, pool = experiment.grid, experiment.spec.train
    scores = np.zeros((6, grid.rows, grid.cols), np.float32)
    scores[3, 0, 1], scores[5, 2, 2], scores[5, 0, 0], scores[1, 1, 1] = 0.2, 0.9, 0.1, 1.0
    chosen = [RegionRef(3, 0, 1), RegionRef(5, 0, 0), RegionRef(5, 2, 2)]
    drawn = list(score_maps(experiment, scores, chosen))
    boxes = [[grid.box(row, col) for col in range(grid.cols)] for row in range(grid.rows)]
    for image, picture in zip((5, 3), drawn, strict=True):  # nothing of image 1 was chosen
        mask = np.zeros((grid.rows, grid.cols), bool)
        for region in chosen:
            mask[region.row, region.col] |= region.image == image
        expected = acquisition(pool.read_image(image), scores[image], boxes, mask)
        expected.suptitle(pool.names[image])
        np.testing.assert_array_equal(picture, pixels(expected))
    everything = [RegionRef(image, 0, 0) for image in range(6)]
    assert len(list(score_maps(experiment, scores, everything))) == 4


def test_pixels_are_those_of_the_figure() -> None:
    blank = acquisition(np.zeros((4, 4, 3), np.uint8), np.zeros((1, 1)), [[]], np.zeros((1, 1)))
    picture = pixels(blank)
    assert picture.dtype == np.uint8 and picture.shape == (400, 1000, 3)
    assert picture[0, 0].tolist() == [255, 255, 255]
