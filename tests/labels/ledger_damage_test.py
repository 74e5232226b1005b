"""Damage to a ledger of either version: named with its line, and nothing on disk is touched."""

import hashlib
import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from s4al_jax.types import InputError, RegionRef
from tests.support.partition import IRREGULAR
from tests.support.small_store import answers, files, filled, opened, rewrite_as_version_1


@pytest.fixture(params=(1, 2))
def grid_folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The ledger of a few cells, as each version writes it."""
    folder = tmp_path / "annotations"
    filled(folder)
    if request.param == 1:
        rewrite_as_version_1(folder)
    return folder


def changed(folder: Path, number: int, **values: object) -> None:
    """Write other values into one line of the ledger, the checksum untouched."""
    path = folder / "ledger.jsonl"
    lines = path.read_text("ascii").splitlines()
    lines[number - 1] = json.dumps({**json.loads(lines[number - 1]), **values})
    path.write_text("\n".join(lines) + "\n", "ascii")


def shortened(folder: Path) -> None:
    size = (folder / "patches/01.bin").stat().st_size
    os.truncate(folder / "patches/01.bin", size - 1)


def replaced(folder: Path, packed: bytes, **values: object) -> None:
    """Put another patch in the place of cycle 0's only one."""
    (folder / "patches/00.bin").write_bytes(packed)
    patch = {"file": "patches/00.bin", "offset": 0, "bytes": len(packed)}
    changed(folder, 1, patch=patch, **values)


def with_wrong_id(folder: Path) -> None:
    """Another id with a matching checksum: only the ids themselves give it away."""
    raw = bytes([9] * 35)
    replaced(folder, zlib.compress(raw), sha256=hashlib.sha256(raw).hexdigest())


def with_bytes_behind_the_patch(folder: Path) -> None:
    replaced(folder, (folder / "patches/00.bin").read_bytes() + b"more")


