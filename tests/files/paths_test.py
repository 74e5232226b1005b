"""Data in a bucket is read as it is read from a disk; what is in the way is said in one line."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from absl.testing import flagsaver
from safetensors.numpy import save_file

from s4al_jax.cli import arguments
from s4al_jax.config.defaults import default
from s4al_jax.data.camvid import camvid
from s4al_jax.data.cityscapes import cityscapes
from s4al_jax.data.coco import coco
from s4al_jax.data.folder import folder
from s4al_jax.data.label_studio import label_studio
from s4al_jax.data.parquet import parquet
from s4al_jax.data.table import table
from s4al_jax.data.tfds import records
from s4al_jax.data.voc import voc
from s4al_jax.files import paths
from s4al_jax.models import build
from s4al_jax.types import DatasetSpec, InputError
from tests.support import small_datasets, ways_in
from tests.support.bucket import Bucket, served

if importlib.util.find_spec("gcsfs") is None:
    pytest.skip("gcsfs is not installed: pip install gcsfs", allow_module_level=True)

STREETS = {"dataset": "streets", "image": "photo", "label": "classes", "id": "name"}
DATASETS: dict[str, tuple[Callable[..., DatasetSpec], dict[str, str | int]]] = {
    "camvid": (camvid, {}),
    "cityscapes": (cityscapes, {"val": 1}),
    "archives": (cityscapes, {"val": 1}),
    "own": (folder, {"val_share": 0.2, "test_share": 0.2}),
    "bowl": (folder, {"val_share": 0.3, "test_share": 0}),
    "voc": (voc, {}),
    "coco": (coco, {"val_share": 0.2, "test_share": 0.2}),
    "csv": (table, {}),
    "label_studio": (label_studio, {"val_share": 0.2, "test_share": 0.2}),
    "records": (records, {**STREETS, "val": "eval", "test": ""}),
}


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """A bucket with one data set of every kind, and where clients of Google's find it."""
    root = tmp_path_factory.mktemp("bucket")
    small_datasets.camvid_folders(root / "camvid", count=2)
    small_datasets.cityscapes_folders(root / "cityscapes")
    for name in ("archives", "own"):
        (root / name).mkdir()
    small_datasets.cityscapes_archives(root / "cityscapes", root / "archives")
    small_datasets.own_folder(root / "own", 5)
    (root / "own/classes.txt").write_text("\ufeffearth\nwater\nair\n", encoding="utf-8")
    (root / "own/images/lake").mkdir()
    (root / "own/images/0.png").rename(root / "own/images/lake/0.png")
    (root / "own/masks/0.png").unlink()
    small_datasets.streets(root / "records")
    small_datasets.data_science_bowl(root / "bowl", 3)
    (root / "bowl/classes.txt").write_text("background\nnucleus\n")
    ways_in.voc_folders(root / "voc", 4)
    ways_in.coco_folder(root / "coco", 4)
    ways_in.csv_table(root / "csv", 4)
    ways_in.label_studio_export(root / "label_studio", 4)
    made = Bucket("data", root)
    with pytest.MonkeyPatch.context() as patch, served(made) as address:
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        patch.setenv("STORAGE_EMULATOR_HOST", address)
        patch.setenv("CLOUD_STORAGE_EMULATOR_ENDPOINT", address)  # Google's C++ library
        yield made


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_in_a_bucket_is_the_one_on_the_disk(name: str, bucket: Bucket) -> None:
    read, settings = DATASETS[name]
    there, here = (
        read(root, height=small_datasets.HEIGHT, width=small_datasets.WIDTH, **settings)
        for root in (f"gs://data/{name}", str(bucket.root / name))
    )
    assert (there.name, there.classes) == (here.name, here.classes)
    for split in ("train", "val", "test"):
        one, other = getattr(there, split), getattr(here, split)
        assert one.names == other.names
        assert one.known.tolist() == other.known.tolist()
        for index in range(len(one.names)):
            assert np.array_equal(one.read_image(index), other.read_image(index))
            if one.known[index]:
                assert np.array_equal(one.read_truth(index), other.read_truth(index))
    assert len(there.train.names) > 1


