"""Options on the command line: `--config.x.y=value` as absl and ml_collections read it."""

import sys
from pathlib import Path

import pytest

from s4al_jax.cli.overrides import read_config
from s4al_jax.types import InputError


def test_options_are_set_and_the_rest_stays() -> None:
    given = ["--config.seed=7", "--config.augment.scale_range=(0.5, 2.0)", "--config.model.remat"]
    config = read_config("demo:margin", [*given, "--noconfig.method.kwargs.replay"])
    assert (config.seed, config.acquisition.name) == (7, "margin")
    assert tuple(config.augment.scale_range) == (0.5, 2.0)
    assert config.model.remat is True and config.method.kwargs.replay is False
    assert config.is_locked
    plain = read_config("demo:margin", [])
    assert plain.optimizer.learning_rate == config.optimizer.learning_rate
    assert (plain.seed, plain.model.remat, plain.method.kwargs.replay) == (0, False, True)


def test_flags_set_options_of_a_part_that_the_configuration_does_not_list() -> None:
    given = {"fit": "crop", "keep_together": "False", "channels": "6", "value_range": "0,4095"}
    given |= {"display_bands": "[5,3,1]", "val_share": "0.2"}
    flags = [f"--config.data.kwargs.{name}={value}" for name, value in given.items()]
    config = read_config("folder", flags)
    kwargs = config.data.kwargs
    assert (kwargs.fit, kwargs.keep_together, kwargs.channels) == ("crop", False, 6)
    assert tuple(kwargs.value_range) == (0, 4095) and tuple(kwargs.display_bands) == (5, 3, 1)
    # What the configuration lists keeps its kind.
    assert (kwargs.val_share, kwargs.split) == (0.2, "auto") and config.is_locked
    assert "fit" not in read_config("folder", []).data.kwargs
    with pytest.raises(InputError, match="--config has no option 'sed'"):
        read_config("folder", ["--config.data.sed=1"])


def test_what_one_command_sets_the_next_does_not_hear_of() -> None:
    assert read_config("demo", ["--config.seed=7"]).seed == 7
    assert read_config("demo", ["--config.batch.labeled=8"]).seed == 0


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["--config.sed=1"], "--config has no option 'sed' Did you mean \"seed\""),
        (["--config.optimizer.rate=1"], "--config has no option 'rate'"),
        (["--config.seed=many"], "flag --config.seed=many"),
        (["--config.seed"], "Missing value for flag --config.seed"),
        (["--config.data=1", "--config.data.height=2"], "config.data"),
        (["--config.seed=1", "stray"], "unexpected argument 'stray'"),
    ],
)
def test_a_mistake_is_one_line(overrides: list[str], said: str) -> None:
    with pytest.raises(InputError) as caught:
        read_config("demo", overrides)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_configuration_may_import_what_lies_in_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "of_this_folder.py").write_text("SEED = 9\n")
    (tmp_path / "mine.py").write_text(
        "from of_this_folder import SEED\n"
        "from s4al_jax.config import defaults\n"
        "def get_config():\n"
        "    config = defaults.default()\n"
        "    config.seed = SEED\n"
        "    return config\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    assert read_config("mine.py", []).seed == 9
