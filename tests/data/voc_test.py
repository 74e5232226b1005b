"""Pascal VOC's folders: its palette and classes, its lists, and masks that are missing."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s4al_jax.data.voc import CLASSES, LISTS, color_map, voc
from s4al_jax.survey.validate import survey
from s4al_jax.types import VOID, DatasetSpec, InputError
from tests.support.bad_inputs import Case, refused
from tests.support.small_datasets import png
from tests.support.ways_in import voc_folders, voc_mask, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Eight images: four of train, two of val, two of test."""
    voc_folders(tmp_path, 8)
    return tmp_path


def read(root: Path, **how: object) -> DatasetSpec:
    return voc(str(root), height=8, width=16, **how)  # type: ignore[arg-type]


def name(number: int) -> str:
    return f"2007_00000{number}"


def test_the_palette_is_that_of_vocs_development_kit() -> None:
    colors = color_map(256)
    # Aeroplane, bicycle, chair, potted plant and monitor, as the kit shows them; void is cream.
    assert [colors[n] for n in (0, 1, 2, 9, 16, 20)] == [
        (0, 0, 0),
        (128, 0, 0),
        (0, 128, 0),
        (192, 0, 0),
        (0, 64, 0),
        (0, 64, 128),
    ]
    assert colors[VOID] == (224, 224, 192) and len(set(colors)) == 256
    assert CLASSES[15] == "person" and len(CLASSES) == 21


def test_lists_say_what_is_in_which_split_and_classes_are_vocs(root: Path) -> None:
    spec = read(root)
    assert spec.train.names == tuple(map(name, (0, 1, 2, 3)))
    assert spec.val.names == tuple(map(name, (4, 5)))
    assert spec.test.names == tuple(map(name, (6, 7)))
    assert spec.classes == CLASSES and spec.palette[15] == (192, 128, 128)
    assert not survey(spec).errors


def test_a_mask_is_read_by_its_palette_and_its_outlines_are_void(root: Path) -> None:
    ids = np.zeros((8, 16), np.uint8)
    ids[0, :4] = (15, 20, VOID, 7)
    write(root / f"SegmentationClass/{name(0)}.png", voc_mask(ids))
    assert read(root).train.read_truth(0)[0, :5].tolist() == [15, 20, VOID, 7, 0]
    # A program that sorts palettes writes person as 1: its color is what counts.
    sorted_ = Image.fromarray((ids == 15).astype(np.uint8), "P")
    sorted_.putpalette([0, 0, 0, *color_map(16)[15]])
    sorted_.save(root / f"SegmentationClass/{name(0)}.png")
    assert read(root).train.read_truth(0)[0, :2].tolist() == [15, 0]
    # A mask without a palette, as those of SegmentationClassAug are, has numbers.
    write(root / f"SegmentationClass/{name(0)}.png", png(ids))
    assert read(root).train.read_truth(0)[0, :5].tolist() == [15, 20, VOID, 7, 0]


def test_an_image_of_the_train_list_without_a_mask_is_unlabeled(root: Path) -> None:
    (root / f"SegmentationClass/{name(2)}.png").unlink()
    assert read(root).train.known.tolist() == [True, True, False, True]


def test_other_lists_folders_and_classes_can_be_named(root: Path) -> None:
    write(root / LISTS / "trainval.txt", "\n".join(map(name, range(6))))
    (root / "SegmentationClass").rename(root / "Masks")
    write(root / "classes.txt", "earth\nwater\nair\n")
    spec = read(root, train="trainval", val="", masks="Masks")
    assert len(spec.train.names) == 6 and not spec.val.names and len(spec.test.names) == 2
    assert spec.classes == ("earth", "water", "air")


def test_without_lists_to_measure_on_both_are_drawn(root: Path) -> None:
    write(root / LISTS / "train.txt", "\n".join(map(name, range(8))))
    spec = read(root, val="", test="", val_share=0.25, test_share=0.125)
    assert [len(split.names) for split in (spec.train, spec.val, spec.test)] == [5, 2, 1]


def lines(split: str, *numbers: int) -> Callable[[Path], object]:
    text = "".join(f"{name(number)}\n" for number in numbers)
    return lambda root: write(root / LISTS / f"{split}.txt", text)


BAD = (
    Case(
        "from one folder too high",
        lambda root: [
            (root / "VOC2012").mkdir(),
            (root / "JPEGImages").rename(root / "VOC2012/JPEGImages"),
        ],
        "HERE/JPEGImages is not a folder: config.data.root is the one that holds JPEGImages, "
        "SegmentationClass and ImageSets/Segmentation",
    ),
    Case(
        "without masks",
        lambda root: (root / "SegmentationClass").rename(root / "SegmentationObject"),
        "HERE/SegmentationClass is not a folder: config.data.root is the one that holds "
        "JPEGImages, SegmentationClass and ImageSets/Segmentation",
    ),
    Case(
        "without its train list",
        lambda root: (root / LISTS / "train.txt").unlink(),
        "HERE/ImageSets/Segmentation/train.txt is missing: add it, or name another list with "
        "config.data.kwargs.train",
    ),
    Case(
        "with a list of what is not there",
        lines("train", 0, 9),
        "HERE/ImageSets/Segmentation/train.txt names '2007_000009', but HERE/JPEGImages has no "
        "picture of that name",
    ),
    Case(
        "with a list of another task, which has a number beside each name",
        lambda root: write(root / LISTS / "train.txt", f"{name(0)}  1\n{name(1)} -1\n"),
        "HERE/ImageSets/Segmentation/train.txt names '2007_000000  1', but HERE/JPEGImages has "
        "no picture of that name",
    ),
    Case(
        "with a list that names an image twice",
        lines("train", 0, 1, 0),
        "HERE/ImageSets/Segmentation/train.txt names '2007_000000' twice: remove one of them",
    ),
    Case(
        "that learns from what it measures on",
        lines("train", 0, 1, 4),
        "2007_000004 is in train.txt and val.txt of HERE/ImageSets/Segmentation: what is measured "
        "on is never learned from; name another list with config.data.kwargs.val, or none",
    ),
    Case(
        "whose test has no masks, as VOC's own",
        lambda root: (root / f"SegmentationClass/{name(6)}.png").unlink(),
        "2007_000006 is in HERE/ImageSets/Segmentation/test.txt and has no mask in "
        "HERE/SegmentationClass: add it, or leave the list out with config.data.kwargs.test=",
    ),
)


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_what_contradicts_itself_is_refused_by_name(case: Case, root: Path) -> None:
    refused(case, root, read)


def test_a_mask_of_another_size_or_class_is_named_by_the_check(root: Path) -> None:
    write(root / f"SegmentationClass/{name(0)}.png", voc_mask(np.zeros((9, 16), np.uint8)))
    write(root / f"SegmentationClass/{name(1)}.png", png(np.full((9, 16), 21, np.uint8)))
    one, other = map(str, survey(read(root)).refusals)
    assert one.startswith(f"{root}/SegmentationClass/{name(0)}.png has 9 x 16 pixels, its image")
    assert other.startswith(f"{root}/SegmentationClass/{name(1)}.png holds the id 21")


def test_a_list_that_is_named_has_to_be_there(root: Path) -> None:
    with pytest.raises(InputError, match="minival.txt is missing: add it, or name another list"):
        read(root, val="minival")
