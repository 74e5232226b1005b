"""A pool without truth and a person who answers: whole runs, through files alone."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from s4al_jax.run import build, loop
from s4al_jax.types import AnnotationsPending, InputError
from tests.support import cheap_method
from tests.support.photographs import (
    CLASSES,
    answer_requests,
    copy_without_masks,
    draw_photographs,
)
from tests.support.same_run import arrays


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten drawn scenes of two sizes with all their masks, in folders by split."""
    return draw_photographs(tmp_path_factory.mktemp("photographs"))


@pytest.fixture
def config(tiny: Callable[..., ConfigDict]) -> Callable[..., ConfigDict]:
    def made(root: Path, **changes: object) -> ConfigDict:
        changes = {"data__name": "folder", "data__root": str(root), **changes}
        return tiny(data__kwargs=ConfigDict({"split": "folders"}), **changes)

    return made


@pytest.fixture
def cheap(config: Callable[..., ConfigDict]) -> Callable[..., ConfigDict]:
    """With networks of one weight, where what is learned does not matter."""
    method = cheap_method.get_config().method

    def made(root: Path, **changes: object) -> ConfigDict:
        return config(root, method=method, **changes)

    return made


def test_a_person_and_the_simulated_one_lead_to_the_same_bits(
    photographs: Path, config: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    simulated = build.build(config(photographs))
    straight = list(loop.run_cycles(simulated, tmp_path / "simulated"))
    first = [simulated.spec.train.names[image] for image in simulated.initial]
    assert len(first) == 2

    pool = copy_without_masks(photographs, tmp_path / "pool", *first)
    asked = build.build(config(pool, annotator__name="files", annotator__person="Ada"))
    run = tmp_path / "asked"
    with pytest.raises(AnnotationsPending, match=r"8 regions wait for an answer in .*requests/01"):
        list(loop.run_cycles(asked, run))
    names = list(answer_requests(run, photographs, 1))
    assert len(names) == 8
    results = list(loop.run_cycles(asked, run))

    assert [r.metrics for r in results] == [r.metrics for r in straight]
    assert results[0].chosen == straight[0].chosen
    one, other = arrays(tmp_path / "simulated", simulated), arrays(run, asked)
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)
    rows = [
        json.loads(line) for line in (run / "annotations/ledger.jsonl").read_text().split("\n")[:-1]
    ]
    assert [row["annotator"] for row in rows] == ["given"] * 2 + ["Ada"] * 8
    assert all(row["time"].endswith("Z") for row in rows[2:])


