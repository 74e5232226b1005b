"""What a checkpoint gives back is what was put in, to the bit, or it is passed over."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.engine.checkpoint import Checkpoints, Position
from s4al_jax.engine.devices import mesh
from s4al_jax.types import InputError, TrainState


def state(value: float) -> TrainState:
    params = {"params": {"w": jnp.full(3, value)}, "batch_stats": {}}
    return TrainState(
        step=jnp.int32(7),
        student=params,
        teacher={},
        opt_state=(jnp.zeros(3), ()),
        key=jnp.array([1, 2], jnp.uint32),
        extra={"head": jnp.array([True, False])},
    )


def kept(folder: Path, say: Callable[[str], None] = print) -> Checkpoints:
    return Checkpoints(folder, keep=2, mesh=mesh(1), say=say)


def weight(checkpoints: Checkpoints) -> float:
    return float(checkpoints.state(jax.eval_shape(lambda: state(0.0))).student["params"]["w"][0])


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which three states were saved, and two are kept."""
    folder = tmp_path_factory.mktemp("three") / "checkpoints"
    with kept(folder) as made:
        assert made.position() is None
        for number in (10, 20, 30):
            made.save(number, Position(1, number - 8), state(number / 3), {"rows": [{"a": 0.1}]})
    return folder


@pytest.fixture
def folder(three: Path, tmp_path: Path) -> Path:
    """A copy to do damage to."""
    return shutil.copytree(three, tmp_path / "checkpoints")


def test_the_newest_state_and_its_place_come_back(folder: Path) -> None:
    with kept(folder) as again:
        assert again.position() == Position(1, 22) and again.epoch() == {"rows": [{"a": 0.1}]}
        found, wanted = again.state(jax.eval_shape(lambda: state(0.0))), state(10.0)
    assert jax.tree.structure(found) == jax.tree.structure(wanted)
    for got, put in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_array_equal(got, put)
        assert got.dtype == put.dtype
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["20", "20.json", "30", "30.json"]


def data(folder: Path) -> Path:
    """The largest file of a checkpoint: where its numbers are."""
    return max((p for p in folder.rglob("*") if p.is_file()), key=lambda path: path.stat().st_size)


def flipped_in(checkpoint: Path) -> None:
    """Flip a bit of a checkpoint's numbers."""
    content = bytearray(data(checkpoint).read_bytes())
    content[len(content) // 2] ^= 1
    data(checkpoint).write_bytes(content)


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a flipped bit": (lambda f: flipped_in(f / "30"), "has changed since it was written"),
    "a file cut short": (lambda f: os.truncate(data(f / "30"), 10), "has changed since"),
    "a file that is gone": (lambda f: data(f / "30").unlink(), "is missing"),
    "a file too many": (lambda f: (f / "30" / "more").write_text(""), "more has changed"),
    "a torn manifest": (lambda f: (f / "30.json").write_text("{"), "30.json cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_state_is_passed_over_and_replaced(damage: str, folder: Path) -> None:
    harm, said = DAMAGE[damage]
    harm(folder)
    heard: list[str] = []
    with kept(folder, heard.append) as again:
        assert again.position() == Position(1, 12) and weight(again) == pytest.approx(20 / 3)
        (line,) = heard
        assert line.startswith("the checkpoint after 30 steps is passed over") and said in line
        again.save(30, Position(1, 22), state(10.0))
    with kept(folder, heard.append) as mended:
        assert mended.position() == Position(1, 22) and weight(mended) == 10.0
    assert len(heard) == 1


def test_a_state_without_a_manifest_counts_and_a_folder_without_states_is_none(
    folder: Path,
) -> None:
    (folder / "30.json").unlink()
    with kept(folder) as again:
        assert again.position() == Position(1, 22)
    shutil.rmtree(folder / "30")
    with kept(folder) as again:
        assert again.position() == Position(1, 12)
    shutil.rmtree(folder)
    with kept(folder) as again:
        assert again.position() is None
        with pytest.raises(InputError, match="checkpoints holds no state that is whole"):
            weight(again)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_never_kept(number: float, folder: Path) -> None:
    with kept(folder) as again:
        with pytest.raises(InputError, match=r"student\['params'\]\['w'\] is not finite after st"):
            again.save(40, Position(1, 32), state(number))
        assert again.position() == Position(1, 22)
