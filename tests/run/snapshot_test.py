"""What is kept to look at after a cycle, and a page whose numbers are those of the run's files."""

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

from s4al_jax.report.page.schema import Page, Sheet
from s4al_jax.run import build, loop, snapshot
from s4al_jax.rundir import views
from s4al_jax.types import VOID, AnnotationsPending, InputError
from tests.conftest import Command
from tests.support.cheap_method import cheap
from tests.support.same_run import arrays
from tests.support.tiny import tiny_config

CLASSES = 11


class Seen(NamedTuple):
    """A run of networks of one weight, with views of four pool images and all others."""

    experiment: build.Experiment
    workdir: Path

    def folder(self, cycle: int) -> Path:
        return self.workdir / f"cycles/{cycle:02d}"

    def json(self, name: str) -> Any:
        return json.loads((self.workdir / name).read_text())

    def lines(self, name: str) -> list[dict]:
        return [json.loads(line) for line in (self.workdir / name).read_text().splitlines()]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    config = tiny_config(report__pool_images=4, report__measured_images=9)
    built = build.build(config)._replace(method=cheap())
    run = Seen(built, tmp_path_factory.mktemp("seen") / "run")
    list(loop.run_cycles(run.experiment, run.workdir))
    return run


def block(html: str, name: str) -> Any:
    """A part of a page's contents, as its script would read it."""
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', html, re.S)
    assert found, name
    return json.loads(found[1])


@pytest.fixture(scope="module")
def html(seen: Seen) -> str:
    return (seen.workdir / "report/index.html").read_text()


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return block(html, "contents")


def test_views_are_those_of_evenly_spread_images(seen: Seen) -> None:
    for cycle in (0, 1):
        kept = views.read(seen.folder(cycle) / "views.npz")
        assert kept
        assert [place.id for place in kept.places] == [
            *("pool-0", "pool-2", "pool-3", "pool-5"),
            *("val-0", "val-1", "test-0", "test-1", "test-2"),
        ]
        assert kept.predicted.shape == kept.confidence.shape == (9, 48, 64)
        # The more light, the surer: what the networks of one weight believe.
        light = seen.experiment.spec.train.read_image(2).astype(float).mean(axis=-1)
        assert (kept.predicted == CLASSES - 1)[1].mean() > 0.99
        dark, bright = (kept.uncertainty[1][where] for where in (light < 60, light > 200))
        assert dark.min() > bright.max()


def test_it_is_the_teacher_that_looks(seen: Seen) -> None:
    kept = views.read(seen.folder(1) / "views.npz")
    light = seen.experiment.spec.train.read_image(2).astype(np.float32).mean(axis=-1) / 255
    weights = arrays(seen.workdir, seen.experiment)
    assert kept

    def alike(network: str) -> float:
        logits = light[..., None] * weights[f".{network}['weight']"] * np.arange(CLASSES)
        shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        entropy = -(shares * np.log(shares)).sum(axis=-1) / np.log(CLASSES)
        assert np.abs(kept.uncertainty[1] - 255 * entropy).max() < 5
        return float((kept.uncertainty[1] == np.round(255 * entropy)).mean())

    assert alike("teacher") > 0.99 > 0.8 > alike("student")


