"""Views that are kept after a cycle, and a page whose numbers are those of the run's files."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from s4al_jax.cli.listeners import write_page
from s4al_jax.report.page import write
from s4al_jax.report.page.schema import Page, Sheet
from s4al_jax.run import build, loop, snapshot
from s4al_jax.rundir import views
from s4al_jax.rundir.directory import CycleFolder
from s4al_jax.types import VOID, AnnotationsPending, InputError
from tests.conftest import Command
from tests.support.cheap_method import cheap
from tests.support.same_run import arrays
from tests.support.tiny import tiny_config

CLASSES = 11


class ViewedRun(NamedTuple):
    """A run of networks of one weight, with views of four pool images and all others."""

    experiment: build.Experiment
    workdir: Path

    def folder(self, cycle: int) -> Path:
        return self.workdir / f"cycles/{cycle:02d}"

    def json(self, name: str) -> Any:
        return json.loads((self.workdir / name).read_text())

    def lines(self, name: str) -> list[dict]:
        return [json.loads(line) for line in (self.workdir / name).read_text().splitlines()]


def run_cycles(experiment: build.Experiment, workdir: Path) -> list[loop.CycleResult]:
    """Run an experiment as a command does: with the page after each cycle."""
    return list(loop.run_cycles(experiment, workdir, listeners=[write_page]))


@pytest.fixture(scope="module")
def viewed(tmp_path_factory: pytest.TempPathFactory) -> ViewedRun:
    config = tiny_config(report__pool_images=4, report__measured_images=9)
    built = build.build(config)._replace(method=cheap())
    run = ViewedRun(built, tmp_path_factory.mktemp("viewed") / "run")
    run_cycles(run.experiment, run.workdir)
    return run


def block(html: str, name: str) -> Any:
    """A part of a page's contents, as its script would read it."""
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', html, re.S)
    assert found, name
    return json.loads(found[1])


@pytest.fixture(scope="module")
def html(viewed: ViewedRun) -> str:
    return (viewed.workdir / "report/index.html").read_text()


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return block(html, "contents")


def test_views_are_those_of_evenly_spread_images(viewed: ViewedRun) -> None:
    for cycle in (0, 1):
        kept = views.read(viewed.folder(cycle) / "views.npz")
        assert kept
        assert [place.id for place in kept.places] == [
            *("pool-0", "pool-2", "pool-3", "pool-5"),
            *("val-0", "val-1", "test-0", "test-1", "test-2"),
        ]
        assert kept.predicted.shape == kept.confidence.shape == (9, 48, 64)
        # The more light, the surer: what the networks of one weight believe.
        light = viewed.experiment.spec.train.read_image(2).astype(float).mean(axis=-1)
        assert (kept.predicted == CLASSES - 1)[1].mean() > 0.99
        dark, bright = (kept.uncertainty[1][where] for where in (light < 60, light > 200))
        assert dark.min() > bright.max()


def test_it_is_the_teacher_that_looks(viewed: ViewedRun) -> None:
    kept = views.read(viewed.folder(1) / "views.npz")
    light = viewed.experiment.spec.train.read_image(2).astype(np.float32).mean(axis=-1) / 255
    weights = arrays(viewed.workdir, viewed.experiment)
    assert kept

    def alike(network: str) -> float:
        logits = light[..., None] * weights[f".{network}['weight']"] * np.arange(CLASSES)
        shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        entropy = -(shares * np.log(shares)).sum(axis=-1) / np.log(CLASSES)
        assert np.abs(kept.uncertainty[1] - 255 * entropy).max() < 5
        return float((kept.uncertainty[1] == np.round(255 * entropy)).mean())

    assert alike("teacher") > 0.99 > 0.8 > alike("student")


def test_the_numbers_of_the_page_are_those_of_the_files(viewed: ViewedRun, page: Page) -> None:
    (run,) = page["runs"]
    assert run["finished"] and run["seed"] == 0
    identity = viewed.json("config.json")
    assert run["fingerprint"] == identity["fingerprint"]
    assert run["revision"] == identity["revision"] and run["versions"] == identity["versions"]
    assert run["options"]["data.height"] == 48 and "data.initial_share" in run["options"]
    assert "optimizer.kwargs.momentum" not in run["options"]
    described = viewed.json("run.json")
    assert run["command"] == described["command"] and run["options"] == described["changed"]
    assert [cycle["number"] for cycle in run["cycles"]] == [0, 1]
    for cycle in run["cycles"]:
        folder = f"cycles/{cycle['number']:02d}"
        metrics = viewed.json(f"{folder}/metrics.json")
        for name in ("labeled_share", "labeled_pixels", "regions"):
            assert cycle[name] == metrics[name]
        measured = metrics["measures"]["teacher"]["test"]
        assert cycle["miou"]["teacher"]["test"] == measured["miou"]
        assert cycle["miou"]["student"]["val"] == metrics["measures"]["student"]["val"]["miou"]
        classes = [entry["name"] for entry in page["classes"]]
        assert cycle["class_iou"] == [measured[f"iou/{name}"] for name in classes]
        confusion = np.load(viewed.workdir / folder / "confusion_teacher_test.npy")
        assert cycle["confusion"] == confusion.tolist()
    assert run["budget_share"] == pytest.approx(run["cycles"][-1]["labeled_share"])
    losses = [row for row in viewed.lines("metrics.jsonl") if row["kind"] == "train"]
    assert [(row["step"], row["cycle"], row["stage"]) for row in run["losses"]] == [
        (row["number"], row["cycle"], row["stage"]) for row in losses
    ]
    assert run["losses"][3]["metrics"] == {n: losses[3][n] for n in ("loss", "before", "after")}
    times = viewed.lines("timing.jsonl")
    assert run["hours"] == pytest.approx(sum(2 * row["seconds_per_step"] for row in times) / 3600)
    assert sum(c["seconds"] or 0 for c in run["cycles"]) == pytest.approx(3600 * run["hours"])


