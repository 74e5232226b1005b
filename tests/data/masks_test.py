"""A mask means the same however it is encoded, or is refused by name; nothing is guessed."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from s4al_jax.data.classes import ClassList, class_list
from s4al_jax.data.instance_masks import OVERLAPS, class_codes, read_instances
from s4al_jax.data.masks import read_mask
from s4al_jax.files.images import image_file
from s4al_jax.types import VOID, InputError

COLORS = ((128, 64, 128), (0, 0, 142), (70, 70, 70))
VOID_COLOR = (0, 0, 0)
LABELS = np.array([[0, 1, 2, VOID], [2, 2, 1, 0]], np.uint8)
CLASSES = """{"classes": [{"name": "road", "color": [128, 64, 128]},
 {"name": "car", "color": [0, 0, 142]}, {"name": "house", "color": [70, 70, 70]}],
 "void_colors": [[0, 0, 0]]%s}"""
IDS = ', "ids": {"0": "road", "1": "car", "2": "house"}'


def classes_of(folder: Path, more: str = "") -> ClassList:
    (folder / "classes.json").write_text(CLASSES % more)
    return class_list(folder)


def read(
    folder: Path,
    mask: Image.Image,
    name: str = "mask.png",
    more: str = "",
    *,
    nearest: bool | None = None,
) -> np.ndarray:
    mask.save(folder / name)
    Image.new("RGB", mask.size).save(folder / "image.png")
    files = (image_file(folder / one) for one in (name, "image.png"))
    return read_mask(*files, classes_of(folder, more), nearest=nearest)


def refusal(folder: Path, mask: Image.Image, more: str = "") -> str:
    with pytest.raises(InputError) as caught:
        read(folder, mask, more=more)
    return str(caught.value)


def colored(labels: np.ndarray) -> Image.Image:
    table = np.zeros((256, 3), np.uint8)
    table[:3] = COLORS
    return Image.fromarray(table[labels])


def with_palette(numbers: np.ndarray, colors: dict[int, tuple[int, int, int]]) -> Image.Image:
    """Shows the given numbers in these colors and all others in one that no class has."""
    palette = np.full((256, 3), 7, np.uint8)
    for number, color in colors.items():
        palette[number] = color
    picture = Image.fromarray(numbers)
    picture.putpalette(palette.tobytes())
    return picture


def sorted_as(labels: np.ndarray, order: np.ndarray, *, void: int) -> Image.Image:
    """A palette mask in which class k has the number `order[k]`, and void has `void`."""
    numbers = np.append(order, [0] * 253).astype(np.uint8)[labels]
    numbers[labels == VOID] = void
    colors = {int(order[k]): COLORS[k] for k in range(3)} | {void: VOID_COLOR}
    return with_palette(numbers, colors)


def encodings(labels: np.ndarray, order: np.ndarray, void: int) -> dict[str, Image.Image]:
    """The same labels in every encoding, by the name of a file."""
    palette = sorted_as(labels, order, void=void)
    return {
        "index.png": Image.fromarray(labels),
        "index.tiff": Image.fromarray(labels),
        "index.bmp": Image.fromarray(labels),
        "deep.png": Image.fromarray(labels.astype(np.uint16)),
        "deep.tiff": Image.fromarray(labels.astype(np.uint16)),
        "color.png": colored(labels),
        "color.bmp": colored(labels),
        "color.tiff": colored(labels),
        "alpha.png": colored(labels).convert("RGBA"),
        "palette.png": palette,
        "palette.gif": palette,
        "palette.tiff": palette,
        "palette.bmp": palette,
    }


@settings(max_examples=20, deadline=None)
@given(
    labels=st.lists(st.sampled_from([0, 1, 2, VOID]), min_size=12, max_size=12),
    order=st.permutations([0, 1, 2, 3]),
)
def test_labels_are_the_same_in_every_encoding(
    labels: list[int], order: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In a palette in any order, even one in which every number is that of another class; and in a
    file for each class."""
    folder, picture = tmp_path_factory.mktemp("masks"), np.array(labels, np.uint8).reshape(3, 4)
    found = encodings(picture, np.array(order[:3]), order[3])
    for name, mask in found.items():
        np.testing.assert_array_equal(read(folder, mask, name), picture, err_msg=name)
        np.testing.assert_array_equal(read(folder, mask, name, nearest=True), picture, err_msg=name)
    paths = []
    for name, code in (("2_road", 0), ("car", 1), ("house-1", 2), ("void", VOID)):
        paths.append(folder / f"{name}.png")
        Image.fromarray(picture == code).save(paths[-1])
    files, classes = [image_file(path) for path in paths], classes_of(folder)
    codes, image = class_codes(paths, classes), image_file(folder / "image.png")
    for overlap in OVERLAPS:
        joined = read_instances(files, codes, image, classes, overlap)
        np.testing.assert_array_equal(joined, picture)


