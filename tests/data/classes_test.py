"""Class lists: what each of the two files can say, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from s4al_jax.data.classes import class_list
from s4al_jax.types import VOID, InputError


def written(folder: Path, content: object) -> Path:
    (folder / "classes.json").write_text(json.dumps(content))
    return folder


def test_a_text_file_names_the_classes_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("\ufeffroad\n\n  wet grass \ncar\n", encoding="utf-8")
    found = class_list(tmp_path)
    assert found.names == ("road", "wet grass", "car")
    assert found.codes[[0, 1, 2, 3, 254, VOID]].tolist() == [0, 1, 2, -1, -1, VOID]
    assert len(set(found.palette)) == 3 and found.colors == {}


def test_json_gives_colors_void_and_the_numbers_in_the_files(tmp_path: Path) -> None:
    found = class_list(
        written(
            tmp_path,
            {
                "classes": [
                    {"name": "road", "color": [1, 2, 3]},
                    {"name": "car", "color": [4, 5, 6]},
                ],
                "void_colors": [[0, 0, 0]],
                "ids": {"7": "road", "26": "car", "27": "car", "0": "void"},
            },
        )
    )
    assert found.palette == ((1, 2, 3), (4, 5, 6))
    assert found.colors == {(1, 2, 3): 0, (4, 5, 6): 1, (0, 0, 0): VOID}
    assert found.codes[[7, 26, 27, 0, VOID, 1]].tolist() == [0, 1, 1, VOID, VOID, -1]


def test_two_classes_may_be_0_and_255(tmp_path: Path) -> None:
    found = class_list(
        written(tmp_path, {"classes": ["no", "yes"], "ids": {"0": "no", "255": "yes"}})
    )
    assert found.codes[[0, 255]].tolist() == [0, 1]


def test_a_list_of_names_is_enough(tmp_path: Path) -> None:
    found = class_list(written(tmp_path, ["a", "b"]))
    assert found.names == ("a", "b")
    assert np.count_nonzero(found.codes >= 0) == 3


@pytest.mark.parametrize(
    "content, message",
    [
        ({"classes": []}, "names 0 classes: give 1 to 253"),
        ({"classes": ["a", "a"]}, "names 'a' 2 times"),
        ({"classes": ["a", "void"]}, "void is no class"),
        ({"classes": [{"name": "a", "color": [1, 2]}]}, r"\[1, 2\] is no color"),
        ({"classes": [{"name": "a", "color": [1, 2, 300]}]}, r"\[1, 2, 300\] is no color"),
        ({"classes": ["a"], "colors": 1}, "no such entry 'colors'"),
        ({"classes": ["a"], "ids": {"1": "b"}}, "1 the name 'b', which is no class"),
        ({"classes": ["a"], "ids": {"65536": "a"}}, "ids has '65536'"),
        ({"classes": ["a", "b"], "ids": {"1": "a"}}, "ids has no number for 'b'"),
        (
            {"classes": [{"name": n, "color": [1, 1, 1]} for n in "ab"]},
            r"two classes have the color \[1, 1, 1\]",
        ),
        ({"names": ["a"]}, "no such entry 'names'"),
        (7, "is not as it should be"),
    ],
)
def test_what_makes_no_sense_is_named(content: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as refused:
        class_list(written(tmp_path, content))
    assert str(tmp_path / "classes.json") in str(refused.value)
    assert "\n" not in str(refused.value)


def test_one_of_the_two_files_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither is there: write one"):
        class_list(tmp_path)
    (tmp_path / "classes.txt").write_text("a")
    written(tmp_path, ["a"])
    with pytest.raises(InputError, match="both are there: remove one"):
        class_list(tmp_path)


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("Straße", encoding="latin-1")
    with pytest.raises(InputError, match="classes.txt is not text in UTF-8"):
        class_list(tmp_path)
    (tmp_path / "classes.txt").write_text("Straße", encoding="utf-16")
    with pytest.raises(InputError, match="classes.txt is not text in UTF-8"):
        class_list(tmp_path)
