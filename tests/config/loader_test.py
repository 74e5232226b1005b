"""Configurations are found by path, in `./configs`, and among those that come with the package."""

import sys
from pathlib import Path

import pytest

from s4al_jax.acquisition.registry import ACQUISITIONS
from s4al_jax.config import defaults, loader, names
from s4al_jax.types import InputError

ROOT = Path(__file__).parents[2]
SEED = """
from s4al_jax.config import defaults

def get_config(study=None):
    config = defaults.default()
    config.seed = {seed}
    return defaults.study(config, study)
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which commands are typed."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def config_of(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SEED.format(seed=seed))
    return path


def test_those_of_the_package_are_found_from_any_folder(here: Path) -> None:
    assert names.names() == tuple(sorted(path.stem for path in (ROOT / "configs").glob("*.py")))
    assert loader.find("demo") == (ROOT / "configs/demo.py", "")
    assert loader.find("camvid:margin") == (ROOT / "configs/camvid.py", "margin")
    assert loader.load("demo:margin").acquisition.name == "margin"


def test_a_path_comes_first_then_the_configs_of_this_folder(here: Path) -> None:
    config_of(here / "configs/demo.py", 5)
    config_of(here / "mine.py", 6)
    assert loader.load("demo").seed == 5
    assert loader.load("mine.py").seed == loader.load(here / "mine.py").seed == 6
    assert loader.load("./mine.py:random").acquisition.name == "random"
    assert loader.load("mine.py", "margin").acquisition.name == "margin"
    assert loader.load("quick").seed == 0


def test_a_path_may_have_colons(here: Path) -> None:
    path = config_of(here / "a:b/mine.py", 7)
    assert loader.find(str(path)) == (path, "")
    assert loader.find(f"{path}:supervised") == (path, "supervised")


@pytest.mark.parametrize("name", ["camvid_small", "quick"])
def test_a_configuration_on_top_of_another_needs_no_module_of_the_checkout(
    name: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [path for path in sys.path if Path(path or ".") != ROOT])
    config_of(here / "configs/camvid.py", 5)  # is not the one that camvid_small is a diff on
    config = loader.load(name)
    assert config.data.height == {"camvid_small": 180, "quick": 72}[name] and config.seed == 0


@pytest.mark.parametrize("named", ["nowhere", "nowhere.py", "README.md", "", "camvid.random"])
def test_what_is_not_there_names_what_there_is(named: str) -> None:
    with pytest.raises(InputError, match="give camvid, camvid_small, .*, or the path of") as caught:
        loader.load(named)
    assert str(caught.value).startswith(f"{named}: no such configuration or file: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_"),
        ("x = (", "SyntaxError: '\\(' was never closed"),
        ("x = 1", "KeyError: 'get_config'"),
        ("def get_config(): 1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_file_that_breaks_is_named_in_one_line(text: str, said: str, here: Path) -> None:
    (here / "mine.py").write_text(text)
    with pytest.raises(InputError, match=f"^mine.py is no configuration: {said}") as caught:
        loader.load("mine.py")
    assert "\n" not in str(caught.value)


def test_an_unknown_study_is_said_as_it_is() -> None:
    with pytest.raises(InputError, match="^unknown study 'my/photos': supervised, "):
        loader.load("demo:my/photos")
    assert loader.load("demo", "entropy").to_dict() == loader.load("demo").to_dict()
    assert loader.load("demo").seed == defaults.default().seed


def test_studies_are_the_acquisition_functions_of_the_registry_and_those_without_one() -> None:
    ours = [name for name, one in ACQUISITIONS.items() if one.__module__.startswith("s4al_jax.")]
    assert names.studies() == (*names.SUPERVISED, *ours)