def test_the_numbers_of_the_page_are_those_of_the_files(seen: Seen, page: Page) -> None:
    (run,) = page["runs"]
    assert run["finished"] and run["seed"] == 0
    identity = seen.json("config.json")
    assert run["fingerprint"] == identity["fingerprint"]
    assert run["revision"] == identity["revision"] and run["versions"] == identity["versions"]
    assert run["options"]["data.height"] == 48 and "data.initial_share" in run["options"]
    assert "optimizer.momentum" not in run["options"]
    assert [cycle["number"] for cycle in run["cycles"]] == [0, 1]
    for cycle in run["cycles"]:
        folder = f"cycles/{cycle['number']:02d}"
        metrics = seen.json(f"{folder}/metrics.json")
        for name in ("labeled_share", "labeled_pixels", "regions"):
            assert cycle[name] == metrics[name]
        measured = metrics["measures"]["teacher"]["test"]
        assert cycle["miou"]["teacher"]["test"] == measured["miou"]
        assert cycle["miou"]["student"]["val"] == metrics["measures"]["student"]["val"]["miou"]
        classes = [entry["name"] for entry in page["classes"]]
        assert cycle["class_iou"] == [measured[f"iou/{name}"] for name in classes]
        confusion = np.load(seen.workdir / folder / "confusion_teacher_test.npy")
        assert cycle["confusion"] == confusion.tolist()
    assert run["budget_share"] == pytest.approx(run["cycles"][-1]["labeled_share"])
    losses = [row for row in seen.lines("metrics.jsonl") if row["kind"] == "train"]
    assert [(row["step"], row["cycle"], row["phase"]) for row in run["losses"]] == [
        (row["number"], row["cycle"], row["phase"]) for row in losses
    ]
    assert run["losses"][3]["metrics"] == {n: losses[3][n] for n in ("loss", "before", "after")}
    times = seen.lines("timing.jsonl")
    assert run["hours"] == pytest.approx(sum(2 * row["seconds_per_step"] for row in times) / 3600)
    assert sum(c["seconds"] or 0 for c in run["cycles"]) == pytest.approx(3600 * run["hours"])


def test_what_was_asked_is_what_the_ledger_paid_for(seen: Seen, page: Page) -> None:
    rows, truth = seen.lines("annotations/ledger.jsonl"), seen.experiment.spec.train.read_truth
    for cycle in page["runs"][0]["cycles"]:
        counted = np.zeros(CLASSES + 1, int)
        for row in rows:
            if row["cycle"] == cycle["number"]:
                top, left, bottom, right = row["box"]
                part = truth(row["image"])[top:bottom, left:right].astype(int)
                counted += np.bincount(np.minimum(part, CLASSES).ravel(), minlength=CLASSES + 1)
        assert cycle["asked"] == counted.tolist() and counted.sum() > 0


