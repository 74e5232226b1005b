"""The documentation: the site builds without a warning, and what its pages mention exists."""

import html
import importlib
import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.docs_site import check, links, mentions, options, parts
from tools.docs_site.commands import command_parsers
from tools.docs_site.extension import filled, pages_of_files

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NEEDED = ("sphinx", "myst_parser", "sphinx_book_theme")
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)

TERMS = (
    """
option region cycle score select annotate annotator cost labeled unlabeled void teacher student
pseudo-label confidence stream stage generation preflight plan budget record heartbeat ledger
snapshot
""".split()
    + ["acquisition function", "partially labeled", "dry run", "run directory"]
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, built anew."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{missing[0]} is not installed: pip install -e '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    quiet = ["--quiet", "--fail-on-warning", "--keep-going"]
    command = [sys.executable, "-m", "sphinx", *quiet, "-d", str(folder / "doctrees")]
    done = subprocess.run(
        [*command, str(DOCS), str(folder / "html")], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    return folder / "html"


def page_text(site: Path, name: str) -> str:
    """What a page of the site says, without its tags."""
    return html.unescape(re.sub(r"<[^>]+>", "", (site / name).read_text("utf-8")))


def test_every_page_is_built(site: Path) -> None:
    for page in PAGES:
        assert (site / page.relative_to(DOCS).with_suffix(".html")).is_file(), page


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    loads = re.compile(r"<(?:script|img|link)\b[^>]*\b(?:src|href)=\"(?:https?:)?//[^\"]*")
    for page in PAGES:
        text = (site / page.relative_to(DOCS).with_suffix(".html")).read_text("utf-8")
        assert not loads.findall(text), page


def test_the_options_page_lists_every_option_with_its_default(site: Path) -> None:
    text = page_text(site, "reference/options.html")
    for option in options.read_options():
        listed = re.search(
            rf"config\.{re.escape(option.name)}[\s†]+{re.escape(repr(option.default))}", text
        )
        assert listed, option.name


def test_the_commands_page_shows_the_help_of_every_command(site: Path) -> None:
    text = page_text(site, "reference/commands.html")
    for parser in command_parsers().values():
        assert parser.format_help().strip() in text


def test_a_file_of_the_repository_is_shown_with_links_between_pages(site: Path) -> None:
    text = (site / "results/index.html").read_text("utf-8")
    assert 'href="performance.html"' in text and 'href="../how_to/reproduce.html"' in text


def test_nothing_is_mentioned_that_does_not_exist() -> None:
    assert not (found := list(check.mistakes())), "\n".join(found)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("set `config.optimizer.learning_rat`", "there is no option config.optimizer.learning_rat"),
        ("```sh\ns4al train demo --config.sed=1 --workdir=r\n```", "there is no option config.sed"),
        ("```sh\ns4al train demo --work=r\n```", "s4al train demo --work=r: error: "),
        ("```sh\nX=1 bin/s4al status\n```", "s4al status: error: "),
        ("call `s4al draw`", "there is no command s4al draw"),
        ("with `--accept_nothing`", "there is no flag --accept_nothing"),
        ("in `s4al_jax/run/stage.py`", "there is no file s4al_jax/run/stage.py"),
        ("in `methods/s5al.py`", "there is no file methods/s5al.py"),
        ("`python -m tools.reliable`", "there is no module tools.reliable"),
    ],
)
def test_a_mention_of_what_does_not_exist_is_found(text: str, mistake: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    (found,) = mentions.mention_mistakes(page)
    assert found.startswith(mistake)


@pytest.mark.parametrize(
    ("checker", "text", "mistake"),
    [
        (links.link_mistakes, "[a](b.md)", "b.md leads nowhere"),
        (
            links.link_mistakes,
            "# One *two*\n[a](#one-two) [b](#two)",
            "page.md has no heading #two",
        ),
        (links.link_mistakes, "`[a](b.md)` ![c](d.png) [e](https://f)", "d.png leads nowhere"),
        (mentions.word_mistakes, "all\nknobs", "line 2: knobs is not a word of these pages"),
        (
            mentions.walk_mistakes,
            "1. `train_cycle` in `s4al_jax/run/training.py`: a\n2. `no` in `s4al_jax/types.py`: b",
            "s4al_jax/types.py has no function no",
        ),
    ],
)
def test_a_mistake_in_a_page_is_found(
    checker: Callable[[Path], Iterator[str]], text: str, mistake: str, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    assert list(checker(page)) == [mistake]


def test_the_walk_has_at_most_25_steps_in_order() -> None:
    text = check.WALK.read_text("utf-8")
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", text, re.M)]
    assert numbers == list(range(1, len(numbers) + 1)) and 15 < len(numbers) <= 25
    assert len(mentions.WALK_STEP.findall(text)) == len(numbers)


def test_options_with_another_name_are_listed_under_both() -> None:
    section = (
        (ROOT / "CHANGELOG.md").read_text("utf-8").split("### Options that have another name")[1]
    )
    rows = re.findall(
        r"^\| `([\w.]+)(?:=\w+)?`.* \| `([\w.]+)(?:=\w+)?`", section.split("###")[0], re.M
    )
    assert len(rows) > 20
    for old, new in rows:
        assert new in mentions.known_options(), new
        assert old == new or old not in mentions.known_options(), old


def test_the_readme_is_short_and_lists_every_command() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 130
    assert set(re.findall(r"^\| `s4al (\w+)", text, re.M)) == set(command_parsers())


def test_the_glossary_defines_the_words_of_the_code() -> None:
    headings = links.anchors((DOCS / "glossary.md").read_text("utf-8"))
    assert {links.anchor(term) for term in TERMS} <= headings


def test_an_option_has_the_comment_beside_it_or_above_it() -> None:
    source = """
def default():
    config = ConfigDict()
    config.seed = 0
    # alone
    # above
    config.a = {"b": 1, "kwargs": {"c": 2}}
    config.d = {"e": 3, "kwargs": {"f": 4, "g": 5}}  # f: of one; 0: none; g: of another
    config.block = _block()

def _block():
    block = ConfigDict()  # of all
    block.x, block.y = 1, 2  # of both
    block.kwargs = {
        "z": 3,  # of an entry
    }
    return block
"""
    assert options.read_comments(source) == {
        "seed": "",
        "a.b": "alone above",
        "a.kwargs.c": "",
        "d.e": "",
        "d.kwargs.f": "of one; 0: none",
        "d.kwargs.g": "of another",
        "block": "of all",
        "block.x": "of both",
        "block.y": "of both",
        "block.kwargs.z": "of an entry",
    }


@pytest.mark.parametrize("axis", parts.AXES, ids=lambda axis: axis.block)
def test_the_parts_are_those_of_the_registry(axis: parts.Axis) -> None:
    module, _, registry = axis.registry.rpartition(".")
    entries = getattr(importlib.import_module(f"s4al_jax.{module}"), registry)
    # Tests register parts of their own.
    names = [name for name, one in entries.items() if one.__module__.startswith("s4al_jax.")]
    found = parts.read_parts(axis)
    assert [part.name for part in found] == names
    assert all(part.summary for part in found)


def test_every_option_has_a_meaning() -> None:
    assert not [option.name for option in options.read_options() if not option.comment]


def test_a_part_has_the_options_of_its_signature() -> None:
    axis = next(axis for axis in parts.AXES if axis.block == "method")
    found = {part.name: part for part in parts.read_parts(axis)}
    (labeled_from,) = found["supervised"].options
    assert labeled_from.default == "'known'" and labeled_from.meaning.startswith('"known": every')
    assert found["s4al"].options[0][:2] == ("ema_decay", "0.99")


def test_a_link_to_a_file_becomes_one_to_its_page() -> None:
    pages = pages_of_files(DOCS)
    text = (
        "[a](../../results/README.md) [b](../../results/pool.csv) [c](../adding.md#regions) `[](d)`"
    )
    assert filled(text, DOCS / "how_to" / "scale.md", pages) == (
        "[a](../results/index.md) [b](../../results/pool.csv) [c](../adding.md#regions) `[](d)`"
    )
