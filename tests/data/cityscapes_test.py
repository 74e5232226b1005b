"""Cityscapes in archives and folders: what is read, split, resized and refused."""

import importlib
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s4al_jax.data.cityscapes import CLASSES, PALETTE, cityscapes
from s4al_jax.regions.grid import region_grid
from s4al_jax.survey.validate import check
from s4al_jax.types import VOID, InputError
from tests.support.small_datasets import (
    HEIGHT,
    WIDTH,
    cityscapes_archives,
    cityscapes_folders,
    png,
)

LABELS = "gtFine_trainvaltest.zip"
FIRST = "train/aachen/aachen_000000_000019"


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    return cityscapes_folders(tmp_path / "folders")


@pytest.fixture
def archives(folders: Path, tmp_path: Path) -> Path:
    (tmp_path / "archives").mkdir()
    return cityscapes_archives(folders, tmp_path / "archives")


def put(root: Path, image: np.ndarray, ids: np.ndarray) -> None:
    """Replace the first training image and its label."""
    (root / f"leftImg8bit/{FIRST}_leftImg8bit.png").write_bytes(png(image))
    (root / f"gtFine/{FIRST}_gtFine_labelIds.png").write_bytes(png(ids))


def test_there_are_the_19_classes_of_the_benchmark_with_its_colors() -> None:
    assert len(CLASSES) == len(set(CLASSES)) == len(PALETTE) == len(set(PALETTE)) == 19
    colors = dict(zip(CLASSES, PALETTE, strict=True))
    assert (CLASSES[0], CLASSES[10], CLASSES[13], CLASSES[18]) == ("road", "sky", "car", "bicycle")
    assert colors["road"] == (128, 64, 128) and colors["bicycle"] == (119, 11, 32)


def test_official_val_is_test_and_val_is_drawn_out_of_train_by_the_seed(folders: Path) -> None:
    spec = cityscapes(str(folders), height=HEIGHT, width=WIDTH, val=3, seed=5)
    assert (spec.name, spec.height, spec.width) == ("cityscapes", HEIGHT, WIDTH)
    assert spec.test.names == ("lindau_000000_000019", "lindau_000001_000019")
    official = [f"aachen_{i:06d}_000019" for i in range(5)]
    official += [f"ulm_{i:06d}_000019" for i in range(3)]
    drawn = np.random.default_rng(5).permutation(8)[:3]
    assert list(spec.val.names) == sorted(official[i] for i in drawn)
    assert sorted(spec.train.names + spec.val.names) == official
    again = cityscapes(str(folders), height=HEIGHT, width=WIDTH, val=3, seed=5)
    assert again.val.names == spec.val.names and again.train.names == spec.train.names
    draws = {cityscapes(str(folders), val=3, seed=seed).val.names for seed in range(5)}
    assert len(draws) > 1
    assert cityscapes(str(folders), val=0).val.names == ()


def test_archives_and_folders_give_the_same_and_nothing_is_unpacked(
    folders: Path, archives: Path
) -> None:
    unpacked, packed = (
        cityscapes(str(root), height=HEIGHT, width=WIDTH, val=3) for root in (folders, archives)
    )
    check(packed)
    for one, other in zip(unpacked[5:8], packed[5:8], strict=True):
        assert one.names == other.names
        for index in range(len(one.names)):
            assert np.array_equal(one.read_image(index), other.read_image(index))
            assert np.array_equal(one.read_truth(index), other.read_truth(index))
    assert sorted(path.name for path in archives.iterdir()) == [
        "gtFine_trainvaltest.zip",
        "leftImg8bit_trainvaltest.zip",
    ]


def test_the_archives_are_believed_where_somebody_unpacked_a_part(
    folders: Path, archives: Path
) -> None:
    for name in ("leftImg8bit", "gtFine"):
        (folders / name / "train").rename(archives / name)
    assert len(cityscapes(str(archives), val=3).train.names) == 5


