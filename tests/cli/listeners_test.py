"""What a command adds to a run: its page, and pictures for TensorBoard."""

import json
from pathlib import Path

import numpy as np
import pytest

from s4al_jax.cli.listeners import score_maps, write_page
from s4al_jax.report.figures.acquisition import acquisition, pixels
from s4al_jax.run.events import CycleEnded, ListenerFailed, Selected
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


def selected(run: FinishedRun, scores: np.ndarray, chosen: list[RegionRef]) -> Selected:
    experiment = run.experiment
    return Selected(0, 6, scores, chosen, experiment.spec, experiment.regions)


def test_the_board_shows_what_was_chosen_after_the_first_cycle(straight: FinishedRun) -> None:
    found = tensorboard_reader.pictures(straight.workdir / "tensorboard" / "images")
    # Regions of four images were chosen after six steps; the second cycle was the last.
    assert list(found) == [(f"scores/{place}", 6) for place in (1, 2, 3, 4)]
    scores = cycle_folder(straight.workdir, 0).read_scores()["score"]
    drawn = score_maps(selected(straight, scores, straight.results[0].chosen or []))
    for shown, expected in zip(found.values(), drawn, strict=True):
        np.testing.assert_array_equal(shown, expected)


def test_the_best_images_come_first_with_all_their_chosen_regions(straight: FinishedRun) -> None:
    experiment = straight.experiment
    regions, pool = experiment.regions, experiment.spec.train
    scores = np.zeros((6, 16), np.float32)
    scores[3, 1], scores[5, 10], scores[5, 0], scores[1, 5] = 0.2, 0.9, 0.1, 1.0
    chosen = [RegionRef(3, 1), RegionRef(5, 0), RegionRef(5, 10)]
    drawn = list(score_maps(selected(straight, scores, chosen)))
    for image, picture in zip((5, 3), drawn, strict=True):  # nothing of image 1 was chosen
        of_image = [region for region in chosen if region.image == image]
        expected = acquisition(pool.read_image(image), scores[image], regions, image, of_image)
        expected.suptitle(pool.names[image])
        np.testing.assert_array_equal(picture, pixels(expected))
    everything = [RegionRef(image, 0) for image in range(6)]
    assert len(list(score_maps(selected(straight, scores, everything)))) == 4


def test_a_page_that_cannot_be_written_does_not_end_the_run(
    straight: FinishedRun, tmp_path: Path
) -> None:
    (tmp_path / "cycles" / "00").mkdir(parents=True)
    (tmp_path / "cycles" / "00" / "metrics.json").write_text("{}")
    with pytest.raises(ListenerFailed, match="the report was not written: .*config.json"):
        write_page(CycleEnded(0, tmp_path, straight.experiment.spec))
