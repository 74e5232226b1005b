"""A user's folder: which image is in which split, what its mask says, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s4al_jax.data.folder import folder
from s4al_jax.survey.validate import check, survey
from s4al_jax.types import VOID, DatasetSpec, InputError


def add(root: Path, name: str, *, mask: np.ndarray | None = None, seed: int = 0) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), np.uint8)
    for place, picture in (("images", pixels), ("masks", mask)):
        if picture is not None:
            path = root / place / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)


def ids(value: int = 0) -> np.ndarray:
    labels = np.full((4, 6), value, np.uint8)
    labels[0, 0], labels[0, 1] = 1, VOID
    return labels


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Ten images in two sub-folders, six with masks."""
    (tmp_path / "classes.txt").write_text("earth\nsky\n")
    for number in range(10):
        place = "north" if number % 2 else "south"
        add(tmp_path, f"{place}/{number}", mask=ids() if number < 6 else None, seed=number)
    return tmp_path


def read(root: Path, **how: object) -> DatasetSpec:
    return folder(str(root), height=4, width=6, **how)  # type: ignore[arg-type]


def test_a_draw_takes_val_and_test_from_the_images_with_masks(root: Path) -> None:
    spec = read(root, val_share=1 / 3, test_share=1 / 6)
    assert [len(split.names) for split in (spec.train, spec.val, spec.test)] == [7, 2, 1]
    names = [*spec.train.names, *spec.val.names, *spec.test.names]
    assert sorted(names) == sorted(f"{'north' if n % 2 else 'south'}/{n}" for n in range(10))
    assert spec.val.known.all() and spec.test.known.all()
    assert spec.train.known.tolist() == [int(name[-1]) < 6 for name in spec.train.names]
    assert read(root, val_share=1 / 3, test_share=1 / 6).train.names == spec.train.names
    others = [read(root, seed=seed, val_share=1 / 3).val.names for seed in range(5)]
    assert len(set(others)) > 1
    check(spec)


def test_masks_are_read_as_ids_and_images_as_they_are(root: Path) -> None:
    spec = read(root)
    index = spec.train.names.index("south/0") if "south/0" in spec.train.names else None
    split, index = (spec.train, index) if index is not None else (spec.val, 0)
    truth = split.read_truth(index)
    assert truth[0, :3].tolist() == [1, VOID, 0]
    with Image.open(root / f"images/{split.names[index]}.png") as picture:
        assert np.array_equal(split.read_image(index), np.array(picture))


def test_color_masks_are_read_by_their_palette(root: Path) -> None:
    (root / "classes.txt").unlink()
    (root / "classes.json").write_text(
        '{"classes": [{"name": "earth", "color": [9, 9, 9]}, {"name": "sky", "color": [1, 2, 3]}],'
        ' "void_colors": [[0, 0, 0]]}'
    )
    colors = np.full((4, 6, 3), 9, np.uint8)
    colors[0, :2] = [[1, 2, 3], [0, 0, 0]]
    for number in range(6):
        add(root, f"{'north' if number % 2 else 'south'}/{number}", mask=colors, seed=number)
    spec = read(root, val_share=0.5)
    assert spec.val.read_truth(0)[0, :3].tolist() == [1, VOID, 0]
    assert spec.palette == ((9, 9, 9), (1, 2, 3))


