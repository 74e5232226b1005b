"""Masks of one class each, as folders of files: which class each is of, and how they are joined."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from s4al_jax.data.folder import folder
from s4al_jax.survey.validate import survey
from s4al_jax.types import VOID, DatasetSpec, ImageSet, InputError
from tests.conftest import Command
from tests.support.small_datasets import data_science_bowl

SIZE = (3, 4)
NUCLEI = "background\nnucleus\n"
STREET = "background\nroad\ncar\n"


def bits(*pixels: int) -> np.ndarray:
    """A mask in which these pixels, counted along the rows, are white."""
    mask = np.zeros(12, np.uint8)
    mask[list(pixels)] = 255
    return mask.reshape(SIZE)


def write(path: Path, picture: np.ndarray | Image.Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(path)


def add(root: Path, name: str, files: Mapping[str, np.ndarray | Image.Image]) -> None:
    seed = sum(map(ord, name))
    noise = np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)
    write(root / f"images/{name}.png", noise)
    for file, picture in files.items():
        write(root / f"masks/{name}/{file}", picture)


def read(root: Path, **how: object) -> DatasetSpec:
    how = {"val_share": 0, "test_share": 0, **how}
    return folder(str(root), height=SIZE[0], width=SIZE[1], **how)  # type: ignore[arg-type]


def truth(root: Path, name: str = "a", **how: object) -> list[int]:
    train: ImageSet = read(root, **how).train
    found: list[int] = train.read_truth(train.names.index(name)).ravel().tolist()
    return found


def refusal(root: Path, **how: object) -> str:
    with pytest.raises(InputError) as error:
        truth(root, **how)
    return str(error.value).replace(f"{root}/", "")


def test_numbered_files_are_instances_of_the_only_class_beside_the_background(
    tmp_path: Path,
) -> None:
    (tmp_path / "classes.txt").write_text(NUCLEI)
    hashed = "07a9bf1d7594af2763c86e93f05d22c4"
    add(tmp_path, "a", {"0001.png": bits(1, 2), "2.png": bits(2, 7), f"{hashed}.png": bits(11)})
    assert truth(tmp_path) == [0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1]


def test_a_file_is_called_after_its_class_with_or_without_a_number(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("background\nroad\ncar\ncar_1\n")
    names = ("road.png", "car-3.png", "2_car.png", "car_12.tiff", "car_1.png", "void.png")
    add(tmp_path, "a", {name: bits(at) for at, name in enumerate(names)})
    assert truth(tmp_path) == [1, 2, 2, 2, 3, VOID, 0, 0, 0, 0, 0, 0]


def test_without_a_background_the_rest_is_void(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("road\ncar\n")
    add(tmp_path, "a", {"road.png": bits(0), "car.png": bits(1)})
    assert truth(tmp_path) == [0, 1] + [VOID] * 10


def test_files_of_two_classes_that_overlap_are_refused_or_what_the_option_says(
    tmp_path: Path,
) -> None:
    (tmp_path / "classes.txt").write_text(STREET)
    files = {"car.png": bits(1, 2, 3), "road.png": bits(0, 1, 2), "void_1.png": bits(0)}
    add(tmp_path, "a", files)
    assert refusal(tmp_path) == (
        "masks/a/road.png and masks/a/car.png are of two classes and share 2 pixels: correct one, "
        'or set config.data.kwargs.overlap to "void", or to "last" for the class that comes last '
        "in the list"
    )
    assert truth(tmp_path, overlap="void")[:5] == [VOID, VOID, VOID, 2, 0]
    assert truth(tmp_path, overlap="last")[:5] == [VOID, 2, 2, 2, 0]
    assert refusal(tmp_path, overlap="first").startswith("config.data.kwargs.overlap is 'first'")


def palette(*colors: tuple[int, int, int]) -> Image.Image:
    picture = Image.fromarray((bits(4, 5) > 0).astype(np.uint8)).convert("P")
    picture.putpalette([level for color in colors for level in color])
    return picture


@pytest.mark.parametrize(
    "picture",
    [
        Image.fromarray(bits(4, 5)),
        Image.fromarray((bits(4, 5) > 0).astype(np.uint8)),
        Image.fromarray(bits(4, 5) > 0),
        Image.fromarray(bits(4, 5).astype(np.uint16) * 256),
        Image.fromarray(bits(4, 5)).convert("RGB"),
        Image.fromarray(bits(4, 5)).convert("RGBA"),
        Image.fromarray(bits(4, 5)[..., None] // np.array([1, 2, 255], np.uint8)),
        palette((0, 0, 0), (200, 10, 10)),
    ],
    ids=lambda picture: f"{picture.mode}-{picture.getextrema()}",
)
def test_inside_is_whatever_is_neither_zero_nor_black(picture: Image.Image, tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text(NUCLEI)
    add(tmp_path, "a", {"1.png": picture})
    assert truth(tmp_path) == [0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0]


def test_a_palette_may_show_the_number_0_as_inside(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text(NUCLEI)
    add(tmp_path, "a", {"1.png": palette((255, 255, 255), (0, 0, 0))})
    assert truth(tmp_path) == [1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1]


def test_an_empty_and_a_full_mask_are_masks(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text(STREET)
    add(tmp_path, "a", {"car.png": bits()})
    add(tmp_path, "b", {"road.png": np.full(SIZE, 7, np.uint8)})
    assert truth(tmp_path) == [0] * 12 and truth(tmp_path, "b") == [1] * 12


SOFT = bits(0, 1)
SOFT[0, 2] = 90
LEVELS = (np.arange(12).reshape(SIZE) % 3 + 1).astype(np.uint8)


@pytest.mark.parametrize(
    "classes, files, said",
    [
        (NUCLEI, {"1.png": SOFT}, "masks/a/1.png holds 3 different numbers or colors: a mask of"),
        (NUCLEI, {"1.png": LEVELS}, "masks/a/1.png holds 3 different"),
        (NUCLEI, {"1.png": palette((9, 9, 9), (7, 7, 7))}, "masks/a/1.png holds no 0: a mask"),
        (NUCLEI, {"1.jpg": bits(0)}, "masks/a/1.jpg is a JPEG file, which does not keep"),
        (NUCLEI, {"1.png": bits(0)[:2]}, "masks/a/1.png has 2 x 4 pixels, its image"),
        (NUCLEI, {"outline.png": bits(0)}, "masks/a/outline.png is called after no class: name"),
        (STREET, {"1.png": bits(0)}, "masks/a/1.png is called after no class: name it as its"),
        ("7\n8\n", {"7_8.png": bits(0)}, "masks/a/7_8.png is called after 7 or 8: name it"),
        ("nucleus\n", {"1.png": bits(0)}, "masks/a/1.png is a mask of the one class 'nucleus'"),
    ],
)
def test_what_does_not_fit_is_named(
    classes: str, files: dict[str, np.ndarray], said: str, tmp_path: Path
) -> None:
    (tmp_path / "classes.txt").write_text(classes)
    add(tmp_path, "a", files)
    assert refusal(tmp_path).startswith(said)


def test_folders_and_single_masks_stand_side_by_side_but_not_for_one_image(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text(NUCLEI)
    add(tmp_path, "trip/a", {"1.png": bits(3)})
    add(tmp_path, "trip/b", {})
    add(tmp_path, "c", {})
    write(tmp_path / "masks/trip/b.png", (bits(0) > 0).astype(np.uint8))
    assert truth(tmp_path, "trip/a").index(1) == 3 and truth(tmp_path, "trip/b").index(1) == 0
    assert read(tmp_path).train.known.tolist() == [False, True, True]
    write(tmp_path / "masks/trip/a.png", bits())
    assert refusal(tmp_path).startswith("masks/trip/a.png and masks/trip/a/1.png are both masks of")
    (tmp_path / "masks/trip/a.png").rename(tmp_path / "masks/d.png")
    assert refusal(tmp_path).startswith("masks/d.png is the mask of no image")


def test_the_layout_of_the_data_science_bowl_is_read_as_it_is(tmp_path: Path) -> None:
    data_science_bowl(tmp_path)
    (tmp_path / "classes.txt").write_text(NUCLEI)
    spec = read(tmp_path, val_share=0.2, keep_together=False)
    assert len(spec.train.names) == 8 and len(spec.val.names) == 2
    number = int(spec.val.names[0][:2])
    expected = (bits(number, number + 1) > 0).astype(int)
    assert spec.val.read_truth(0).tolist() == expected.tolist()
    found = survey(spec)
    assert found.errors == () and found.splits["train"].class_pixels.tolist() == [80, 16]
    first = f"00{'ab' * 31}"
    write(tmp_path / f"{first}/images/other.png", bits())
    assert "lie beside the same masks" in refusal(tmp_path)
    (tmp_path / f"{first}/images/other.png").rename(tmp_path / f"{first}/masks/0.npy")
    assert f"{first}/masks/0.npy is no picture" in refusal(tmp_path)
    (tmp_path / f"{first}/masks/0.npy").unlink()
    (tmp_path / f"{first}/images/{first}.png").unlink()
    assert "is the mask of no image" in refusal(tmp_path)


@pytest.mark.parametrize("listed", [None, "nucleus"])
def test_check_prints_a_class_list_that_reads_folders_of_masks(
    listed: str | None, tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    data_science_bowl(tmp_path)
    if listed:
        (tmp_path / "classes.txt").write_text(listed)
    look = ("check", "folder", f"--config.data.root={tmp_path}", "--config.data.height=3")
    look = (*look, "--config.data.width=4")
    assert command(*look) == 1
    said = capsys.readouterr().out
    assert "masks of one class each are called a number (20)" in said
    text = said[said.index('{"classes"') :]
    assert '"background"' in text and f'"{listed or "object"}"' in text
    (tmp_path / "classes.txt").unlink(missing_ok=True)
    (tmp_path / "classes.json").write_text(text)
    assert command(*look) == 0
    assert "No errors." in capsys.readouterr().out


def test_the_names_of_files_are_suggested_as_classes(
    tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    add(tmp_path, "a", {"road.png": bits(0), "car_1.png": bits(1), "2_car.png": bits(2)})
    look = ("check", "folder", f"--config.data.root={tmp_path}")
    assert command(*look) == 1
    said = capsys.readouterr().out
    assert "are called car (2), road (1)" in said
    (tmp_path / "classes.json").write_text(said[said.index('{"classes"') :])
    assert read(tmp_path).classes == ("background", "car", "road")
    assert truth(tmp_path)[:4] == [2, 1, 1, 0]


@settings(max_examples=25, deadline=None)
@given(labels=st.lists(st.sampled_from([0, 1, 2, VOID]), min_size=12, max_size=12))
def test_labels_in_a_file_for_each_class_come_back(
    labels: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("split")
    (root / "classes.txt").write_text(STREET)
    names = {0: "background", 1: "road_5", 2: "car", VOID: "void"}
    files = {
        f"{name}.png": bits(*np.flatnonzero(np.array(labels) == code).tolist())
        for code, name in names.items()
    }
    add(root, "a", files)
    assert truth(root) == labels
    (root / "masks/a/background.png").unlink()  # it is what no file covers
    assert truth(root) == labels
