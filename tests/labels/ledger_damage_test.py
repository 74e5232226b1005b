"""Damage to a ledger: named with its line, and nothing on disk is touched."""

import hashlib
import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from s4al_jax.labels.store import LabelStore
from s4al_jax.types import InputError
from tests.support.small_store import files, filled, opened


@pytest.fixture
def store(tmp_path: Path) -> LabelStore:
    return filled(tmp_path / "annotations")


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
        (lambda folder: changed(folder, 2, row=True), "line 2: True stands where"),
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
    store: LabelStore, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    folder = tmp_path / "annotations"
    damage(folder)
    before = files(tmp_path)
    with pytest.raises(InputError, match=message) as refused:
        opened(folder)
    assert "ledger.jsonl" in str(refused.value) and "\n" not in str(refused.value)
    assert files(tmp_path) == before