def test_folders_named_after_splits_are_the_splits(root: Path) -> None:
    for number in range(6):
        place = "north" if number % 2 else "south"
        target = ("train", "val", "test")[number // 2]
        for kind in ("images", "masks"):
            path = root / kind / target / f"{number}.png"
            path.parent.mkdir(exist_ok=True)
            (root / kind / place / f"{number}.png").rename(path)
    for path in root.glob("images/*th/*"):
        path.rename(root / "images/train" / path.name)
    for place in ("north", "south"):
        (root / "images" / place).rmdir()
    spec = read(root)
    assert spec.val.names == ("val/2", "val/3") and spec.test.names == ("test/4", "test/5")
    assert len(spec.train.names) == 6


def test_lists_name_the_splits_with_or_without_an_ending(root: Path) -> None:
    (root / "train.txt").write_text("south/0\nnorth/7.png\n")
    (root / "val.txt").write_text("north/1\n")
    spec = read(root)
    assert spec.train.names == ("north/7", "south/0")
    assert (spec.val.names, spec.test.names) == (("north/1",), ())
    assert "test has no images: nothing is measured on it" in survey(spec).warnings


def test_any_size_is_brought_to_the_working_size_and_kept_in_the_original(root: Path) -> None:
    big = np.arange(8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3)
    Image.fromarray(big).save(root / "images/north/7.png")
    spec = read(root)
    index = spec.train.names.index("north/7")
    assert spec.train.read_image(index).shape == (4, 6, 3)
    assert np.array_equal(spec.train.original(index), big)
    sizes = survey(spec, originals=True).splits["train"].sizes
    assert sizes[8, 12] == 1 and sizes[4, 6] == len(spec.train.names) - 1


def void_everywhere(root: Path) -> None:
    for path in root.glob("masks/*/*.png"):
        Image.fromarray(np.array([[0, 255] * 3] * 4, np.uint8)).save(path)


@pytest.mark.parametrize(
    "break_it, message",
    [
        (lambda root: add(root, "north/1", mask=ids(7)), "north/1.png holds the id 7"),
        (lambda root: add(root, "north/1", mask=ids()[:3]), "1.png has 3 x 6 pixels, its image"),
        (
            lambda root: add(root, "north/1", mask=np.zeros((4, 6, 3), np.uint8)),
            "is a color picture: give every class its color in classes.json",
        ),
        (void_everywhere, r"only the class 'earth' and void \(255\): if that number means"),
        (lambda root: (root / "images/north/9.png").write_text("x"), "9.png cannot be read"),
    ],
)
def test_a_wrong_file_is_found_before_training(
    break_it: Callable[[Path], object], message: str, root: Path
) -> None:
    break_it(root)
    with pytest.raises(InputError, match=message):
        check(read(root))


@pytest.mark.parametrize(
    "break_it, message",
    [
        (lambda root: (root / "images/south/0.png").unlink(), "is the mask of no image"),
        (
            lambda root: Image.new("RGB", (6, 4)).save(root / "images/south/0.bmp"),
            "share one name",
        ),
        (lambda root: (root / "train.txt").write_text("east/1"), "names 'east/1', but"),
        (lambda root: (root / "train.txt").write_text("south/0\nsouth/0"), "named already"),
        (lambda root: (root / "train.txt").write_text(""), "leaves no image to learn from"),
        (
            lambda root: [
                (root / "train.txt").write_text("south/0"),
                (root / "val.txt").write_text("south/8"),
            ],
            "south/8 of .* is in val and has no mask",
        ),
        (lambda root: (root / "images/train").mkdir() or add(root, "train/a"), None),
    ],
)
def test_a_folder_that_does_not_fit_together_is_refused_at_once(
    break_it: Callable[[Path], object], message: str | None, root: Path
) -> None:
    break_it(root)
    if message is None:
        assert "train/a" in [*read(root).train.names], "not all folders are splits: it is a draw"
        return
    with pytest.raises(InputError, match=message):
        read(root)


def test_a_folder_without_pictures_or_a_wrong_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="set config.data.root"):
        folder("", height=4, width=4)
    with pytest.raises(InputError, match="nowhere is not a folder"):
        read(tmp_path / "nowhere")
    (tmp_path / "classes.txt").write_text("a")
    (tmp_path / "images").mkdir()
    with pytest.raises(InputError, match="images holds no pictures"):
        read(tmp_path)
    add(tmp_path, "a")
    with pytest.raises(InputError, match="split is 'odd': auto, folders, lists or draw"):
        read(tmp_path, split="odd")
    with pytest.raises(InputError, match="give shares from 0"):
        read(tmp_path, val_share=0.6, test_share=0.4)


def test_every_problem_is_listed_and_duplicates_are_only_mentioned(root: Path) -> None:
    add(root, "north/1", mask=ids(7), seed=1)
    (root / "images/north/9.png").write_text("x")
    add(root, "south/8", seed=6)
    spec = read(root, val_share=0, test_share=0)
    found = survey(spec)
    assert len(found.errors) == 2
    assert "train/south/6 and train/south/8 are the same picture" in found.warnings
    assert found.splits["train"].class_pixels.tolist() == [5 * 22, 5]
    assert found.splits["train"].void_pixels == 5
    with pytest.raises(InputError, match=r"\(and 1 more; s4al check lists all\)"):
        check(spec)
