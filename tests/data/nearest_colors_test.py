"""Soft edges and JPEG in masks of colors: a class that is near by, or void, never a stranger."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from s4al_jax.data.folder import folder
from s4al_jax.data.nearest_colors import are_between, nearest_ids
from s4al_jax.data.table import table
from s4al_jax.data.voc import voc
from s4al_jax.report.dataset import data_report
from s4al_jax.survey.validate import Survey, survey
from s4al_jax.types import VOID, DatasetSpec, InputError
from tests.conftest import Command

BLACK, WHITE, GRAY, RED = (0, 0, 0), (240, 240, 240), (120, 120, 120), (200, 0, 0)
CODES = {BLACK: 0, WHITE: 1, GRAY: 2, RED: 3, (0, 0, 200): VOID}
TABLE = np.array([BLACK, WHITE, GRAY, RED], np.uint8)


def halves(left: int, right: int) -> np.ndarray:
    """8 x 10 labels: five columns of one class, five of another."""
    labels = np.full((8, 10), left, np.uint8)
    labels[:, 5:] = right
    return labels


def soft(labels: np.ndarray, *parts: float) -> np.ndarray:
    """In colors; the columns from 4 on are blends, with these parts of the right class."""
    picture = TABLE[labels].astype(np.float64)
    for column, part in enumerate(parts, 4):
        picture[:, column] = (1 - part) * picture[:, 0] + part * picture[:, -1]
    return picture.round().astype(np.uint8)


def test_a_blend_of_two_classes_is_never_of_the_third_that_has_its_color_nearly() -> None:
    """Between black and white lies the gray of a class, which is nowhere in the mask."""
    picture = soft(halves(0, 1), 0.45, 0.55)
    assert picture[0, 4].tolist() == [108] * 3 and picture[0, 5].tolist() == [132] * 3
    labels, changed = nearest_ids(picture, CODES)
    assert labels.tolist() == halves(0, 1).tolist()
    assert changed.sum(0).tolist() == [0] * 4 + [8] * 2 + [0] * 4
    # Clear by its color, too, but no patch of that color is around.
    picture = soft(halves(0, 1), 0.48)
    assert picture[0, 4].tolist() == [115] * 3
    assert nearest_ids(picture, CODES)[0].tolist() == halves(0, 1).tolist()


def test_where_the_third_class_is_around_a_clear_color_is_its_own() -> None:
    labels = halves(0, 1)
    labels[3:6, 3:6] = 2
    picture = TABLE[labels]
    picture[4, 6] = [125, 118, 121]
    labels[4, 6] = 2
    found, changed = nearest_ids(picture, CODES)
    assert found.tolist() == labels.tolist() and changed.sum() == 1


def test_what_is_no_blend_of_the_colors_around_it_is_void() -> None:
    picture = TABLE[halves(0, 1)]
    picture[4, 4] = [0, 0, 90]  # farther than 48 from the grays
    picture[4, 8] = [240, 240, 200]  # 40 from white
    labels, changed = nearest_ids(picture, CODES)
    assert labels[4, 4] == VOID and labels[4, 8] == 1 and changed.sum() == 2
    # A blend, but of a color that is three pixels away.
    picture = TABLE[halves(0, 3)]
    picture[4, 1] = [100, 0, 0]
    assert nearest_ids(picture, CODES)[0][4, 1] == VOID
    assert (nearest_ids(np.full((3, 3, 3), 60, np.uint8), CODES)[0] == VOID).all()


def test_a_void_color_blends_as_all_others_do() -> None:
    picture = TABLE[halves(0, 0)]
    picture[:, 5:] = [0, 0, 200]
    picture[:, 5] = [0, 0, 150]
    picture[:, 4] = [0, 0, 60]
    expected = halves(0, 0)
    expected[:, 5:] = VOID
    assert nearest_ids(picture, CODES)[0].tolist() == expected.tolist()


def slow_ids(picture: np.ndarray) -> np.ndarray:
    """As `nearest_ids`, a pixel at a time."""
    height, width, _ = picture.shape
    colors = [np.array(color, float) for color in CODES]
    codes = list(CODES.values())

    def clear(r: int, c: int) -> int:
        if not (0 <= r < height and 0 <= c < width):
            return -1
        steps = [np.abs(picture[r, c] - color).max() for color in colors]
        if 0 in steps:
            return steps.index(0)
        near = [k for k, step in enumerate(steps) if step <= 8]
        return near[0] if len(near) == 1 else -1

    def is_patch(r: int, c: int) -> bool:
        own = clear(r, c)
        others = [(r + a, c + b) for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b]
        return own >= 0 and sum(clear(*other) == own for other in others) >= 3

    def choice(r: int, c: int) -> int:
        own = clear(r, c)
        if own >= 0 and (picture[r, c] == colors[own]).all():
            return codes[own]
        window = [(r + a, c + b) for a in range(-2, 3) for b in range(-2, 3)]
        around = sorted({clear(*at) for at in window if is_patch(*at)})
        if own in around:
            return codes[own]
        best, least = VOID, 48.0001
        for i in around:
            for j in around:
                for part in np.linspace(0, 1, 2401) if i < j else [0] * (i == j):
                    blend = colors[i] + part * (colors[j] - colors[i])
                    far = float(np.sqrt(((picture[r, c] - blend) ** 2).sum()))
                    if far < least - 1e-3:
                        best, least = codes[j if part > 0.5 else i], far
        return best

    return np.array([[choice(r, c) for c in range(width)] for r in range(height)], np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_the_rule_is_that_of_a_slow_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    picture = TABLE[np.kron(rng.integers(0, 4, (2, 3)), np.ones((3, 3), int))].astype(np.int64)
    spoiled = rng.random(picture.shape[:2]) < 0.3
    picture[spoiled] = rng.integers(0, 241, (int(spoiled.sum()), 3))
    near = rng.random(picture.shape[:2]) < 0.3
    picture[near] += rng.integers(-9, 10, (int(near.sum()), 3))
    picture = picture.clip(0, 255).astype(np.uint8)
    expected = slow_ids(picture.astype(np.int64))
    assert (expected == VOID).any() and len(np.unique(expected)) > 2
    np.testing.assert_array_equal(nearest_ids(picture, CODES)[0], expected)


@settings(max_examples=25, deadline=None)
@given(
    cells=st.lists(st.sampled_from([0, 1, 2, 3]), min_size=12, max_size=12),
    part=st.floats(0.1, 0.9),
)
def test_only_pixels_of_no_classs_color_change_and_they_take_a_class_near_by(
    cells: list[int], part: float
) -> None:
    """Fields of 4 x 4 pixels; where the class changes, a column is a blend of both."""
    labels = np.kron(np.reshape(cells, (3, 4)), np.ones((4, 4), int)).astype(np.uint8)
    colors = TABLE[labels].astype(np.float64)
    picture = colors.copy()
    picture[:, 4::4] = part * colors[:, 4::4] + (1 - part) * colors[:, 3:-1:4]
    picture = picture.round().astype(np.uint8)
    found, changed = nearest_ids(picture, CODES)
    exact = (picture[..., None, :] == TABLE).all(-1)
    assert np.array_equal(changed, ~exact.any(-1))
    np.testing.assert_array_equal(found[~changed], exact.argmax(-1)[~changed])
    # A patch may reach one pixel over the edge of its field.
    around = np.pad(labels, 3, constant_values=VOID)
    windows = np.lib.stride_tricks.sliding_window_view(around, (7, 7))
    near = (windows == found[..., None, None]).any((2, 3))
    assert near[changed & (found != VOID)].all()


def test_blends_are_told_from_colors_of_their_own() -> None:
    codes = {BLACK: 0, WHITE: 1, RED: 3}
    colors = [(60, 60, 60), (220, 120, 120), (0, 200, 0), (100, 2, 2)]
    assert are_between(colors, codes).tolist() == [True, True, False, True]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four images with masks in colors, two of which have soft edges."""
    names = ("black", "white", "gray", "red")
    classes = [{"name": n, "color": c.tolist()} for n, c in zip(names, TABLE, strict=True)]
    (tmp_path / "classes.json").write_text(json.dumps({"classes": classes}))
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 256, (8, 10, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / f"images/{number}.png")
        parts = ((), (), (0.2, 0.8), (0.1,))[number]
        Image.fromarray(soft(halves(0, 3), *parts)).save(tmp_path / f"masks/{number}.png")
    return tmp_path


