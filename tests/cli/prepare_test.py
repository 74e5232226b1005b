"""`s4al prepare` writes a dataset once, and says what to set."""

from pathlib import Path

import pytest

from s4al_jax.cli.prepare import SETTINGS
from s4al_jax.config import loader
from s4al_jax.data.camvid import camvid
from s4al_jax.data.cityscapes import cityscapes
from tests.conftest import Command
from tests.data.prepare_test import DRAW, SIZE, assert_same
from tests.support.small_datasets import camvid_folders, cityscapes_folders


@pytest.mark.parametrize("name", ["camvid", "cityscapes"])
def test_it_prepares_and_says_what_to_set(
    name: str, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write = {"camvid": camvid_folders, "cityscapes": cityscapes_folders}[name]
    raw, target = write(tmp_path / "raw"), tmp_path / "data" / name / "1.0.0"
    flags = ["--height=6", "--width=10", "--processes=2"]
    flags += ["--val=3", "--seed=2"] if name == "cityscapes" else []
    assert command("prepare", name, raw, target, *flags) == 0
    assert f"Done: --config.data.root={target}" in capsys.readouterr().out
    factory = {"camvid": camvid, "cityscapes": cityscapes}[name]
    options = SIZE if name == "camvid" else {**SIZE, **DRAW}
    assert_same(factory(str(raw), **options), factory(str(target), **options))
    assert command("prepare", name, tmp_path / "nowhere", tmp_path / "other", *flags) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1


@pytest.mark.parametrize("name", ["camvid", "cityscapes"])
def test_what_it_writes_by_default_is_what_the_configuration_reads(name: str) -> None:
    data = loader.load(name).data
    assert SETTINGS[name] == {"height": data.height, "width": data.width, **data.kwargs.to_dict()}