def test_annotated_pixels_are_those_of_the_ledger(viewed: ViewedRun, page: Page) -> None:
    rows, truth = viewed.lines("annotations/ledger.jsonl"), viewed.experiment.spec.train.read_truth
    for cycle in page["runs"][0]["cycles"]:
        counted = np.zeros(CLASSES + 1, int)
        for row in rows:
            if row["cycle"] == cycle["number"]:
                top, left, bottom, right = row["box"]
                part = truth(row["image"])[top:bottom, left:right].astype(int)
                counted += np.bincount(np.minimum(part, CLASSES).ravel(), minlength=CLASSES + 1)
        assert cycle["annotated"] == counted.tolist() and counted.sum() > 0


def test_pictures_have_what_was_labeled_predicted_and_queried(
    viewed: ViewedRun, page: Page
) -> None:
    chosen = [tuple(region) for region in viewed.json("cycles/00/chosen.json")]
    scores = np.load(viewed.folder(0) / "scores.npz")
    rows = viewed.lines("annotations/ledger.jsonl")
    names = viewed.json("splits.json")
    kept = views.read(viewed.folder(0) / "views.npz")
    assert kept and len(page["boxes"]) == 16
    assert page["boxes"][5] == [0.25, 0.25, 0.5, 0.5]
    for number, picture in enumerate(page["pictures"]):
        place = kept.places[number]
        split = "train" if place.split == "pool" else place.split
        assert picture["id"] == place.id and picture["name"] == names[split][place.image]
        labels = getattr(viewed.experiment.spec, split).read_truth(place.image)
        assert picture["classes"] == [i for i in np.unique(labels).tolist() if i != VOID]
        first, last = picture["cycles"]
        assert first["uncertainty"] == pytest.approx(kept.uncertainty[number].mean() / 255)
        assert last["queried"] is None
        if place.split != "pool":
            assert first["labeled_share"] == 1.0 and first["queried"] is None
            continue
        costs = [
            sum(row["cost"] for row in rows if row["image"] == place.image and row["cycle"] <= c)
            for c in (0, 1)
        ]
        assert [s["labeled_share"] * 48 * 64 for s in (first, last)] == pytest.approx(costs)
        if place.image in viewed.experiment.initial:
            assert first["queried"] is None
            continue
        assert first["queried"]
        queried = [(place.image, region) for region in first["queried"]["chosen"]]
        assert queried == [region for region in chosen if region[0] == place.image] and queried
        np.testing.assert_allclose(
            first["queried"]["scores"], scores["score"][place.image], atol=1e-4
        )


def test_the_sheets_have_a_picture_for_each_image_and_cycle(html: str, page: Page) -> None:
    ids = {picture["id"] for picture in page["pictures"]}
    images: Sheet = block(html, "images")
    assert ids == set(images)
    assert all(set(images[name]) == {"image", "truth"} for name in ids)
    for cycle in (0, 1):
        sheet: Sheet = block(html, f"cycle-{cycle}")
        assert ids == set(sheet)
        assert all(set(sheet[name]) == {"prediction", "uncertainty"} for name in ids)
        assert all(uri.startswith("data:image/") for name in ids for uri in sheet[name].values())


def test_pseudo_labels_are_measured_where_nobody_had_labeled(viewed: ViewedRun, page: Page) -> None:
    kept = views.read(viewed.folder(0) / "views.npz")
    assert kept
    right = total = 0
    for number, place in enumerate(kept.places):
        if place.split == "pool" and place.image not in viewed.experiment.initial:
            labels = viewed.experiment.spec.train.read_truth(place.image)
            right += int((labels == kept.predicted[number])[labels < CLASSES].sum())
            total += int((labels < CLASSES).sum())
    found = page["runs"][0]["cycles"][0]["pseudo_labels"]
    assert found and found["accuracy"] == pytest.approx(right / total)