def read(root: Path, **how: object) -> DatasetSpec:
    how = {"val_share": 0, "test_share": 0, **how}
    return folder(str(root), height=8, width=10, **how)  # type: ignore[arg-type]


def spoiled_more(root: Path) -> Survey:
    picture = soft(halves(0, 3), 0.2, 0.8)
    picture[0, 0] = [0, 250, 0]
    Image.fromarray(picture).save(root / "masks/2.png")
    return survey(read(root))


def test_without_the_option_the_pixels_between_colors_are_counted(photos: Path) -> None:
    """Eight pixels of each of three blends, and one of no blend, in two masks of 80 pixels."""
    (line,) = spoiled_more(photos).errors
    assert "2 of 4 masks hold such: " in line and "void_colors" not in line
    assert line.endswith(
        "correct them, or set config.data.kwargs.nearest_color=True: 24 pixels in 2 of them (15 % "
        "of theirs) lie between colors of classes, as soft edges do; it would change 16 % of the "
        "pixels"
    )


def test_with_the_option_masks_are_read_and_check_says_what_has_changed(photos: Path) -> None:
    spoiled_more(photos)
    spec = read(photos, nearest_color=True)
    found = survey(spec)
    assert found.errors == ()
    for index in range(4):
        expected = halves(0, 3)
        expected[0, 0] = VOID if index == 2 else 0
        assert spec.train.read_truth(index).tolist() == expected.tolist()
    # 17 and 8 of 160 pixels, of which one is void.
    assert (
        "note: train: 16 % of the pixels of 2 masks had no class's color; of a class near by are "
        f"15 % now, void 0.62 %; most are in {photos}/masks/2.png (21 %)"
    ) in data_report(spec, found)


