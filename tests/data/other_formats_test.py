"""A label map that is no picture is named, and what is no label map is left alone."""

from pathlib import Path

import numpy as np
import pytest

from s4al_jax.data.coco import coco
from s4al_jax.data.folder import folder
from s4al_jax.types import InputError
from tests.support import ways_in
from tests.support.small_datasets import own_folder

HINT = "is no picture, and masks are: docs/how_to/own_data.md turns"


def test_a_mask_that_no_two_lines_convert_is_named_without_them(tmp_path: Path) -> None:
    own_folder(tmp_path, 3)
    (tmp_path / "masks/1.json").write_text('{"shapes": []}')
    with pytest.raises(InputError) as error:
        folder(str(tmp_path), height=8, width=16)
    assert str(error.value) == (
        f"{tmp_path}/masks/1.json is no picture, and masks are: save it as PNG, or see "
        "docs/how_to/own_data.md for what else is read"
    )


def test_cocos_json_among_masks_is_sent_to_its_configuration_which_reads_it(tmp_path: Path) -> None:
    ways_in.coco_folder(tmp_path, 4)
    (tmp_path / "classes.txt").write_text("earth\nwater\nair\n")
    (tmp_path / "masks").mkdir()
    (tmp_path / "all.json").rename(tmp_path / "masks/all.json")
    with pytest.raises(InputError, match=r"masks/all.json is COCO's JSON: put it beside the"):
        folder(str(tmp_path), height=8, width=16)
    (tmp_path / "masks/all.json").rename(tmp_path / "all.json")
    spec = coco(str(tmp_path), height=8, width=16, val_share=0, test_share=0)
    assert spec.train.known.all() and len(spec.train.names) == 4


@pytest.mark.parametrize("name", ["1.npy", "other.npy", "1.MAT", "deep/2.npz", "1.txt", "1.csv"])
def test_a_mask_in_another_format_is_named(name: str, tmp_path: Path) -> None:
    own_folder(tmp_path, 3)
    path = tmp_path / "masks" / name
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        np.save(file, np.zeros((2, 2)))
    with pytest.raises(InputError) as error:
        folder(str(tmp_path), height=8, width=16)
    assert str(error.value) == f"{path} {HINT} {path.suffix} into PNG in two lines"


@pytest.mark.parametrize("name", ["README.txt", "Thumbs.db", ".1.npy", "tool/notes.json"])
def test_notes_beside_masks_are_left_alone(name: str, tmp_path: Path) -> None:
    own_folder(tmp_path, 3)
    path = tmp_path / "masks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("made with a tool")
    assert folder(str(tmp_path), height=8, width=16).train.known.all()