def test_a_run_that_lost_its_last_views_makes_them_again(viewed: ViewedRun, tmp_path: Path) -> None:
    """As one that was stopped between its last checkpoint and looking."""
    run = tmp_path / "run"
    shutil.copytree(viewed.workdir, run)
    path = run / "cycles/01/views.npz"
    before = path.read_bytes()
    path.unlink()
    assert not snapshot.is_finished(viewed.experiment, run)
    (run / "report/index.html").unlink()
    run_cycles(viewed.experiment, run)
    assert path.read_bytes() == before
    assert (run / "report/index.html").is_file() and snapshot.is_finished(viewed.experiment, run)


def test_an_earlier_network_is_never_taken_for_a_later_one(
    viewed: ViewedRun, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(viewed.workdir, run)
    for cycle in (0, 1):
        (run / f"cycles/{cycle:02d}/views.npz").unlink()
    run_cycles(viewed.experiment, run)
    assert [path.parent.name for path in sorted(run.glob("cycles/*/views.npz"))] == ["01"]
    notes = block((run / "report/index.html").read_text(), "contents")["notes"]
    assert "No predictions of images were kept at the end of cycle 0." in notes


def without_the_last_views(viewed: ViewedRun, run: Path) -> Path:
    """A copy of the run whose last network has no views yet."""
    shutil.copytree(viewed.workdir, run)
    (run / "cycles/01/views.npz").unlink()
    (run / "report/index.html").unlink()
    return run


@pytest.mark.parametrize("error", [InputError("no room"), ZeroDivisionError()])
def test_a_page_that_cannot_be_written_stops_nothing(
    error: Exception,
    viewed: ViewedRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*arguments: object, **named: object) -> Path:
        raise error

    monkeypatch.setattr(write, "write_page", broken)
    results = run_cycles(viewed.experiment, without_the_last_views(viewed, tmp_path / "run"))
    assert [result.cycle for result in results] == [0, 1]
    said = [line for line in capsys.readouterr().out.splitlines() if "not written" in line]
    assert said == 2 * [f"the report was not written: {str(error) or 'ZeroDivisionError'}"]


def test_views_that_cannot_be_written_stop_nothing(
    viewed: ViewedRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(self: object, packed: bytes) -> None:
        raise InputError("views.npz: cannot write: No space left on device")

    monkeypatch.setattr(CycleFolder, "write_views", full)
    run = without_the_last_views(viewed, tmp_path / "run")
    assert len(run_cycles(viewed.experiment, run)) == 2
    assert "the report will lack pictures: views.npz: cannot write" in capsys.readouterr().out
    page = block((run / "report/index.html").read_text(), "contents")
    assert len(page["runs"][0]["cycles"]) == 2 and len(page["pictures"]) == 9


def test_the_command_writes_the_page_that_the_run_wrote(
    viewed: ViewedRun, page: Page, command: Command, tmp_path: Path
) -> None:
    assert command("report", viewed.workdir, f"--out={tmp_path}") == 0
    again = block((tmp_path / "index.html").read_text(), "contents")
    assert again | {"written": page["written"]} == page


def test_a_person_gets_a_page_before_the_first_answer_and_no_truth_is_needed(
    tiny: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    own, rng = tmp_path / "own", np.random.default_rng(0)
    for number in range(4):
        for kind, size in (("images/train", (48, 64, 3)), ("masks/train", (48, 64))):
            if kind == "images/train" or number == 2:
                path = own / kind / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(rng.integers(0, CLASSES, size, np.uint8)).save(path)
    (own / "classes.txt").write_text("\n".join(f"class {index}" for index in range(CLASSES)))
    config = tiny(
        data__name="folder",
        data__root=str(own),
        data__kwargs=ConfigDict({"split": "folders"}),
        annotator__name="files",
        report__pool_images=9,
        report__measured_images=9,
    )
    run = tmp_path / "run"
    with pytest.raises(AnnotationsPending):
        run_cycles(build.build(config)._replace(method=cheap()), run)
    html = (run / "report/index.html").read_text()
    page: Page = block(html, "contents")
    images: Sheet = block(html, "images")
    assert [set(images[f"pool-{number}"]) for number in range(4)] == [
        *({"image"}, {"image"}, {"image", "truth"}, {"image"})
    ]
    (cycle,) = page["runs"][0]["cycles"]
    assert cycle["pseudo_labels"] is None and cycle["class_iou"] == CLASSES * [None]
    assert sum(cycle["annotated"]) == 48 * 64 and page["worst"] == ["pool-2"]
    assert page["pictures"][0]["cycles"][0]["miou"] is None
    queried = page["pictures"][0]["cycles"][0]["queried"]
    assert queried and len(queried["chosen"]) == 2
    assert page["notes"] == [
        "run is not finished: 1 of 2 cycles are measured.",
        "run has no val or test images with labels: no mIoU.",
        "The accuracy of the pseudo-labels is not known: no truth is there for them.",
    ]
