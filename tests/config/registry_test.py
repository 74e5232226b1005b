"""Parts by name, their options, and what a part of somebody else's has to offer."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from s4al_jax.config.registry import call_with_options, check_type, check_types, lookup
from s4al_jax.types import InputError

CHOICES = {"one": 1, "two": 2}


# --- names ---


def test_a_name_is_one_of_those_there_are() -> None:
    assert lookup(CHOICES, "method.name", "two") == 2
    with pytest.raises(InputError, match="^config.method.name is 'three': one of one, two$"):
        lookup(CHOICES, "method.name", "three")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a package that can be imported, with a module `parts` in it."""
    folder = tmp_path / "somebodys_package"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "parts.py").write_text("def fast():\n    return 'fast'\n")
    (folder / "broken.py").write_text("raise RuntimeError('no\\n luck')\n")
    (folder / "misspelt.py").write_text("def (:\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder.name


def test_a_name_with_a_module_is_imported_from_there(package: str) -> None:
    assert lookup(CHOICES, "method.name", f"{package}.parts:fast")() == "fast"
    assert lookup({}, "data.name", "pathlib:Path") is Path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere.parts:fast", "ModuleNotFoundError: No module named 'nowhere'"),
        ("{}.parts:slow", "AttributeError: module '{}.parts' has no attribute 'slow'"),
        ("{}.parts:", "AttributeError: module '{}.parts' has no attribute ''"),
        ("{}.broken:fast", "RuntimeError: no luck"),
        ("{}.misspelt:fast", "SyntaxError: "),
        (":fast", "ValueError: Empty module name"),
    ],
)
def test_what_cannot_be_imported_is_said_in_one_line(package: str, name: str, said: str) -> None:
    name, said = name.replace("{}", package), said.replace("{}", package)
    with pytest.raises(InputError) as caught:
        lookup(CHOICES, "method.name", name)
    line = str(caught.value)
    assert line.startswith(f"config.method.name is {name!r}, which cannot be imported ({said}")
    assert "give package.module:name" in line and "\n" not in line


# --- factories with options by keyword ---


def part(
    base: int, *, width: float = 1.0, name: str = "plain", rates: Sequence[int] = (1, 2)
) -> SimpleNamespace:
    return SimpleNamespace(base=base, width=width, name=name, rates=rates)


def test_a_factory_gets_what_is_given_and_the_options_that_are_set() -> None:
    made = call_with_options(part, "model.kwargs", {"width": 0.5, "rates": (3,)}, base=7)
    assert vars(made) == {"base": 7, "width": 0.5, "name": "plain", "rates": (3,)}
    # A whole number is a number, and JSON knows no tuples.
    made = call_with_options(part, "model.kwargs", {"width": 2, "rates": [4]}, base=7)
    assert (made.width, made.rates) == (2, [4])


@pytest.mark.parametrize(
    ("kwargs", "line"),
    [
        (
            {"wdith": 2.0},
            "config.model.kwargs.wdith: no such option; there are name, rates, width",
        ),
        # What is given by the program is no option.
        ({"base": 8}, "config.model.kwargs.base: no such option; there are name, rates, width"),
        ({"nothing": None}, "config.model.kwargs.nothing: no such option; there are name, rates"),
        ({"width": "wide"}, "config.model.kwargs.width is 'wide': give a number"),
        ({"width": True}, "config.model.kwargs.width is True: give a number"),
        ({"name": 3}, "config.model.kwargs.name is 3: give a text"),
        ({"rates": 3}, "config.model.kwargs.rates is 3: give a list"),
    ],
)
def test_an_option_that_does_not_fit_is_refused_in_one_line(kwargs: dict, line: str) -> None:
    with pytest.raises(InputError) as caught:
        call_with_options(part, "model.kwargs", kwargs, base=7)
    assert str(caught.value).startswith(line)


class Colors(NamedTuple):
    count: int = 3
    names: tuple[str, ...] = ()


def test_options_in_a_tuple_of_their_own_stand_beside_the_others() -> None:
    def painted(*, height: int, fit: str = "pad", colors: Colors = Colors()) -> tuple:  # noqa: B008
        return height, fit, colors

    assert call_with_options(painted, "data.kwargs", {}, height=4) == (4, "pad", Colors())
    chosen = {"count": 6, "fit": "crop", "names": ["nir"]}
    made = call_with_options(painted, "data.kwargs", chosen, height=4)
    assert made == (4, "crop", Colors(6, ["nir"]))  # type: ignore[arg-type]
    own = Colors(1)
    made = call_with_options(painted, "data.kwargs", {}, height=4, colors=own)
    assert made[2] is own
    with pytest.raises(InputError, match="kwargs.count is 'six': give a whole number"):
        call_with_options(painted, "data.kwargs", {"count": "six"}, height=4)
    with pytest.raises(InputError, match="kwargs.colors: no such option; there are count, fit, na"):
        call_with_options(painted, "data.kwargs", {"colors": 3}, height=4)


def test_a_factory_without_options_says_so() -> None:
    with pytest.raises(InputError, match="kwargs.width: no such option; there are none"):
        call_with_options(lambda base: base, "model.kwargs", {"width": 1.0}, base=7)