def with_a_flipped_bit(folder: Path) -> None:
    packed = bytearray((folder / "patches/00.bin").read_bytes())
    packed[len(packed) // 2] ^= 16
    (folder / "patches/00.bin").write_bytes(packed)


def with_a_torn_line_inside(folder: Path) -> None:
    path = folder / "ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:40] + b"\n" + b"".join(lines[2:]))


def with_a_last_line_of(content: bytes) -> Callable[[Path], None]:
    """A line that has its end was acknowledged, whatever it says now."""

    def damage(folder: Path) -> None:
        path = folder / "ledger.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:-1]) + content)

    return damage


@pytest.mark.parametrize(
    "damage, message",
    [
        (with_a_last_line_of(b"{ no json\n"), "line 4: Expecting property name"),
        (
            with_a_last_line_of(b"\0\n\0"),
            "line 4: Expecting value.*bring back an undamaged copy of",
        ),
        (with_a_last_line_of(b"\xff\xfe\n"), "line 4: Expecting value"),
        (with_a_last_line_of(b"[" * 100_000 + b"\n"), "line 4: maximum recursion depth exceeded"),
        (with_a_last_line_of(b"\n"), "line 4: Expecting value"),
        (with_a_torn_line_inside, "line 2: .*bring back"),
        (lambda folder: changed(folder, 1, name="c"), "line 1: image 0 .* not named 'c'"),
        (lambda folder: changed(folder, 2, image=7), "line 2: image 7 .* not named 'ü'"),
        (lambda folder: changed(folder, 2, image=-1), "line 2: -1 stands where"),
        (lambda folder: changed(folder, 2, cost=True), "line 2: True stands where"),
        (lambda folder: changed(folder, 2, annotator=3), "line 2: .*annotator"),
        (lambda folder: changed(folder, 2, more=3), "line 2: the line does not say cycle"),
        (lambda folder: changed(folder, 2, box=[0, 0, 2]), "line 2: box does not say"),
        (lambda folder: changed(folder, 2, box=[0, 0, 2, 8]), "line 2: box .* outside 5 x 7"),
        (lambda folder: changed(folder, 2, box=[2, 0, 2, 3]), "line 2: box .* outside 5 x 7"),
        (lambda folder: changed(folder, 2, box=[0, 0, 3, 3], cost=9), "line 2: .* 9 pixels"),
        (lambda folder: changed(folder, 2, cost=5), "line 2: the cost is 5, its box has 6"),
        (lambda folder: changed(folder, 2, original=3), "line 2: original does not say box, size"),
        (
            lambda folder: changed(folder, 2, original={"box": [0, 0, 4], "size": [10, 14]}),
            "line 2: original does not say top",
        ),
        (
            lambda folder: changed(folder, 2, original={"box": [0, 0, 4, 5], "size": [10, 14]}),
            r"line 2: box .* is not \[0, 0, 4, 5\] in 10 x 14 pixels",
        ),
        (
            lambda folder: changed(folder, 2, original={"box": [0, 0, 4, 6], "size": [10, 14]}),
            "line 2: the patch does not hold the 24 pixels",
        ),
        (lambda folder: changed(folder, 2, patch=3), "line 2: patch does not say"),
        (lambda folder: changed(folder, 2, cycle=0), "line 2: the patch should start at byte"),
        (lambda folder: changed(folder, 4, sha256="0"), "line 4: .* another checksum"),
        (lambda folder: changed(folder, 3, image=0, name="a"), "line 3: an earlier line knows"),
        (shortened, r"line 4: patches/01\.bin ends at byte"),
        (lambda folder: (folder / "patches/01.bin").unlink(), r"line 2: patches/01\.bin ends"),
        (with_wrong_id, "line 1: the id 9 is none of 4 classes"),
        (lambda folder: replaced(folder, zlib.compress(bytes(35))), "line 1: .* another checksum"),
        (with_bytes_behind_the_patch, "line 1: the patch does not hold"),
        (
            lambda folder: replaced(folder, zlib.compress(bytes(10**6))),
            "line 1: the patch does not hold",
        ),
        (with_a_flipped_bit, "line 1: "),
        (lambda folder: (folder / "ledger.jsonl").unlink(), "ledger.jsonl is missing"),
    ],
)
def test_damage_to_what_was_acknowledged_is_named_and_nothing_is_touched(
    grid_folder: Path, damage: Callable[[Path], None], message: str
) -> None:
    check_refused(grid_folder, damage, message)


def check_refused(folder: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(folder)
    before = files(folder.parent)
    with pytest.raises(InputError, match=message) as refused:
        opened(folder)
    assert "ledger.jsonl" in str(refused.value) and "\n" not in str(refused.value)
    assert files(folder.parent) == before


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda folder: changed(folder, 2, row=True), "line 2: True stands where"),
        (lambda folder: changed(folder, 2, col=-1), "line 2: -1 stands where"),
        (lambda folder: changed(folder, 3, col=4), "line 3: box .* not that of row 1, column 4"),
        (lambda folder: changed(folder, 2, row=1), "line 2: box .* not that of row 1, column 0"),
        (lambda folder: changed(folder, 4, col=0), "line 4: box .* not that of row 2, column 0"),
    ],
)
def test_a_row_or_column_of_version_1_that_does_not_fit_its_box_is_named(
    tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    filled(tmp_path / "annotations")
    rewrite_as_version_1(tmp_path / "annotations")
    check_refused(tmp_path / "annotations", damage, message)


def repacked(folder: Path, number: int, change: Callable[[bytearray], object]) -> None:
    """Change what a patch of cycle 0 holds, its labels and then its mask, and nothing else."""
    entries = [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]
    content, end = (folder / "patches/00.bin").read_bytes(), 0
    patches = b""
    for entry in entries:
        raw = bytearray(zlib.decompress(content[end : end + entry["patch"]["bytes"]]))
        end += entry["patch"]["bytes"]
        if entry is entries[number - 1]:
            change(raw)
        packed = zlib.compress(bytes(raw))
        entry["patch"] = {**entry["patch"], "offset": len(patches), "bytes": len(packed)}
        patches += packed
    (folder / "patches/00.bin").write_bytes(patches)
    (folder / "ledger.jsonl").write_text("".join(json.dumps(one) + "\n" for one in entries))


def with_a_label_in_the_hole(folder: Path) -> None:
    """The first region has nine pixels in its box, and a hole in their middle."""
    repacked(folder, 1, lambda raw: raw.__setitem__(4, 0))
    patch = (folder / "patches/00.bin").read_bytes()
    labels = zlib.decompressobj().decompress(patch, 9)
    changed(folder, 1, sha256=hashlib.sha256(labels).hexdigest())


@pytest.mark.parametrize(
    "damage, message",
    [
        (
            lambda folder: changed(folder, 1, mask=64 * "0"),
            r"line 1: the mask in patches/00\.bin has another checksum",
        ),
        (lambda folder: changed(folder, 1, mask=""), "line 1: the mask in .* another checksum"),
        (lambda folder: changed(folder, 1, mask=3), "line 1: mask is neither null nor a text"),
        (lambda folder: changed(folder, 1, mask=None), "line 1: the cost is 8, its box has 9"),
        (
            lambda folder: changed(folder, 1, mask=None, cost=9),
            "line 1: the patch does not hold the 9 pixels of its box;",
        ),
        (lambda folder: changed(folder, 1, cost=9), "line 1: the cost is 9, its mask has 8"),
        (lambda folder: changed(folder, 1, region=-1), "line 1: -1 stands where"),
        (
            lambda folder: changed(folder, 2, mask=64 * "0"),
            "line 2: the patch does not hold the 1 pixels of its box and the 1 bytes of its mask",
        ),
        (
            lambda folder: repacked(folder, 1, lambda raw: raw.__setitem__(10, raw[10] ^ 128)),
            "line 1: the mask in .* another checksum",
        ),
        (
            lambda folder: repacked(folder, 3, lambda raw: raw.__setitem__(0, raw[0] ^ 1)),
            "line 3: the labels in .* another checksum",
        ),
        (
            lambda folder: repacked(folder, 1, lambda raw: raw.pop()),
            "line 1: the patch does not hold the 9 pixels of its box and the 2 bytes of its mask",
        ),
        (with_a_label_in_the_hole, "line 1: the id 0 stands outside of the region's mask"),
    ],
)
def test_damage_to_an_irregular_region_is_named_and_nothing_is_touched(
    tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    folder = tmp_path / "annotations"
    refs = [RegionRef(0, 0), RegionRef(0, 1), RegionRef(0, 2)]
    opened(folder).record(answers(refs, IRREGULAR, 0), IRREGULAR)
    repacked(folder, 1, lambda raw: None)
    assert opened(folder).annotated_regions == 3
    check_refused(folder, damage, message)
