"""The whole thing on drawn scenes with the real network: it learns, and all its files are there."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from s4al_jax.cli.listeners import run_listeners
from s4al_jax.report import tables
from s4al_jax.run import build, loop
from s4al_jax.rundir import views
from s4al_jax.rundir.directory import cycle_folder

FLOOR = 0.1
"""Predicting one class everywhere gives about 0.03."""


def assert_views_are_what_was_measured(made: build.Experiment, run: Path) -> None:
    """The kept views of all test images have the confusion matrix of the preferred network."""
    for cycle in (0, 1):
        kept = views.read(run / f"cycles/{cycle:02d}/views.npz")
        assert kept and [place.split for place in kept.places] == 5 * ["pool"] + 12 * ["test"]
        found = np.zeros((11, 11), np.int64)
        for place, predicted in zip(kept.places[5:], kept.predicted[5:], strict=True):
            truth = made.spec.test.read_truth(place.image)
            np.add.at(found, (truth[truth < 11], predicted[truth < 11]), 1)
        teacher, student = (
            np.load(run / f"cycles/{cycle:02d}/confusion_{network}_test.npy")
            for network in ("teacher", "student")
        )
        # Batches of other sizes may round a pixel to another class.
        assert np.abs(found - teacher).sum() <= 20 < np.abs(found - student).sum()


def test_two_cycles_learn_and_leave_everything_behind(
    tiny: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    config = tiny(
        data__kwargs={"train": 24, "val": 4, "test": 12, "seed": 0},
        data__initial_share=0.25,
        batch={"labeled": 4, "unlabeled": 2, "microbatches": 1},
        optimizer__learning_rate=0.05,
        evaluate={"every_epochs": 50, "batch": 8, "splits": ("test",)},
        checkpoint__every_epochs=50,
        report={"pool_images": 5, "measured_images": 12},
    )
    config.model.backbone = ConfigDict({"name": "mobilenet_v2", "kwargs": {"width": 0.35}})
    config.model.head.kwargs.update(aspp_channels=32, low_level_channels=16, dropout=0.0)
    config.schedule.update(iterations=5, epochs=10, last_epochs=15)
    config.method.kwargs.update(warmup_epochs=4, replay_start_epoch=6)
    made, run = build.build(config), tmp_path / "run"
    results = list(loop.run_cycles(made, run, listeners=run_listeners(run)))
    mious = [result.metrics["measures"]["teacher"]["test"]["miou"] for result in results]
    assert mious[-1] > FLOOR
    assert len(tables.cycle_table(run).splitlines()) == 4
    folder = cycle_folder(run, 0)
    scores, is_open = folder.read_scores()["score"], folder.read_open()
    assert np.isfinite(scores).all() and (scores[is_open] > 0).all()
    assert scores.max() <= np.log(11)
    assert_views_are_what_was_measured(made, run)
    expected = {
        "config.json",
        "run.json",
        "splits.json",
        "metrics.jsonl",
        "timing.jsonl",
        "annotations",
        "report",
    }
    assert expected <= {path.name for path in run.iterdir()}