def test_many_threads_may_read_one_archive_at_once(archives: Path) -> None:
    spec = cityscapes(str(archives), height=HEIGHT, width=WIDTH, val=0)
    expected = [(spec.train.read_image(i), spec.train.read_truth(i)) for i in range(8)]
    with ThreadPoolExecutor(8) as threads:
        images = list(threads.map(spec.train.read_image, [*range(8)] * 20))
        truths = list(threads.map(spec.train.read_truth, [*range(8)] * 20))
    for i, (image, truth) in enumerate(zip(images, truths, strict=True)):
        assert np.array_equal(image, expected[i % 8][0])
        assert np.array_equal(truth, expected[i % 8][1])


def test_images_are_averaged_and_ids_become_classes_of_the_nearest_pixel(folders: Path) -> None:
    image = np.zeros((2, 4, 3), np.uint8)
    image[..., 1] = [[0, 10, 100, 100], [20, 30, 200, 0]]
    # Car, road; bicycle, sky; then license plates' neighbors 0 to 6, a bridge and a caravan.
    ids = np.array([[1, 26, 2, 7], [3, 33, 4, 23]], np.uint8)
    put(folders, image, ids)
    small = cityscapes(str(folders), height=1, width=2, val=0)
    assert small.train.read_image(0).tolist() == [[[0, 15, 0], [0, 100, 0]]]
    assert small.train.read_truth(0).tolist() == [[18, 10]]
    full = cityscapes(str(folders), height=2, width=4, val=0)
    assert full.train.read_image(0)[..., 1].tolist() == image[..., 1].tolist()
    assert full.train.read_truth(0).tolist() == [[VOID, 13, VOID, 0], [VOID, 18, VOID, 10]]


def test_every_id_of_the_label_files_has_its_class(folders: Path) -> None:
    put(folders, np.zeros((1, 34, 3), np.uint8), np.arange(34, dtype=np.uint8)[None])
    truth = cityscapes(str(folders), height=1, width=34, val=0).train.read_truth(0)[0].tolist()
    # fmt: off
    assert truth == [
        255, 255, 255, 255, 255, 255, 255, 0, 1, 255, 255, 2, 3, 4, 255, 255, 255, 5, 255, 6, 7, 8,
        9, 10, 11, 12, 13, 14, 15, 255, 255, 16, 17, 18,
    ]
    # fmt: on


def without_labels(root: Path) -> None:
    (root / LABELS).unlink()


def cut(root: Path) -> None:
    (root / LABELS).write_bytes((root / LABELS).read_bytes()[:2000])


def without_a_label(root: Path) -> None:
    rewritten(root / LABELS, lambda name: "aachen_000002_000019_gtFine_l" not in name)


def without_an_image(root: Path) -> None:
    images = root / "leftImg8bit_trainvaltest.zip"
    rewritten(images, lambda name: "lindau_000001" not in name)


def without_val(root: Path) -> None:
    for path in root.iterdir():
        rewritten(path, lambda name: "/val/" not in name)


def rewritten(path: Path, keep: Callable[[str], bool]) -> None:
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            if keep(name):
                archive.writestr(name, content)


