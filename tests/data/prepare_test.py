"""Prepared data sets: the same as the raw ones, also after a kill and by several processes."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds

from s4al_jax.data.camvid import camvid
from s4al_jax.data.cityscapes import cityscapes
from s4al_jax.data.prepare import Shard, bar, pace, prepare, shards
from s4al_jax.survey.validate import check
from s4al_jax.types import DatasetSpec, InputError
from tests.support.small_datasets import (
    camvid_folders,
    cityscapes_archives,
    cityscapes_folders,
    deadly,
)

ROOT = Path(__file__).parents[2]
SIZE = {"height": 6, "width": 10}
DRAW = {"val": 3, "seed": 2}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return camvid_folders(tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def whole(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CamVid, prepared without a stop: three shards of each split."""
    target = tmp_path_factory.mktemp("prepared") / "1.0.0"
    return prepare(camvid, str(raw), str(target), SIZE, images_per_shard=2)


def assert_same(one: DatasetSpec, other: DatasetSpec) -> None:
    assert one[:5] == other[:5]
    for mine, its in zip(one[5:8], other[5:8], strict=True):
        assert mine.names == its.names
        for index in range(len(mine.names)):
            assert np.array_equal(mine.read_image(index), its.read_image(index))
            assert np.array_equal(mine.read_truth(index), its.read_truth(index))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_splits_are_cut_into_shards_of_a_fixed_size() -> None:
    assert shards({"train": 5, "val": 0, "test": 2}, 2) == [
        Shard("train", 0, 3, 0, 2),
        Shard("train", 1, 3, 2, 4),
        Shard("train", 2, 3, 4, 5),
        Shard("test", 0, 1, 0, 2),
    ]
    name = Shard("train", 1, 3, 2, 4).file_name("camvid")
    assert name == "camvid-train.array_record-00001-of-00003"


def test_prepared_camvid_is_the_raw_one(raw: Path, whole: Path) -> None:
    assert_same(camvid(str(raw), **SIZE), camvid(str(whole), **SIZE))
    check(camvid(str(whole), **SIZE))


def test_prepared_cityscapes_is_the_raw_one_read_from_archives(tmp_path: Path) -> None:
    archives = tmp_path / "archives"
    archives.mkdir()
    cityscapes_archives(cityscapes_folders(tmp_path / "folders"), archives)
    settings = {**SIZE, **DRAW}
    target = prepare(cityscapes, str(archives), str(tmp_path / "1.0.0"), settings)
    there = cityscapes(str(target), **settings)
    assert_same(cityscapes(str(archives), **settings), there)
    assert [len(part.names) for part in there[5:8]] == [5, 3, 2]
    for changed in ({"val": 2}, {"seed": 3}, {"width": 9}):
        ((option, value),) = changed.items()
        with pytest.raises(
            InputError, match=f"was prepared with {option}=.*, not {value}: prepare"
        ):
            cityscapes(str(target), **{**settings, **changed})
    with pytest.raises(InputError, match="prepared with dataset=cityscapes, not camvid"):
        camvid(str(target), **SIZE)


def test_an_empty_split_stays_empty(tmp_path: Path) -> None:
    folders = cityscapes_folders(tmp_path / "folders")
    settings = {**SIZE, "val": 0, "seed": 0}
    target = prepare(cityscapes, str(folders), str(tmp_path / "1.0.0"), settings)
    assert_same(cityscapes(str(folders), **settings), cityscapes(str(target), **settings))


def test_tfds_itself_reads_what_was_prepared(raw: Path, whole: Path) -> None:
    builder = tfds.builder_from_directory(str(whole))
    assert (builder.name, str(builder.version)) == ("camvid", "1.0.0")
    assert {split: info.num_examples for split, info in builder.info.splits.items()} == {
        "train": 5,
        "val": 5,
        "test": 5,
    }
    spec = camvid(str(raw), **SIZE)
    assert builder.info.features["label"].names == list(spec.classes)
    assert builder.info.metadata["classes"] == list(spec.classes)
    for index, record in enumerate(builder.as_data_source("val")):
        assert record["id"].decode() == spec.val.names[index]
        assert np.array_equal(record["image"], spec.val.read_image(index))
        assert np.array_equal(record["label"][..., 0], spec.val.read_truth(index))
    assert "tensorflow" not in sys.modules


def test_several_processes_write_the_same_bytes(raw: Path, whole: Path, tmp_path: Path) -> None:
    target = tmp_path / "1.0.0"
    prepare(camvid, str(raw), str(target), SIZE, images_per_shard=2, processes=3)
    assert contents(target) == contents(whole)


KILLED = """
import multiprocessing, os, signal, sys
from s4al_jax.data.camvid import camvid
from s4al_jax.data.prepare import prepare

def progress(done, total, before):
    if done > before:
        print(*(process.pid for process in multiprocessing.active_children()), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    prepare(
        camvid, sys.argv[1], sys.argv[2], dict(height=6, width=10),
        images_per_shard=2, processes=2, progress=progress,
    )
"""