def test_some_answers_are_enough_where_the_user_says_so(
    photographs: Path, cheap: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    pool = copy_without_masks(photographs, tmp_path / "pool", "train/0", "train/3")
    asked, run = build.build(cheap(pool, annotator__name="files")), tmp_path / "run"
    for _ in range(2):
        with pytest.raises(AnnotationsPending, match="8 regions wait"):
            list(loop.run_cycles(asked, run, accept_partial=True))
    person = answer_requests(run, photographs, 1)
    names = [next(person) for _ in range(3)]
    (run / "requests/01/answers/stray.png").write_bytes(b"")
    with pytest.raises(InputError, match="stray.png has the name of no request"):
        list(loop.run_cycles(asked, run))
    (run / "requests/01/answers/stray.png").unlink()
    with pytest.raises(AnnotationsPending, match="5 regions wait"):
        list(loop.run_cycles(asked, run))
    first = run / f"requests/01/answers/{names[0]}.png"
    right = first.read_bytes()
    Image.fromarray(np.zeros_like(np.array(Image.open(first)))).save(first)
    with pytest.raises(InputError, match="is not the one that was recorded"):
        list(loop.run_cycles(asked, run, accept_partial=True))
    first.write_bytes(right)
    results = list(loop.run_cycles(asked, run, accept_partial=True))
    assert results[-1].metrics["regions"] == len(names) == 3
    again = list(loop.run_cycles(asked, run))
    assert [r.metrics for r in again] == [r.metrics for r in results]


def test_a_pool_without_any_label_is_first_asked_by_lot(
    photographs: Path, cheap: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    pool = copy_without_masks(photographs, tmp_path / "pool")
    asked, run = build.build(cheap(pool, annotator__name="files")), tmp_path / "run"
    assert asked.initial == ()
    for cycle in (0, 1):
        with pytest.raises(AnnotationsPending, match=f"12 regions wait .*requests/{cycle:02d}"):
            list(loop.run_cycles(asked, run))
        assert len(list(answer_requests(run, photographs, cycle))) == 12
    results = list(loop.run_cycles(asked, run))
    assert [result.metrics["regions"] for result in results] == [12, 24]
    assert results[1].metrics["labeled_pixels"] == 24 * 12 * 16


def test_an_answer_that_comes_late_is_recorded_with_the_next_round(
    photographs: Path, cheap: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    pool = copy_without_masks(photographs, tmp_path / "pool")
    asked, run = build.build(cheap(pool, annotator__name="files")), tmp_path / "run"
    ledger = run / "annotations/ledger.jsonl"
    with pytest.raises(AnnotationsPending, match="requests/00"):
        list(loop.run_cycles(asked, run))
    person = answer_requests(run, photographs, 0)
    for _ in range(9):
        next(person)
    with pytest.raises(AnnotationsPending, match="requests/01"):
        list(loop.run_cycles(asked, run, accept_partial=True))
    assert len(ledger.read_text().splitlines()) == 9
    late = list(person)
    with pytest.raises(AnnotationsPending, match="requests/01"):
        list(loop.run_cycles(asked, run))
    rows = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert len(rows) == 12 and [row["cycle"] for row in rows[9:]] == [0] * len(late) == [0] * 3


def test_without_val_and_test_a_run_is_trained_and_not_measured(
    photographs: Path, cheap: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    pool = copy_without_masks(photographs, tmp_path / "pool", "train/0", "train/3")
    for split in ("val", "test"):
        for kind in ("images", "masks"):
            shutil.rmtree(pool / kind / split)
    asked, run = build.build(cheap(pool, annotator__name="files")), tmp_path / "run"
    with pytest.raises(AnnotationsPending):
        list(loop.run_cycles(asked, run))
    list(answer_requests(run, photographs, 1))
    results = list(loop.run_cycles(asked, run))
    assert results[1].metrics["measures"] == {"student": {}, "teacher": {}}
    assert loop.summary(results[1]).startswith("cycle 1: ")


def test_the_simulated_oracle_needs_every_mask(
    photographs: Path, cheap: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    pool = copy_without_masks(photographs, tmp_path / "pool", "train/0")
    with pytest.raises(InputError, match=r"train/1 has no label, .* config.annotator.name=files"):
        build.build(cheap(pool))


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A dozen real frames of CamVid in its own layout, and the same as a user's folder."""
    if not os.environ.get("S4AL_CAMVID"):
        pytest.skip("S4AL_CAMVID does not name CamVid's folder")
    real, root = Path(os.environ["S4AL_CAMVID"]), tmp_path_factory.mktemp("frames")
    own, mine = root / "camvid", root / "mine"
    for split, count in (("train", 6), ("val", 2), ("test", 2)):
        for path in sorted((real / split).iterdir())[::30][:count]:
            label = next((real / f"{split}annot").glob(f"{path.stem}.*"))
            for target in (own / split, mine / "images" / split):
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
            for target in (own / f"{split}annot", mine / "masks" / split):
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy(label, target)
    numbers = {str(index): name for index, name in enumerate([*CLASSES, "void"])}
    (mine / "classes.json").write_text(json.dumps({"classes": CLASSES, "ids": numbers}))
    return own, mine


def test_real_frames_are_asked_for_alike_by_either_route_and_by_a_person(
    frames: tuple[Path, Path], cheap: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    own, mine = frames
    camvid = cheap(own)
    camvid.data.name, camvid.data.kwargs = "camvid", ConfigDict()
    known = build.build(camvid)
    by_camvid = list(loop.run_cycles(known, tmp_path / "camvid"))
    by_folder = list(loop.run_cycles(build.build(cheap(mine)), tmp_path / "folder"))
    assert by_folder[0].chosen == by_camvid[0].chosen
    assert by_folder[1].metrics["measures"] == by_camvid[1].metrics["measures"]

    first = [f"train/{known.spec.train.names[image]}" for image in known.initial]
    pool = copy_without_masks(mine, tmp_path / "pool", *first)
    asked = build.build(cheap(pool, annotator__name="files"))
    with pytest.raises(AnnotationsPending, match="8 regions wait"):
        list(loop.run_cycles(asked, tmp_path / "person"))
    assert len(list(answer_requests(tmp_path / "person", mine, 1))) == 8
    by_person = list(loop.run_cycles(asked, tmp_path / "person"))
    assert [result.metrics for result in by_person] == [result.metrics for result in by_folder]


def test_every_mask_that_a_person_has_is_a_first_label(
    photographs: Path, cheap: Callable[..., ConfigDict]
) -> None:
    with pytest.raises(InputError, match="all 6 images are labeled from the start"):
        build.build(cheap(photographs, annotator__name="files"))
    built = build.build(cheap(photographs, annotator__name="files", schedule__acquisitions=0))
    assert len(built.initial) == 2  # a study on a tenth, or here a third, of all labels