def test_an_option_without_a_default_has_to_be_set() -> None:
    def records(*, height: int, dataset: str, split: str = "train") -> tuple[int, str, str]:
        return height, dataset, split

    made = call_with_options(records, "data.kwargs", {"dataset": "streets"}, height=4)
    assert made == (4, "streets", "train")
    with pytest.raises(InputError, match="config.data.kwargs.dataset is missing, .*: set it"):
        call_with_options(records, "data.kwargs", {"split": "test"}, height=4)
    with pytest.raises(InputError, match="config.data.kwargs.dataset is 3: give a text"):
        call_with_options(records, "data.kwargs", {"dataset": 3}, height=4)


def test_options_of_the_default_part_do_not_stand_in_the_way_of_another() -> None:
    assert call_with_options(lambda base: base, "method.kwargs", {"ema_decay": 0.99}, base=7) == 7
    with pytest.raises(InputError, match="config.method.kwargs.ema_decay: no such option"):
        call_with_options(lambda base: base, "method.kwargs", {"ema_decay": 0.9}, base=7)
    # Nor is a list another one for having been kept as JSON.
    for rates in ((6, 12, 18), [6, 12, 18]):
        kwargs = {"rates": rates}
        assert call_with_options(lambda base: base, "model.head.kwargs", kwargs, base=7) == 7


# --- what is offered ---


def test_a_factory_gets_of_what_is_offered_what_it_takes() -> None:
    def of_a_folder(*, root: str, height: int, split: str = "all") -> tuple[str, int, str]:
        return root, height, split

    def drawn(*, height: int, seed: int = 0) -> tuple[int, int]:
        return height, seed

    offered = {"root": "/photos", "max_pixels": 9}

    def make(factory: Callable[..., Any], **kwargs: object) -> Any:
        return call_with_options(factory, "data.kwargs", kwargs, offered=offered, height=4)

    assert make(of_a_folder, split="train") == ("/photos", 4, "train")
    assert make(drawn, seed=3) == (4, 3)
    # What is offered is no option, whether or not it is taken.
    for factory in (of_a_folder, drawn):
        with pytest.raises(InputError, match="config.data.kwargs.root: no such option"):
            make(factory, root="/elsewhere")
    assert offered == {"root": "/photos", "max_pixels": 9}


# --- factories with a block of options ---


class Options(NamedTuple):
    decay: float = 0.99
    weighting: bool = True
    head: Sequence[int] = ()
    passes: str = "separate"


def learner(network: str, *, num_classes: int, options: Options = Options()) -> tuple:  # noqa: B008
    return network, num_classes, options


def learn(**kwargs: object) -> tuple:
    return call_with_options(learner, "method.kwargs", kwargs, network="toy", num_classes=3)


def test_a_block_of_options_is_given_as_one() -> None:
    assert learn() == ("toy", 3, Options())
    assert learn(decay=0.5, head=(1, 2)) == ("toy", 3, Options(decay=0.5, head=(1, 2)))


@pytest.mark.parametrize(
    ("kwargs", "line"),
    [
        (
            {"dekay": 0.5},
            "config.method.kwargs.dekay: no such option; there are decay, head, passes, weighting",
        ),
        ({"network": "other"}, "config.method.kwargs.network: no such option; there are decay"),
        ({"options": 3}, "config.method.kwargs.options: no such option; there are decay"),
        ({"decay": "slow"}, "config.method.kwargs.decay is 'slow': give a number"),
        ({"weighting": 1}, "config.method.kwargs.weighting is 1: give True or False"),
        ({"head": 3}, "config.method.kwargs.head is 3: give a list"),
        ({"passes": None}, "config.method.kwargs.passes is None: give a text"),
    ],
)
def test_an_option_of_a_block_that_does_not_fit_is_refused(kwargs: dict, line: str) -> None:
    with pytest.raises(InputError) as caught:
        learn(**kwargs)
    assert str(caught.value).startswith(line)


def test_an_option_may_itself_be_called_options() -> None:
    def drawn(base: int, *, options: str = "few") -> tuple[int, str]:
        return base, options

    assert call_with_options(drawn, "data.kwargs", {"options": "many"}, base=1) == (1, "many")


def test_a_block_may_have_no_option_yet() -> None:
    class Nothing(NamedTuple):
        pass

    def bare(base: int, *, options: Nothing = Nothing()) -> tuple:  # noqa: B008
        return base, options

    assert call_with_options(bare, "data.kwargs", {}, base=1) == (1, Nothing())
    with pytest.raises(InputError, match="no such option; there are none"):
        call_with_options(bare, "data.kwargs", {"options": 1}, base=1)


# --- kinds ---


@pytest.mark.parametrize(
    ("value", "kind", "fits"),
    [
        (3, int, True),
        (3.0, int, False),
        (True, int, False),
        (3, float, True),
        (True, float, False),
        ("a", str, True),
        (None, str, False),
        (1, bool, False),
        ((1,), list, True),
        ([1], tuple, True),
        ("ab", tuple, False),
        (object(), object, True),
    ],
)
def test_a_value_is_of_the_kind_of_its_option(value: object, kind: type, fits: bool) -> None:
    if fits:
        check_type("some.option", value, kind)
    else:
        with pytest.raises(InputError, match="^config.some.option is .*: give "):
            check_type("some.option", value, kind)


def test_an_option_that_is_missing_is_named() -> None:
    usual = {"seed": 0, "optimizer.power": 0.9}
    check_types({"seed": 1, "optimizer.power": 1, "more": "x"}, usual)
    with pytest.raises(InputError, match="^config.optimizer.power is missing: "):
        check_types({"seed": 1}, usual)
    with pytest.raises(InputError, match="^config.seed is 1.5: give a whole number"):
        check_types({"seed": 1.5, "optimizer.power": 1.0}, usual)