def test_a_killed_preparation_goes_on_to_the_same_bytes(
    raw: Path, whole: Path, tmp_path: Path
) -> None:
    target, script = tmp_path / "1.0.0", tmp_path / "killed.py"
    script.write_text(KILLED)
    run = subprocess.run(
        [sys.executable, script, raw, target],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    workers = [int(pid) for pid in run.stdout.split()]
    assert workers and all(_is_gone(pid) for pid in workers)
    there = {path.name for path in target.glob("camvid-*")}
    assert 0 < len(there) < 9 and not (target / "dataset_info.json").exists()
    with pytest.raises(InputError, match="is prepared in part: give the preparing command again"):
        camvid(str(target), **SIZE)
    (target / ".unfinished-left").mkdir()
    untouched = {name: (target / name).stat().st_mtime_ns for name in there}
    seen: list[tuple[int, int, int]] = []
    prepare(
        camvid,
        str(raw),
        str(target),
        SIZE,
        images_per_shard=2,
        progress=lambda *state: seen.append(state),
    )
    assert contents(target) == contents(whole)
    assert {name: (target / name).stat().st_mtime_ns for name in there} == untouched
    assert seen[0][0] == seen[0][2] > 0 and seen[-1][:2] == (15, 15)
    assert_same(camvid(str(raw), **SIZE), camvid(str(target), **SIZE))


def _is_gone(pid: int) -> bool:
    """Whether a process ends soon: one whose parent was killed has nobody to wait for it."""
    for _ in range(100):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False


def test_a_finished_preparation_writes_no_image_again(raw: Path, whole: Path) -> None:
    before = contents(whole)
    seen: list[tuple[int, int, int]] = []
    prepare(
        camvid,
        str(raw),
        str(whole),
        SIZE,
        images_per_shard=2,
        progress=lambda *state: seen.append(state),
    )
    assert seen == [(15, 15, 15)]
    assert contents(whole) == before


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"settings": {"height": 6, "width": 11}}, "begun with settings .*'width': 10.* not .*11"),
        ({"images_per_shard": 3}, "begun with images_per_shard 2, not 3: choose another"),
        ({"processes": 0}, "0 processes"),
    ],
)
def test_another_preparation_does_not_go_into_the_same_folder(
    raw: Path, whole: Path, changes: dict[str, Any], message: str
) -> None:
    given = {"settings": SIZE, "images_per_shard": 2, **changes}
    with pytest.raises(InputError, match=message):
        prepare(camvid, str(raw), str(whole), **given)


def test_a_folder_that_another_process_prepares_is_left_to_it(raw: Path, tmp_path: Path) -> None:
    target = tmp_path / "1.0.0"
    target.mkdir()
    handle = os.open(target, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        with pytest.raises(InputError, match="1.0.0 is being prepared by another process: wait"):
            prepare(camvid, str(raw), str(target), SIZE)
    finally:
        os.close(handle)
    assert not list(target.iterdir())


def test_a_file_in_the_place_of_a_folder_and_a_damaged_plan_are_named(
    raw: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file cannot be read or written \(File exists\)"):
        prepare(camvid, str(raw), str(tmp_path / "file"), SIZE)
    for text, message in (("{", "not valid JSON"), ("[]", "is not as it was written")):
        (tmp_path / "preparation.json").write_text(text)
        with pytest.raises(InputError, match=f"preparation.json.* {message}"):
            prepare(camvid, str(raw), str(tmp_path), SIZE)


def test_other_images_and_occupied_folders_are_refused(
    raw: Path, whole: Path, tmp_path: Path
) -> None:
    other = camvid_folders(tmp_path / "other", count=6)
    with pytest.raises(InputError, match="begun with names other images, not these"):
        prepare(camvid, str(other), str(whole), SIZE, images_per_shard=2)
    with pytest.raises(InputError, match="holds other things: choose an empty or a new folder"):
        prepare(camvid, str(raw), str(other), SIZE)
    with pytest.raises(InputError, match="cannot be made of"):
        prepare(camvid, str(raw), str(raw), SIZE)


def test_a_bad_picture_is_named_and_nothing_looks_finished(tmp_path: Path) -> None:
    raw = camvid_folders(tmp_path / "raw")
    (raw / "val/val_3.png").write_bytes(b"no picture")
    target = tmp_path / "1.0.0"
    with pytest.raises(InputError, match=r"val_3\.png cannot be read"):
        prepare(camvid, str(raw), str(target), SIZE, images_per_shard=2)
    assert not (target / "dataset_info.json").exists()
    assert not list(target.glob("camvid-val.*00001-of-00003"))


def test_a_writing_process_that_dies_is_said_in_one_line(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="process that wrote was killed.*fewer processes"):
        prepare(deadly, str(raw), str(tmp_path / "1.0.0"), SIZE, processes=2)


def test_a_record_that_is_not_the_one_it_should_be_is_refused(whole: Path, tmp_path: Path) -> None:
    target = tmp_path / "1.0.0"
    target.mkdir()
    for name, content in contents(whole).items():
        (target / name).write_bytes(content)
    metadata = json.loads((target / "metadata.json").read_text())
    metadata["names"]["train"].reverse()
    (target / "metadata.json").write_text(json.dumps(metadata))
    spec = camvid(str(target), **SIZE)
    with pytest.raises(InputError, match="record 4 is train_4, not train_0: prepare it again"):
        spec.train.read_image(0)
    (target / "metadata.json").unlink()
    with pytest.raises(InputError, match='is no prepared camvid: .* config.data.name "tfds"'):
        camvid(str(target), **SIZE)


def test_the_bar_says_how_far_how_fast_and_how_long(capsys: pytest.CaptureFixture[str]) -> None:
    assert pace(150, 350, 50, 4.0) == "150/350 images, 25.0 images/s, 8 s left"
    assert pace(50, 350, 50, 0.0) == "50/350 images"
    show = bar()
    show(0, 4, 0)
    show(4, 4, 0)
    said = capsys.readouterr().out
    assert "0/4 images" in said and f"[{'#' * 30}] 4/4 images" in said and said.endswith("left\n")
