"""Parquet files: splits by name, rows with and without masks, memory, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s4al_jax.data import parquet as module
from s4al_jax.data.parquet import KEPT_GROUPS, parquet
from s4al_jax.runtime import extras
from s4al_jax.survey.validate import survey
from s4al_jax.types import DatasetSpec, InputError
from tests.support.bad_inputs import Case, refused
from tests.support.small_datasets import png
from tests.support.ways_in import parquet_file, parquet_files, picture_type, pictures, write

pa = pytest.importorskip(
    "pyarrow", reason="pyarrow is not installed: pip install 's4al_jax[parquet]'"
)
pq = pytest.importorskip("pyarrow.parquet")

IMAGE = png(np.random.default_rng(0).integers(0, 256, (8, 16, 3), np.uint8))
MASK = png(np.random.default_rng(1).integers(0, 3, (8, 16), np.uint8))
ROW = {"image": {"bytes": IMAGE}, "label": {"bytes": MASK}}
BARE: dict[str, Any] = {"image": {"bytes": IMAGE}, "label": None}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Eight rows with masks, in two files of train."""
    parquet_files(tmp_path, 8)
    return tmp_path


def read(root: Path, **how: object) -> DatasetSpec:
    how = {"fit": "stretch", **how}
    return parquet(str(root), height=8, width=16, **how)  # type: ignore[arg-type]


def test_rows_are_images_by_their_place_and_val_and_test_are_drawn(root: Path) -> None:
    spec = read(root, val_share=0.25, test_share=0.125)
    assert [len(split.names) for split in (spec.train, spec.val, spec.test)] == [5, 2, 1]
    assert not survey(spec).errors
    by_name = {f"train/{n:06d}": (i, m) for n, (_, i, m) in enumerate(pictures(8))}
    for split in (spec.train, spec.val, spec.test):
        for index, name in enumerate(split.names):
            image, ids = by_name.pop(name)
            np.testing.assert_array_equal(split.original(index), image)
            assert split.read_original_truth is not None
            np.testing.assert_array_equal(split.read_original_truth(index), ids)
    assert not by_name


@pytest.mark.parametrize(
    "names",
    [
        ("train-00000-of-00001", "validation-00000-of-00001", "test-00000-of-00001"),
        ("train", "val", "test"),
        ("data/train/0000", "data/validation/0000", "data/test/0000"),
        ("training.a", "dev.a", "testing.a"),
    ],
)
def test_files_say_their_split_by_name_or_folder(names: tuple[str, ...], tmp_path: Path) -> None:
    write(tmp_path / "classes.txt", "a\nb\nc\n")
    for count, name in enumerate(names, start=1):
        parquet_file(tmp_path / f"{name}.parquet", [ROW] * count)
    spec = read(tmp_path)
    assert [len(split.names) for split in (spec.train, spec.val, spec.test)] == [1, 2, 3]
    assert spec.test.names[-1] == "test/000002"


@pytest.mark.parametrize("statistics", [True, False])
def test_a_row_without_a_mask_is_unlabeled(
    statistics: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "classes.txt", "a\nb\nc\n")
    usual = pq.write_table
    monkeypatch.setattr(
        pq, "write_table", lambda *a, **kw: usual(*a, write_statistics=statistics, **kw)
    )
    nothing = {"image": {"bytes": IMAGE}, "label": {"bytes": None, "path": None}}
    rows = [ROW, ROW, ROW, BARE, BARE, nothing, nothing, ROW]
    parquet_file(tmp_path / "train.parquet", rows)
    known = read(tmp_path, val_share=0.0, test_share=0.0).train.known.tolist()
    assert known == [True, True, True, False, False, False, False, True]


def test_columns_of_other_names_and_of_bytes_alone_can_be_named(tmp_path: Path) -> None:
    write(tmp_path / "classes.txt", "a\nb\nc\n")
    table = pa.table({"pixel_values": [IMAGE] * 2, "seg": [MASK, None], "label": ["x", "y"]})
    pq.write_table(table, tmp_path / "a.parquet")
    spec = read(tmp_path, image="pixel_values", mask="seg", val_share=0.0, test_share=0.0)
    assert spec.train.known.tolist() == [True, False]
    assert spec.train.read_truth(0).max() == 2


def test_a_picture_that_was_not_embedded_lies_beside_the_file(tmp_path: Path) -> None:
    write(tmp_path / "classes.txt", "a\nb\nc\n")
    write(tmp_path / "data/a/1.png", IMAGE)
    row = {"image": {"bytes": None, "path": "a/1.png"}, "label": {"bytes": MASK}}
    parquet_file(tmp_path / "data/train.parquet", [row])
    spec = read(tmp_path, val_share=0.0, test_share=0.0)
    assert spec.train.read_image(0).shape == (8, 16, 3) and not survey(spec).errors
    (tmp_path / "data/a/1.png").unlink()
    (error,) = survey(spec).errors
    assert f"column image names {tmp_path}/data/a/1.png, which is not there" in error