CONFIG = """\"\"\"Soft masks: s4al check {path}\"\"\"
from ml_collections import ConfigDict

from s4al_jax.config import defaults


def get_config(study=None):
    config = defaults.default()
    config.data.update(name="folder", root="{root}", height=8, width=10)
    config.data.kwargs = ConfigDict(dict(val_share=0.0, test_share=0.0, nearest_color=True))
    return config
"""


def test_the_command_reads_soft_masks_and_says_what_has_changed(
    photos: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    path = photos / "soft.py"
    path.write_text(CONFIG.format(path=path, root=photos))
    for _ in range(2):  # what is kept of the first time is no excuse for the second
        assert command("check", path) == 0, capsys.readouterr()
        said = capsys.readouterr().out
        assert "note: train: 15 % of the pixels of 2 masks had no class's color; " in said
        assert "No errors." in said
    assert command("check", "folder", f"--config.data.root={photos}") == 1
    assert "lie between colors of classes" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["folder", "csv", "voc"])
def test_a_jpeg_is_a_mask_with_the_option_alone(kind: str, photos: Path) -> None:
    labels = np.kron(halves(0, 3), np.ones((8, 8), np.uint8))
    for number in range(4):
        name = photos / f"masks/{number}"
        name.with_suffix(".png").unlink()
        Image.fromarray(TABLE[labels]).save(name.with_suffix(".jpg"), quality=90, subsampling=0)
        Image.new("RGB", (80, 64), (number, 9, 9)).save(photos / f"images/{number}.png")
    open_it = {"folder": folder, "csv": csv_of(photos), "voc": voc_of(photos)}[kind]
    how = {"val_share": 0, "test_share": 0, "keep_together": False}
    spec = open_it(str(photos), height=64, width=80, **how)
    with pytest.raises(
        InputError, match=r"0.jpg is a JPEG file, whose colors .*nearest_color=True"
    ):
        spec.train.read_truth(0)
    spec = open_it(str(photos), height=64, width=80, nearest_color=True, **how)
    found = spec.train.read_truth(0)
    assert (found != labels).mean() < 0.02 and set(np.unique(found)) <= {0, 3, VOID}
    assert (found[:, :36] == 0).all() and (found[:, 44:] == 3).all()


def csv_of(root: Path) -> Callable[..., DatasetSpec]:
    rows = "".join(f"images/{n}.png,masks/{n}.jpg\n" for n in range(4))
    (root / "table.csv").write_text(f"image,mask\n{rows}")
    return table


def voc_of(root: Path) -> Callable[..., DatasetSpec]:
    for name, target in (("JPEGImages", "images"), ("SegmentationClass", "masks")):
        (root / name).symlink_to(root / target)
    (root / "ImageSets/Segmentation").mkdir(parents=True)
    (root / "ImageSets/Segmentation/train.txt").write_text("0\n1\n2\n3\n")
    return voc


def test_palette_masks_with_soft_edges_are_read_by_their_colors(photos: Path) -> None:
    numbers = halves(0, 1)
    numbers[:, 4:6] = [2, 3]
    picture = Image.fromarray(numbers).convert("P")
    picture.putpalette([0, 0, 0, 200, 0, 0, 40, 0, 0, 160, 0, 0])
    picture.save(photos / "masks/0.png")
    with pytest.raises(InputError, match="0.png shows 2 in the color"):
        read(photos).train.read_truth(0)
    assert read(photos, nearest_color=True).train.read_truth(0).tolist() == halves(0, 3).tolist()
    # 255 is void, however it is shown: here in nearly black.
    numbers[3, 3] = VOID
    picture = Image.fromarray(numbers).convert("P")
    picture.putpalette([0, 0, 0, 200, 0, 0, 40, 0, 0, 160, 0, 0] + [2, 0, 0] * 252)
    picture.save(photos / "masks/0.png")
    expected = halves(0, 3)
    expected[3, 3] = VOID
    assert read(photos, nearest_color=True).train.read_truth(0).tolist() == expected.tolist()