def test_pictures_say_what_was_known_seen_and_asked(seen: Seen, page: Page) -> None:
    chosen = [tuple(region) for region in seen.json("cycles/00/chosen.json")]
    scores = np.load(seen.folder(0) / "scores.npz")
    rows = seen.lines("annotations/ledger.jsonl")
    names = seen.json("splits.json")
    kept = views.read(seen.folder(0) / "views.npz")
    assert kept and (page["rows"], page["cols"]) == (4, 4)
    assert page["boxes"][5] == [0.25, 0.25, 0.5, 0.5]
    for number, picture in enumerate(page["pictures"]):
        place = kept.places[number]
        split = "train" if place.split == "pool" else place.split
        assert picture["id"] == place.id and picture["name"] == names[split][place.image]
        labels = getattr(seen.experiment.spec, split).read_truth(place.image)
        assert picture["classes"] == [i for i in np.unique(labels).tolist() if i != VOID]
        first, last = picture["cycles"]
        assert first["uncertainty"] == pytest.approx(kept.uncertainty[number].mean() / 255)
        assert last["asked"] is None
        if place.split != "pool":
            assert first["labeled_share"] == 1.0 and first["asked"] is None
            continue
        paid = [
            sum(row["cost"] for row in rows if row["image"] == place.image and row["cycle"] <= c)
            for c in (0, 1)
        ]
        assert [s["labeled_share"] * 48 * 64 for s in (first, last)] == pytest.approx(paid)
        if place.image in seen.experiment.initial:
            assert first["asked"] is None
            continue
        assert first["asked"]
        asked = [(place.image, row, col) for row, col in first["asked"]["chosen"]]
        assert asked == [region for region in chosen if region[0] == place.image] and asked
        np.testing.assert_allclose(
            first["asked"]["scores"], scores["scores"][place.image], atol=1e-4
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


def test_pseudo_labels_are_measured_where_nobody_had_labeled(seen: Seen, page: Page) -> None:
    kept = views.read(seen.folder(0) / "views.npz")
    assert kept
    right = total = 0
    for number, place in enumerate(kept.places):
        if place.split == "pool" and place.image not in seen.experiment.initial:
            labels = seen.experiment.spec.train.read_truth(place.image)
            right += int((labels == kept.predicted[number])[labels < CLASSES].sum())
            total += int((labels < CLASSES).sum())
    found = page["runs"][0]["cycles"][0]["pseudo_labels"]
    assert found and found["accuracy"] == pytest.approx(right / total)


def test_a_run_that_lost_its_last_views_makes_them_again(seen: Seen, tmp_path: Path) -> None:
    """As one that was stopped between its last checkpoint and looking."""
    run = tmp_path / "run"
    shutil.copytree(seen.workdir, run)
    path = run / "cycles/01/views.npz"
    before = path.read_bytes()
    path.unlink()
    assert not snapshot.is_finished(seen.experiment, run)
    (run / "report/index.html").unlink()
    list(loop.run_cycles(seen.experiment, run))
    assert path.read_bytes() == before
    assert (run / "report/index.html").is_file() and snapshot.is_finished(seen.experiment, run)


def test_an_earlier_network_is_never_taken_for_a_later_one(seen: Seen, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(seen.workdir, run)
    for cycle in (0, 1):
        (run / f"cycles/{cycle:02d}/views.npz").unlink()
    list(loop.run_cycles(seen.experiment, run))
    assert [path.parent.name for path in sorted(run.glob("cycles/*/views.npz"))] == ["01"]
    notes = block((run / "report/index.html").read_text(), "contents")["notes"]
    assert "It was not kept what the network saw at the end of cycle 0." in notes


def without_the_last_look(seen: Seen, run: Path) -> Path:
    """A copy of the run whose last network has not been looked at yet."""
    shutil.copytree(seen.workdir, run)
    (run / "cycles/01/views.npz").unlink()
    (run / "report/index.html").unlink()
    return run


@pytest.mark.parametrize("error", [InputError("no room"), ZeroDivisionError()])
def test_a_page_that_cannot_be_written_stops_nothing(
    error: Exception,
    seen: Seen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*arguments: object, **named: object) -> Path:
        raise error

    monkeypatch.setattr(snapshot.written, "write", broken)
    results = list(loop.run_cycles(seen.experiment, without_the_last_look(seen, tmp_path / "run")))
    assert [result.cycle for result in results] == [0, 1]
    said = [line for line in capsys.readouterr().out.splitlines() if "not written" in line]
    assert said == 2 * [f"the report was not written: {str(error) or 'ZeroDivisionError'}"]


def test_views_that_cannot_be_written_stop_nothing(
    seen: Seen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(self: object, packed: bytes) -> None:
        raise InputError("views.npz: cannot write: No space left on device")

    monkeypatch.setattr(snapshot.rundir.CycleFolder, "write_views", full)
    run = without_the_last_look(seen, tmp_path / "run")
    assert len(list(loop.run_cycles(seen.experiment, run))) == 2
    assert "the report will lack pictures: views.npz: cannot write" in capsys.readouterr().out
    page = block((run / "report/index.html").read_text(), "contents")
    assert len(page["runs"][0]["cycles"]) == 2 and len(page["pictures"]) == 9


def test_the_command_writes_the_page_that_the_run_wrote(
    seen: Seen, page: Page, command: Command, tmp_path: Path
) -> None:
    assert command("report", seen.workdir, f"--out={tmp_path}") == 0
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
        oracle__name="folder",
        report__pool_images=9,
        report__measured_images=9,
    )
    run = tmp_path / "run"
    with pytest.raises(AnnotationsPending):
        list(loop.run_cycles(build.build(config)._replace(method=cheap()), run))
    html = (run / "report/index.html").read_text()
    page: Page = block(html, "contents")
    images: Sheet = block(html, "images")
    assert [set(images[f"pool-{number}"]) for number in range(4)] == [
        *({"image"}, {"image"}, {"image", "truth"}, {"image"})
    ]
    (cycle,) = page["runs"][0]["cycles"]
    assert cycle["pseudo_labels"] is None and cycle["class_iou"] == CLASSES * [None]
    assert sum(cycle["asked"]) == 48 * 64 and page["worst"] == ["pool-2"]
    assert page["pictures"][0]["cycles"][0]["miou"] is None
    asked = page["pictures"][0]["cycles"][0]["asked"]
    assert asked and len(asked["chosen"]) == 2
    assert page["notes"] == [
        "run is not finished: 1 of 2 cycles are measured.",
        "run has no val or test images with labels: no mIoU.",
        "How good the pseudo-labels are cannot be told: nobody knows their truth.",
    ]
