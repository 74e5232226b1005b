"""CamVid's folders: what is read, resized and refused; the real one where it is at hand."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s4al_jax.data.camvid import CLASSES, PALETTE, camvid
from s4al_jax.survey.validate import check
from s4al_jax.types import VOID, InputError

HEIGHT, WIDTH = 4, 6
SPLITS = ("train", "val", "test")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small CamVid: two images a split, all different."""
    random = np.random.default_rng(0)
    for split in SPLITS:
        (tmp_path / split).mkdir()
        (tmp_path / f"{split}annot").mkdir()
        for name in ("b", "a"):
            pixels = random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / split / f"{name}.png")
            ids = random.integers(0, 12, (HEIGHT, WIDTH), np.uint8)
            Image.fromarray(ids).save(tmp_path / f"{split}annot" / f"{name}.png")
    return tmp_path


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.array(picture)


def save_label(root: Path, ids: np.ndarray) -> None:
    Image.fromarray(ids).save(root / "valannot/a.png")


def save_image(root: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(root / "val/a.png")


def test_there_are_11_classes_each_with_its_own_color() -> None:
    assert len(CLASSES) == len(set(CLASSES)) == len(PALETTE) == len(set(PALETTE)) == 11
    assert dict(zip(CLASSES, PALETTE, strict=True))["pavement"] == (60, 40, 222)
    assert (CLASSES[0], CLASSES[3], CLASSES[10]) == ("sky", "road", "bicyclist")


def test_images_and_truths_are_read_by_sorted_name(root: Path) -> None:
    spec = camvid(str(root), height=HEIGHT, width=WIDTH)
    assert (spec.name, spec.height, spec.width) == ("camvid", HEIGHT, WIDTH)
    for split, images in zip(SPLITS, (spec.train, spec.val, spec.test), strict=True):
        assert images.names == ("a", "b")
        for index, name in enumerate(images.names):
            image, truth = images.read_image(index), images.read_truth(index)
            assert np.array_equal(image, pixels_of(root / split / f"{name}.png"))
            ids = pixels_of(root / f"{split}annot" / f"{name}.png")
            assert np.array_equal(truth == VOID, ids == 11)
            assert np.array_equal(truth[ids < 11], ids[ids < 11])
            assert image.dtype == truth.dtype == np.uint8
    check(spec)


def test_both_codes_of_void_and_an_index_palette_are_understood(root: Path) -> None:
    ids = np.full((HEIGHT, WIDTH), 255, np.uint8)
    ids[0] = [0, 3, 10, 11, 11, 255]
    label = Image.fromarray(ids)
    label.putpalette([value for color in PALETTE for value in color] + [0] * 3 * 245)
    assert label.mode == "P"
    label.save(root / "valannot/a.png")
    truth = camvid(str(root), height=HEIGHT, width=WIDTH).val.read_truth(0)
    assert truth[0].tolist() == [0, 3, 10, VOID, VOID, VOID]
    assert np.all(truth[1:] == VOID)


def test_files_are_read_late_and_may_be_of_any_format(root: Path) -> None:
    pixels = np.full((HEIGHT, WIDTH), 77, np.uint8)
    (root / "train/a.png").unlink()
    Image.fromarray(pixels).save(root / "train/a.bmp")
    (root / "train/Thumbs.db").write_bytes(b"no picture")
    (root / "train/._a.png").write_bytes(b"no picture")
    spec = camvid(str(root), height=HEIGHT, width=WIDTH)
    assert spec.train.names == ("a", "b")
    assert np.all(spec.train.read_image(0) == 77)
    assert spec.train.read_image(0).shape == (HEIGHT, WIDTH, 3)
    (root / "train/b.png").unlink()
    with pytest.raises(InputError, match=r"b\.png cannot be read"):
        spec.train.read_image(1)


def test_shrinking_averages_images_and_picks_labels(root: Path) -> None:
    spec = camvid(str(root), height=HEIGHT // 2, width=WIDTH // 2)
    pixels = pixels_of(root / "train/a.png").astype(float)
    blocks = pixels.reshape(HEIGHT // 2, 2, WIDTH // 2, 2, 3).mean(axis=(1, 3))
    image, truth = spec.train.read_image(0), spec.train.read_truth(0)
    assert image.shape == (HEIGHT // 2, WIDTH // 2, 3)
    # Pillow rounds after each of its two passes.
    assert np.abs(image - blocks).max() <= 1
    ids = pixels_of(root / "trainannot/a.png")
    ids[ids == 11] = VOID
    assert np.array_equal(truth, ids[1::2, 1::2])


def test_enlarging_interpolates_images_and_repeats_labels(root: Path) -> None:
    save_image(root, np.repeat(np.array([[0, 100]], np.uint8), 2, axis=0))
    save_label(root, np.array([[0, 1], [2, 3]], np.uint8))
    spec = camvid(str(root), height=4, width=4)
    assert spec.val.read_image(0)[:, :, 0].tolist() == [[0, 25, 75, 100]] * 4
    assert spec.val.read_truth(0)[0].tolist() == [0, 0, 1, 1]
    assert spec.val.read_truth(0)[3].tolist() == [2, 2, 3, 3]


def test_one_side_may_shrink_while_the_other_grows(root: Path) -> None:
    save_image(root, np.array([[0], [50], [100], [150]], np.uint8))
    save_label(root, np.array([[0], [1], [2], [3]], np.uint8))
    spec = camvid(str(root), height=2, width=3)
    assert spec.val.read_image(0)[:, :, 1].tolist() == [[25] * 3, [125] * 3]
    assert spec.val.read_truth(0).tolist() == [[1] * 3, [3] * 3]
    assert spec.val.read_image(0).shape == (2, 3, 3)


def without_folder(root: Path) -> None:
    for path in (root / "testannot").iterdir():
        path.unlink()
    (root / "testannot").rmdir()


def without_images(root: Path) -> None:
    for path in (root / "test").iterdir():
        path.unlink()


def doubled(root: Path) -> None:
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / "val/a.bmp")


@pytest.mark.parametrize(
    "break_it, words",
    [
        (without_folder, ["testannot is not a folder"]),
        (without_images, ["test holds no images"]),
        (lambda root: (root / "valannot/b.png").unlink(), ["val/b.png has no label", "valannot"]),
        (lambda root: (root / "val/b.png").unlink(), ["valannot/b.png has no image"]),
        (doubled, ["val/a.bmp", "val/a.png", "share one name"]),
    ],
)
def test_missing_and_doubled_files_are_named_at_once(
    root: Path, break_it: Callable[[Path], None], words: list[str]
) -> None:
    break_it(root)
    with pytest.raises(InputError) as refused:
        camvid(str(root))
    assert all(word in str(refused.value) for word in words)
    assert "\n" not in str(refused.value)


def cut_label(root: Path) -> None:
    path = root / "valannot/a.png"
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize(
    "break_it, words",
    [
        (lambda root: save_label(root, np.full((4, 6), 12, np.uint8)), ["holds the id 12"]),
        (lambda root: save_label(root, np.full((4, 6), 254, np.uint8)), ["holds the id 254"]),
        (lambda root: save_label(root, np.zeros((4, 6, 3), np.uint8)), ["mode RGB", "ids"]),
        (lambda root: save_label(root, np.zeros((4, 7), np.uint8)), ["4 x 7", "4 x 6", "val/a."]),
        (lambda root: (root / "valannot/a.png").write_text("none"), ["cannot be read"]),
        (cut_label, ["cannot be read"]),
    ],
)
def test_a_wrong_label_map_is_named_with_what_is_wrong(
    root: Path, break_it: Callable[[Path], None], words: list[str]
) -> None:
    break_it(root)
    spec = camvid(str(root), height=HEIGHT, width=WIDTH)
    with pytest.raises(InputError) as refused:
        spec.val.read_truth(0)
    assert all(word in str(refused.value) for word in [*words, "valannot/a.png"])
    assert "\n" not in str(refused.value)
    with pytest.raises(InputError, match="valannot/a.png"):
        check(spec)


def test_no_root_and_an_empty_size_are_refused(root: Path) -> None:
    with pytest.raises(InputError, match=r"set config\.data\.root or S4AL_CAMVID"):
        camvid("")
    with pytest.raises(InputError, match="train is not a folder"):
        camvid(str(root / "nowhere"))
    with pytest.raises(InputError, match="0 x 480"):
        camvid(str(root), height=0)


@pytest.fixture
def real() -> str:
    """The real CamVid's folder."""
    if not os.environ.get("S4AL_CAMVID"):
        pytest.skip("S4AL_CAMVID does not name CamVid's folder")
    return os.environ["S4AL_CAMVID"]


def test_the_real_camvid_has_its_known_counts_and_sizes(real: str) -> None:
    spec = camvid(real)
    counts = [len(images.names) for images in (spec.train, spec.val, spec.test)]
    assert counts == [367, 101, 233]
    assert spec.train.names[0] == "0001TP_006690"
    assert spec.test.read_image(232).shape == (360, 480, 3)
    assert spec.val.read_truth(100).shape == (360, 480)
    half = camvid(real, height=180, width=240)
    assert half.train.read_image(3).shape == (180, 240, 3)
    assert set(np.unique(half.train.read_truth(3))) <= {*range(11), VOID}


def test_the_real_camvid_has_the_class_shares_that_are_known_of_it(real: str) -> None:
    train = camvid(real).train
    pixels = np.zeros(256, np.int64)
    for index in range(len(train.names)):
        pixels += np.bincount(train.read_truth(index).ravel(), minlength=256)
    assert pixels.sum() == 367 * 360 * 480
    assert pixels[VOID] == 2_503_995
    shares = dict(zip(CLASSES, pixels[:11] / pixels[:11].sum(), strict=True))
    # Measured on the common copy; a copy that was resized otherwise may differ a little.
    expected = {"road": 0.330, "building": 0.242, "sky": 0.175, "tree": 0.101, "car": 0.061}
    for name, share in expected.items():
        assert shares[name] == pytest.approx(share, abs=0.005), name
    assert shares["bicyclist"] == pytest.approx(0.003, abs=0.001)


def test_the_real_camvid_passes_the_check(real: str) -> None:
    seen: list[int] = []
    check(camvid(real), progress=lambda done, total: seen.append(total))
    assert seen == [701] * 701
