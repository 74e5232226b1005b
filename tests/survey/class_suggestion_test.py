"""The classes.json that is suggested reads the masks: it is written and all is checked again."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s4al_jax.cli import main
from s4al_jax.data.folder import folder
from s4al_jax.survey.class_suggestion import known_classes, suggestion
from s4al_jax.survey.mask_census import folder_census, near_colors
from s4al_jax.survey.validate import survey

Make = Callable[[int], Image.Image]


def numbers(*values: int, kind: type = np.uint8) -> Make:
    """Masks of these numbers, as many pixels of each."""
    return lambda _: Image.fromarray(np.resize(np.array(values, kind), (8, 12)))


def colors(*values: tuple[int, int, int]) -> Make:
    return lambda _: Image.fromarray(np.resize(np.array(values, np.uint8), (8, 12, 3)))


def indexed(values: list[int], *palettes: list[int]) -> Make:
    """Masks with a palette, in turn one of these."""

    def make(number: int) -> Image.Image:
        picture = Image.fromarray(np.resize(np.array(values, np.uint8), (8, 12))).convert("P")
        picture.putpalette(palettes[number % len(palettes)])
        return picture

    return make


def one_bit(_: int) -> Image.Image:
    return Image.fromarray(np.arange(96).reshape(8, 12) % 2 == 0)


def soft_edges(_: int) -> Image.Image:
    """Two colors, and a mixture in one of 10,000 pixels."""
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[:50] = [200, 0, 0]
    pixels[50, 50] = [100, 0, 0]
    return Image.fromarray(pixels)


def fill(root: Path, make: Make) -> None:
    for kind in ("images", "masks"):
        (root / kind).mkdir(exist_ok=True)
    for number in range(10):
        labels = make(number)
        noise = np.random.default_rng(number).integers(0, 256, (*labels.size[::-1], 3), np.uint8)
        Image.fromarray(noise).save(root / f"images/{number}.png")
        labels.save(root / f"masks/{number}.png")


SETS: dict[str, tuple[Make, int]] = {
    "0, 1, 2 and void": (numbers(0, 1, 2, 255), 3),
    "other numbers": (numbers(7, 11, 26, 255), 3),
    "black and white": (numbers(0, 255), 2),
    "three grays": (numbers(0, 128, 255), 3),
    "one bit": (one_bit, 2),
    "sixteen bits": (numbers(1000, 2000, kind=np.uint16), 2),
    "one number": (numbers(5), 1),
    "colors": (colors((1, 2, 3), (200, 0, 0), (0, 9, 0)), 3),
    "soft edges": (soft_edges, 2),
    "a palette": (indexed([0, 1, 2], [0, 0, 0, 200, 0, 0, 0, 200, 0]), 3),
    "palettes in another order": (indexed([0, 1], [0, 0, 0, 90, 0, 0], [90, 0, 0, 0, 0, 0]), 2),
    "a palette with one color twice": (indexed([0, 1, 2], [0, 0, 0, 90, 0, 0, 0, 0, 0]), 3),
    "a palette and void": (indexed([0, 1, 255], [*[0, 0, 0], *[90, 0, 0], *[7] * 762]), 2),
}


@pytest.mark.parametrize("name", SETS)
def test_what_is_suggested_reads_all_masks(name: str, tmp_path: Path) -> None:
    make, count = SETS[name]
    fill(tmp_path, make)
    _, census = folder_census(str(tmp_path))
    text = suggestion(census)
    assert text is not None
    (tmp_path / "classes.json").write_text(text)
    spec = folder(str(tmp_path), height=8, width=12, keep_together=False)
    found = survey(spec)
    assert found.errors == () and len(spec.classes) == count
    seen = sum(split.class_pixels for split in found.splits.values())
    assert np.all(seen > 0), "every class is in the masks"


def test_palettes_in_another_order_are_told_apart_by_color(tmp_path: Path) -> None:
    fill(tmp_path, SETS["palettes in another order"][0])
    _, census = folder_census(str(tmp_path))
    content = json.loads(suggestion(census) or "")
    assert sorted(entry["color"] for entry in content["classes"]) == [[0, 0, 0], [90, 0, 0]]
    assert "ids" not in content


@pytest.mark.parametrize(
    "make",
    [
        lambda n: (numbers(0, 1) if n % 2 else colors((0, 0, 0)))(n),
        lambda n: Image.fromarray(np.random.default_rng(n).integers(0, 256, (80, 80, 3), np.uint8)),
        lambda n: Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)),
    ],
    ids=["numbers and colors", "photographs", "all numbers"],
)
def test_masks_that_say_two_things_get_no_suggestion(make: Make, tmp_path: Path) -> None:
    fill(tmp_path, make)
    assert suggestion(folder_census(str(tmp_path))[1]) is None


@pytest.mark.parametrize(
    "text, make, names",
    [
        ('["a", "b"]', numbers(0, 1, 7), ["a", "b", "class_7"]),
        ('["a", "b"]', numbers(0, 255), ["a", "b"]),
        (
            '{"classes": ["a", "b"], "ids": {"3": "b", "9": "a", "4": "void"}}',
            numbers(3, 9, 4, 5),
            ["a", "b", "class_5"],
        ),
        (
            '[{"name": "a", "color": [9, 9, 9]}, {"name": "b", "color": [0, 0, 9]}]',
            colors((9, 9, 9), (0, 0, 9), (50, 0, 0)),
            ["a", "b", "class_2"],
        ),
    ],
)
def test_classes_that_are_there_keep_their_names(
    text: str, make: Make, names: list[str], tmp_path: Path
) -> None:
    fill(tmp_path, make)
    (tmp_path / "classes.json").write_text(text)
    place, census = folder_census(str(tmp_path))
    before = survey(folder(str(tmp_path), height=8, width=12))
    assert before.errors
    (tmp_path / "classes.json").write_text(suggestion(census, known_classes(place)) or "")
    spec = folder(str(tmp_path), height=8, width=12)
    assert survey(spec).errors == () and list(spec.classes) == names


def test_a_palette_that_is_nearly_the_classes_is_suspected(tmp_path: Path) -> None:
    fill(tmp_path, indexed([0, 1], [0, 0, 0, 92, 0, 0]))
    (tmp_path / "classes.json").write_text(
        '[{"name": "a", "color": [90, 0, 0]}, {"name": "b", "color": [3, 2, 0]}]'
    )
    place, census = folder_census(str(tmp_path))
    known = known_classes(place)
    assert known is not None
    found = [one.text for one in near_colors(census, known)]
    # The numbers are read as they are: 1, which is nearly the color of a, is b.
    assert survey(folder(str(tmp_path), height=8, width=12)).errors == ()
    assert any(
        "shows 1 in the color (92, 0, 0)" in t and "2 levels from that of 'a'" in t for t in found
    )
    assert any(
        "shows 0 in the color (0, 0, 0)" in t and "3 levels from that of 'b'" in t for t in found
    )


def test_the_command_prints_it_where_classes_are_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path, numbers(0, 128, 255))
    look = ["check", "folder", f"--config.data.root={tmp_path}"]
    look += ["--config.data.height=8", "--config.data.width=12"]
    assert main.main(look) == 1
    said = capsys.readouterr()
    assert "needs a classes.txt" in said.err
    assert "| 128 |  | 33.3 |" in said.out
    (tmp_path / "classes.json").write_text(said.out[said.out.index('{"classes"') :])
    assert main.main(look) == 0
    assert "No errors." in capsys.readouterr().out