def test_a_palette_in_another_order_is_read_by_its_colors(tmp_path: Path) -> None:
    numbers = np.array([[2, 0, 1, 3], [1, 1, 0, 2]], np.uint8)
    mask = with_palette(numbers, {2: COLORS[0], 0: COLORS[1], 1: COLORS[2], 3: VOID_COLOR})
    assert read(tmp_path, mask).tolist() == LABELS.tolist()


def test_a_palette_of_other_colors_says_nothing_and_numbers_count(tmp_path: Path) -> None:
    shown = {0: (1, 1, 9), 1: (2, 2, 9), 2: (3, 3, 9), VOID: (4, 4, 9)}
    assert read(tmp_path, with_palette(LABELS, shown)).tolist() == LABELS.tolist()


def test_the_grays_of_a_picture_without_a_palette_are_no_colors(tmp_path: Path) -> None:
    """Number 0 would be void by its color, which is black as that of void."""
    ramp = with_palette(LABELS, {number: (number,) * 3 for number in range(256)})
    assert read(tmp_path, ramp).tolist() == LABELS.tolist()


def test_255_is_void_in_whatever_color_it_is_shown(tmp_path: Path) -> None:
    shown = {number: COLORS[number] for number in range(3)} | {VOID: (224, 224, 192)}
    assert read(tmp_path, with_palette(LABELS, shown)).tolist() == LABELS.tolist()


def test_a_palette_with_a_color_of_no_class_beside_others_is_refused(tmp_path: Path) -> None:
    numbers = np.array([[0, 1, 2, 2], [2, 2, 1, 0]], np.uint8)
    said = refusal(tmp_path, with_palette(numbers, {0: COLORS[0], 1: COLORS[1], 2: (9, 9, 9)}))
    assert said.startswith(
        f"{tmp_path}/mask.png shows 2 in the color (9, 9, 9), which no class has"
    )
    assert "(4 of 8 pixels are of no class)" in said and "void_colors" in said


def test_numbers_and_colors_that_contradict_each_other_are_refused_with_both(
    tmp_path: Path,
) -> None:
    """Where `ids` says what numbers mean; where it does not, their order is no statement."""
    order = np.array([1, 0, 2])
    mask = sorted_as(LABELS, order, void=3)
    said = refusal(tmp_path, mask, IDS)
    assert said.startswith(f"{tmp_path}/mask.png holds 1 at row 0, column 0: by `ids`")
    assert "that is 'car', by its color in the palette 'road'" in said
    agreed = sorted_as(LABELS, np.array([0, 1, 2]), void=3)
    assert read(tmp_path, agreed, more=IDS).tolist() == LABELS.tolist()


def test_gray_levels_one_bit_and_deep_numbers_mean_what_ids_says(tmp_path: Path) -> None:
    labels = np.array([[0, 1], [1, VOID]], np.uint8)
    levels = ', "ids": {"0": "road", "128": "car", "255": "house", "7": "void"}'
    gray = Image.fromarray(np.array([[0, 128], [128, 7]], np.uint8))
    assert read(tmp_path, gray, more=levels).tolist() == labels.tolist()
    deep = ', "ids": {"0": "road", "1000": "car", "65535": "house", "7": "void"}'
    picture = Image.fromarray(np.array([[0, 1000], [1000, 7]], np.uint16))
    assert read(tmp_path, picture, more=deep).tolist() == labels.tolist()
    bits = Image.fromarray(np.array([[False, True], [True, False]]))
    assert read(tmp_path, bits).tolist() == [[0, 1], [1, 0]]


def test_a_number_that_is_no_class_is_named_at_any_depth(tmp_path: Path) -> None:
    for number, kind in ((3, np.uint8), (300, np.uint16), (65535, np.uint16)):
        said = refusal(tmp_path, Image.fromarray(np.full((2, 2), number, kind)))
        assert f"mask.png holds the id {number}: use the numbers of the classes" in said
