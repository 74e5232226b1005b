"""TFDS's ArrayRecord data sets: the right label for each image, without TensorFlow."""

import importlib
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds

from s4al_jax.data.tfds import palette, records
from s4al_jax.survey.validate import check
from s4al_jax.types import VOID, DatasetSpec, InputError
from tests.support.small_datasets import HEIGHT, WIDTH, streets

OPTIONS: dict[str, Any] = {
    "dataset": "streets",
    "image": "photo",
    "label": "classes",
    "id": "name",
    "train": "train",
    "val": "eval",
    "test": "",
    "height": HEIGHT,
    "width": WIDTH,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return streets(tmp_path_factory.mktemp("tfds"))


def opened(root: Path, **changes: Any) -> DatasetSpec:
    return records(str(root), **{**OPTIONS, **changes})


def test_every_label_lands_on_its_image_though_records_are_stored_in_another_order(
    root: Path,
) -> None:
    stored = tfds.builder_from_directory(str(root / "streets/1.2.0")).as_data_source(
        "train", decoders={"photo": tfds.decode.SkipDecoding()}
    )
    order = [int(record["number"]) for record in stored]
    assert order != sorted(order) and sorted(order) == list(range(20))
    spec = opened(root)
    assert spec.train.names == tuple(f"street_{i:02d}" for i in range(20))
    assert spec.val.names == tuple(f"street_{i:02d}" for i in range(20, 26))
    for images, first in ((spec.train, 0), (spec.val, 20)):
        for index in range(len(images.names)):
            number = first + index
            assert np.all(images.read_image(index) == number)
            truth = images.read_truth(index)
            assert np.all(truth[1:] == number % 11) and np.all(truth[0] == VOID)
            assert truth.shape == (HEIGHT, WIDTH)
    check(spec)


def test_a_folder_a_name_and_a_version_lead_to_the_same_data(root: Path) -> None:
    for place, name in ((root, "streets:1.2.0"), (root / "streets/1.2.0", "")):
        spec = opened(place, dataset=name)
        assert (spec.name, len(spec.train.names), len(spec.val.names)) == ("streets", 20, 6)
        assert np.all(spec.train.read_image(7) == 7)
    assert opened(root).test.names == ()


def test_classes_come_from_the_label_feature_or_from_the_option(root: Path) -> None:
    spec = opened(root)
    assert spec.classes == tuple(f"class {i}" for i in range(11))
    assert len(set(spec.palette)) == 11
    named = opened(root, classes=tuple("abcdefghijk"))
    assert named.classes == tuple("abcdefghijk")


def test_ids_that_stand_for_void_are_void(root: Path) -> None:
    spec = opened(root, classes=tuple("abcdefghi"), void=(9, 10, 255))
    assert np.all(spec.train.read_truth(8)[1:] == 8)
    assert np.all(spec.train.read_truth(9) == VOID) and np.all(spec.train.read_truth(10) == VOID)


def test_a_number_may_be_the_id_and_without_one_the_place_is_the_name(root: Path) -> None:
    spec = opened(root, id="number")
    assert spec.train.names == tuple(sorted(str(i) for i in range(20)))
    index = spec.train.names.index("13")
    assert np.all(spec.train.read_image(index) == 13)
    spec = opened(root, id="")
    assert spec.train.names == tuple(f"{i:06d}" for i in range(20))
    for index in range(20):
        number = int(spec.train.read_image(index)[0, 0, 0])
        assert np.all(spec.train.read_truth(index)[1:] == number % 11)


def test_a_split_may_be_a_part_of_one(root: Path) -> None:
    spec = opened(root, train="train[:75%]", val="train[75%:]", test="eval")
    assert [len(part.names) for part in spec[5:8]] == [15, 5, 6]
    assert len(set(spec.train.names + spec.val.names)) == 20


def test_pictures_are_brought_to_the_working_size(root: Path) -> None:
    spec = opened(root, height=4, width=20)
    assert spec.train.read_image(3).shape == (4, 20, 3)
    # Of eight rows the second, fourth, ... are the nearest; the first was void.
    assert np.all(spec.train.read_truth(3) == 3)


def test_many_threads_may_read_at_once(root: Path) -> None:
    spec = opened(root)
    with ThreadPoolExecutor(8) as threads:
        images = threads.map(spec.train.read_image, [*range(20)] * 10)
        for i, image in enumerate(images):
            assert np.all(image == i % 20)


def test_neither_reading_nor_building_imports_tensorflow(root: Path, tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from s4al_jax.data.tfds import records
from tests.support.small_datasets import streets
spec = records({str(root)!r}, **{OPTIONS!r})
spec.train.read_image(0), spec.train.read_truth(0)
streets(Path({str(tmp_path)!r}))
assert "tensorflow" not in sys.modules and "jax" not in sys.modules
print("without", sys.modules.get("tensorflow_datasets") is not None)
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert run.stdout.strip().endswith("without True"), run.stderr


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"dataset": "roads"}, "roads is no TFDS data set .*: check the name"),
        ({"dataset": ""}, "is no TFDS data set"),
        ({"image": "image"}, "no feature 'image': set config.data.kwargs.image to one of .*photo"),
        ({"label": ""}, "no feature '': set config.data.kwargs.label"),
        ({"label": "number"}, "the feature number is no picture: .*kwargs.label"),
        ({"id": "ident"}, "no feature 'ident': set config.data.kwargs.id"),
        ({"label": "photo"}, "photo does not name its classes: set config.data.kwargs.classes"),
        ({"val": "val"}, "Unknown split 'val'. Should be one of"),
        ({"void": (255, 256)}, "the id 256 does not fit into 0 to 255"),
        ({"height": 0}, "0 x 16 pixels are empty"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    root: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as refused:
        opened(root, **changes)
    assert "\n" not in str(refused.value)


def test_no_root_is_refused() -> None:
    with pytest.raises(InputError, match=r"set config\.data\.root or TFDS_DATA_DIR"):
        records("", height=1, width=1)


def test_an_unknown_id_names_the_record(root: Path) -> None:
    spec = opened(root, classes=("a", "b"))
    with pytest.raises(
        InputError, match="1.2.0:train/street_05/classes holds the id 5: use 0 to 1"
    ):
        spec.train.read_truth(5)


def test_an_id_that_two_records_have_is_refused(root: Path) -> None:
    with pytest.raises(InputError, match="train has two records of the id ulm: give each its own"):
        opened(root, id="city")


def test_another_format_is_refused_with_the_way_out(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    info = copy / "streets/1.2.0/dataset_info.json"
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    with pytest.raises(InputError, match='stored as tfrecord: prepare it with file_format="arr'):
        opened(copy)


def test_a_damaged_or_missing_file_is_named(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    (path,) = (copy / "streets/1.2.0").glob("*-train.array_record-*")
    path.unlink()
    with pytest.raises(
        InputError, match="train: record 0 is damaged .*prepare it again"
    ) as refused:
        opened(copy)
    assert "\n" not in str(refused.value)


def test_the_palette_begins_as_pascal_vocs() -> None:
    assert palette(4) == ((128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128))
    assert len(set(palette(255))) == 255


def test_the_configuration_takes_a_study_and_names_the_data_by_an_option() -> None:
    get_config = importlib.import_module("configs.tfds").get_config
    config = get_config("random")
    assert (config.data.name, config.acquisition.name) == ("tfds", "random")
    assert config.data.kwargs.dataset == ""
    assert get_config().acquisition.name == "entropy"
    assert get_config("supervised").method.name == "supervised"
    for gone in ("streets/clear:1.2.0", "streets,random"):
        with pytest.raises(InputError, match=f"'{gone}'.*--config.data.kwargs.dataset=NAME"):
            get_config(gone)
