"""The command that does a run again has all of the run's options."""

import json
import sys
from pathlib import Path

import pytest

from s4al_jax.config import defaults
from s4al_jax.report.page import again
from s4al_jax.report.page.again import command
from tests.config.defaults_test import ROOT, loaded

RUN = Path("runs/first")


def of(name: str, argument: str | None, **changes: object) -> dict:
    config = loaded(ROOT / f"configs/{name}.py", argument)
    for option, value in changes.items():
        *path, last = option.split("__")
        place = config
        for part in path:
            place = place[part]
        place[last] = value
    return json.loads(json.dumps(defaults.flat(config)))


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (("demo", None), "configs/demo.py --workdir=runs/first_again"),
        (("demo", "margin"), "configs/demo.py:margin --workdir=runs/first_again"),
        (("camvid_small", "supervised"), "configs/camvid_small.py:supervised "),
        (("folder", "my photos:random"), "'--config=configs/folder.py:my photos:random' "),
    ],
)
def test_a_config_and_its_study_are_found(made: tuple[str, str | None], expected: str) -> None:
    assert expected in command(RUN, of(*made))


def test_options_that_were_changed_are_flags() -> None:
    changed = of("demo", None, seed=3, augment__scale_range=(0.5, 2.0), data__kwargs__train=40)
    assert command(RUN, changed) == (
        "python -m s4al_jax.main --config=configs/demo.py --workdir=runs/first_again "
        "'--config.augment.scale_range=(0.5, 2.0)' --config.data.kwargs.train=40 --config.seed=3"
    )


def test_where_the_data_lies_is_always_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment may say another place to whoever does it again."""
    monkeypatch.setenv("S4AL_CAMVID", "/data/CamVid")
    assert "--config.data.root=/data/CamVid" in command(RUN, of("camvid", None))


def test_what_no_config_comes_close_to_is_left_to_its_options() -> None:
    strange = of("demo", None) | {"model.backbone.kwargs.features": 8}
    assert command(RUN, strange) == ""


def test_a_configuration_on_top_of_another_is_read_from_a_script(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # `python scripts/report.py` looks for modules in scripts/ and not in the folder above.
    elsewhere = [path for path in sys.path if path and Path(path).resolve() != again.CONFIGS.parent]
    monkeypatch.setattr(sys, "path", elsewhere)
    for name in [name for name in sys.modules if name.split(".")[0] == "configs"]:
        monkeypatch.delitem(sys.modules, name)
    again._options_of.cache_clear()
    assert again._options_of(again.CONFIGS / "camvid_small.py", "")["data.height"] == 180
