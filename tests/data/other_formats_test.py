"""A label map that is no picture is named, and what is no label map is left alone."""

from pathlib import Path

import numpy as np
import pytest

from s4al_jax.data.folder import folder
from s4al_jax.types import InputError
from tests.support.small_datasets import own_folder

HINT = "is no picture, and masks are: docs/how_to/own_data.md turns"


@pytest.mark.parametrize("name", ["1.npy", "other.npy", "1.MAT", "deep/2.npz", "1.txt", "1.json"])
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