@pytest.mark.parametrize(
    "break_it, words",
    [
        (without_labels, ["neither gtFine_trainvaltest.zip nor the folder gtFine", "put one"]),
        (cut, [LABELS, "no whole zip archive", "download it again"]),
        (without_a_label, ["aachen_000002_000019_leftImg8bit.png has no label", "add gtFine/tr"]),
        (without_an_image, ["lindau_000001_000019_gtFine_labelIds.png has no image", "add left"]),
        (without_val, ["has no leftImg8bit/val/CITY/*_leftImg8bit.png", "again"]),
    ],
)
def test_what_is_missing_is_named_at_once(
    archives: Path, break_it: Callable[[Path], None], words: list[str]
) -> None:
    break_it(archives)
    with pytest.raises(InputError) as refused:
        cityscapes(str(archives), val=2)
    assert all(word in str(refused.value) for word in words), refused.value
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "image, ids, message",
    [
        (
            (1, 34),
            np.full((1, 34), 34, np.uint8),
            r"holds the id 34: use Cityscapes' own .* 0 to 33",
        ),
        ((1, 34), np.full((1, 34), 255, np.uint8), "holds the id 255"),
        ((1, 33), np.full((1, 34), 7, np.uint8), "has 1 x 34 pixels, its image .* has 1 x 33"),
        ((1, 34), np.zeros((1, 34, 3), np.uint8), "mode RGB, not a map of class ids"),
    ],
)
def test_a_wrong_label_is_named_with_what_is_wrong(
    folders: Path, image: tuple[int, int], ids: np.ndarray, message: str
) -> None:
    put(folders, np.zeros((*image, 3), np.uint8), ids)
    with pytest.raises(InputError, match=f"aachen_000000_000019_gtFine_labelIds.png .*{message}"):
        cityscapes(str(folders), val=0).train.read_truth(0)


def test_a_damaged_member_is_named_with_its_archive(archives: Path) -> None:
    path = archives / LABELS
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(f"gtFine/{FIRST}_gtFine_labelIds.png")
    content = bytearray(path.read_bytes())
    middle = member.header_offset + 30 + len(member.filename) + member.compress_size // 2
    content[middle] ^= 255
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{LABELS}:gtFine/{FIRST}.* cannot be read"):
        cityscapes(str(archives), val=0).train.read_truth(0)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"val": 8}, "val=8 images cannot be taken from 8"),
        ({"val": -1}, "val=-1"),
        ({"seed": -1}, "seed=-1 is negative"),
        ({"height": 0}, "0 x 688"),
    ],
)
def test_senseless_options_are_refused(
    folders: Path, options: dict[str, int], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        cityscapes(str(folders), **{"val": 2, **options})
    with pytest.raises(InputError, match=r"set config\.data\.root or S4AL_CITYSCAPES"):
        cityscapes("")


def test_a_root_may_be_given_from_home(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folders.parent))
    assert len(cityscapes("~/folders", val=2).train.names) == 6


def test_the_files_need_not_have_one_size(folders: Path) -> None:
    picture = Image.new("RGB", (40, 20))
    picture.save(folders / f"leftImg8bit/{FIRST}_leftImg8bit.png")
    Image.new("L", (40, 20), 7).save(folders / f"gtFine/{FIRST}_gtFine_labelIds.png")
    spec = cityscapes(str(folders), height=5, width=5, val=0)
    assert {spec.train.read_image(i).shape for i in range(8)} == {(5, 5, 3)}
    assert {spec.train.read_truth(i).shape for i in range(8)} == {(5, 5)}


def test_the_configuration_is_the_papers_protocol() -> None:
    config = importlib.import_module("configs.cityscapes").get_config()
    steps = config.schedule
    assert steps.iterations * (steps.acquisitions * steps.epochs + steps.last_epochs) == 70_000
    cells = config.regions.kwargs
    grid = region_grid(config.data.height, config.data.width, cells.cell_height, cells.cell_width)
    assert (grid.rows, grid.cols) == (16, 16)
    # 4 of 256 cells in five rounds, of nine tenths of the images: 10 % become 17 %.
    assert 0.1 + 0.9 * 5 * config.budget.regions_per_image / 256 == pytest.approx(0.1703, abs=5e-5)
    kwargs = config.method.kwargs
    assert (kwargs.head, kwargs.tail, kwargs.head_draws, kwargs.tail_draws) == ((), (), 3, 3)
    assert (
        tuple(config.augment.scale_range) == (0.5, 2.0)
        and config.method.kwargs.replay_capacity == 500
    )
    assert config.data.kwargs.to_dict() == {"val": 300, "seed": 0}
    supervised = importlib.import_module("configs.cityscapes").get_config("supervised").schedule
    assert (supervised.iterations, supervised.epochs, supervised.last_epochs) == (200, 100, 100)