def test_parquet_files_in_a_bucket_are_refused_in_one_line(bucket: Bucket) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    with pytest.raises(InputError, match="gs://data/own: Parquet files are read from a disk alone"):
        parquet("gs://data/own", height=8, width=16)


def test_a_folder_is_listed_once_and_a_picture_is_one_request(bucket: Bucket) -> None:
    before = len(bucket.asked)
    found = paths.list_tree(paths.resolve_path("gs://data/own/masks"))
    assert [path.name for path in found] == ["1.png", "2.png", "3.png", "4.png"]
    assert len(bucket.asked) <= before + 1, "listings are kept"
    with paths.open_binary(found[0]) as stream:
        assert stream.read() == (bucket.root / "own/masks/1.png").read_bytes()
    assert len(bucket.asked) <= before + 2


def test_weights_in_a_bucket_are_those_on_the_disk(bucket: Bucket) -> None:
    save_file({"a": np.arange(6, dtype=np.float32)}, bucket.root / "weights.safetensors")
    model = default().model.to_dict()
    found = build.conventions(model | {"pretrained": "gs://data/weights.safetensors"})
    np.testing.assert_array_equal(found.tensors["a"], np.arange(6, dtype=np.float32))
    assert found.source == "gs://data/weights.safetensors"
    (bucket.root / "broken.safetensors").write_bytes(b"no weights")
    with pytest.raises(InputError, match=r"^gs://data/broken.safetensors") as error:
        build.conventions(model | {"pretrained": "gs://data/broken.safetensors"})
    assert "\n" not in str(error.value)


WRONG = {
    "a bucket that is not there": ("gs://nowhere/camvid", "no such bucket or folder"),
    "a folder that is not there": ("gs://data/nothing", "no such bucket or folder"),
    "a bucket that one may not see": (
        "gs://locked/camvid",
        "cannot be read (Forbidden: b/locked/o the caller does not have "
        "storage.objects.list access): check the name and your right to read it",
    ),
    "a folder of something else": ("gs://data/own", "own/train is not a folder"),
    "a package that is missing": ("s3://data/camvid", "pip install 's4al_jax[s3]'"),
    "a kind that is not known": ("ftp://data/camvid", "ftp:// is not read here, only gs://"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_in_the_way_is_one_line(
    what: str, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, said = WRONG[what]
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(InputError) as error:
        camvid(where)
    assert str(error.value).startswith(where) and said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_picture_that_is_damaged_is_named_by_its_url(bucket: Bucket) -> None:
    spec = camvid("gs://data/camvid", height=4, width=4)
    path = bucket.root / "camvid/val/val_0.png"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20] + bytes(20))
    with pytest.raises(InputError, match=r"^gs://data/camvid/val/val_0.png cannot be read"):
        spec.val.read_image(0)
    path.unlink()
    with pytest.raises(InputError, match=r"^gs://data/camvid/val/val_0.png cannot be read"):
        spec.val.read_image(0)
    path.write_bytes(whole)


def test_names_of_files_on_the_disk_stay_what_they_are(tmp_path: Path) -> None:
    assert paths.resolve_path(str(tmp_path)) == tmp_path
    assert paths.resolve_path("~/data") == Path.home() / "data"
    assert paths.is_local(paths.resolve_path("a:/b"))
    with paths.local_copy(str(tmp_path / "weights")) as path:
        assert path == tmp_path / "weights"


def test_a_run_s_directory_has_to_be_on_a_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    with flagsaver.flagsaver(), pytest.raises(SystemExit) as end:
        arguments.parse_flags(["main", "--workdir=gs://data/run"])
    said = str(end.value)
    assert said.startswith("error: ") and "\n" not in said
    assert "--workdir=gs://data/run" in said and "has to be on a disk" in said