def test_few_row_groups_are_in_memory_and_none_before_a_picture_is_read(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[Any] = []
    usual = module._Reader

    def counted() -> Any:
        readers.append(usual())
        return readers[-1]

    monkeypatch.setattr(module, "_Reader", counted)
    parquet_file(root / "data/train-00002.parquet", [ROW] * 20, group=1)
    spec = read(root, val_share=0.0, test_share=0.0)
    (reader,) = readers
    assert reader.kept == {} and len(spec.train.names) == 28
    for index in range(28):
        spec.train.read_truth(index)
        assert all(len(kept) <= KEPT_GROUPS for kept in reader.kept.values())
    # Rows of one group are read with one look at the file.
    spec.train.read_image(0)
    monkeypatch.setattr(usual, "_read", lambda *given: pytest.fail("read again"))
    spec.train.read_image(1)


BAD = (
    Case(
        "without files",
        lambda root: [path.unlink() for path in root.rglob("*.parquet")],
        "HERE holds no Parquet files (.parquet): put them there",
    ),
    Case(
        "as save_to_disk writes it",
        lambda root: [p.rename(p.with_suffix(".arrow")) for p in list(root.rglob("*.parquet"))],
        "HERE holds Arrow files, as save_to_disk writes them: write Parquet files with "
        "dataset.to_parquet(...)",
    ),
    Case(
        "without class names",
        lambda root: (root / "classes.txt").unlink(),
        "HERE needs a classes.txt (a name a line) or a classes.json; neither is there: write one",
    ),
    Case(
        "with a file of no split",
        lambda root: parquet_file(root / "data/more.parquet", [ROW]),
        "HERE/data/more.parquet does not say its split while other files do: begin its name with "
        "train-, validation- or test-",
    ),
    Case(
        "with two columns that may be masks",
        lambda root: pq.write_table(
            pa.table({"image": [IMAGE], "label": [MASK], "mask": [MASK]}), root / "train.parquet"
        ),
        "HERE/train.parquet has the columns label and mask: say which holds the masks with "
        "config.data.kwargs.mask",
    ),
    Case(
        "with images of another name",
        lambda root: pq.write_table(
            pa.table({"photo": [IMAGE], "label": [MASK]}), root / "train.parquet"
        ),
        "HERE/train.parquet has no column 'image', there are photo, label: set "
        "config.data.kwargs.image",
    ),
    Case(
        "with labels that are no masks",
        lambda root: pq.write_table(
            pa.table({"image": [IMAGE], "label": [3]}), root / "train.parquet"
        ),
        "HERE/train.parquet: the column 'label' holds int64, no encoded pictures: set "
        "config.data.kwargs.mask, or write it as datasets.Image",
    ),
    Case(
        "that measures on a row without a mask",
        lambda root: parquet_file(root / "data/val.parquet", [BARE]),
        "val/000000 of HERE is in val and has no mask: add one, or move the image to train",
    ),
)


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_a_folder_that_contradicts_itself_is_refused_by_name(case: Case, root: Path) -> None:
    refused(case, root, read)


def test_a_damaged_file_is_named(root: Path) -> None:
    path = root / "data/train-00001-of-00002.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="train-00001-of-00002.parquet is no Parquet file"):
        read(root)


def test_damaged_rows_are_named_by_the_check(tmp_path: Path) -> None:
    write(tmp_path / "classes.txt", "a\nb\nc\n")
    none = {"image": {"bytes": None, "path": None}, "label": {"bytes": MASK}}
    away = {"image": {"bytes": None, "path": "/etc/a.png"}, "label": None}
    small = {"image": {"bytes": IMAGE}, "label": {"bytes": png(np.zeros((2, 2), np.uint8))}}
    broken = {"image": {"bytes": IMAGE[:50]}, "label": None}
    parquet_file(tmp_path / "train.parquet", [none, away, small, broken])
    errors = survey(read(tmp_path, val_share=0.0, test_share=0.0)).errors
    file = f"{tmp_path}/train.parquet"
    assert [error.partition(": ")[0] for error in errors] == [
        f"{file}, row 0 of row group 0, column image holds no picture",
        f"'{file}, row 1 of row group 0, column image' has a name that leads out of its folder",
        f"{file}, row 0 of row group 1, column label has 2 x 2 pixels, its image {file}, row 0 of "
        "row group 1, column image has 8 x 16",
        errors[3].partition(": ")[0],
    ]
    assert errors[3].startswith(f"{file}, row 1 of row group 1, column image cannot be read")


def test_without_pyarrow_it_says_what_to_install(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda name: False)
    with pytest.raises(InputError) as error:
        read(root)
    assert str(error.value) == (
        "config.data.name=parquet needs pyarrow: pip install 's4al_jax[parquet]'"
    )


def test_the_columns_are_of_the_type_that_datasets_writes() -> None:
    assert str(picture_type()) == "struct<bytes: binary, path: string>"
