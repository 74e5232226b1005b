"""The page as text: what went in comes out, names cannot break it, and it fetches nothing."""

import json
import re
from html.parser import HTMLParser

import pytest

from s4al_jax.report.page.html import ASSETS, SCRIPTS, page_html
from s4al_jax.report.page.schema import Page, Sheet
from tests.support.sample_page import HOSTILE, sample

FETCHING = {"src", "href", "action", "data", "poster", "srcset", "formaction", "xlink:href"}


class Read(HTMLParser):
    """Elements with their attributes and, of scripts and style sheets, their text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[dict[str, str | None], str]] = []
        self.title = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        tag, attributes = self.elements[-1] if self.elements else ("", {})
        if tag in ("script", "style"):
            self.texts.append((attributes, data))
        if tag == "title":
            self.title += data

    def block(self, name: str) -> str:
        return "".join(text for attributes, text in self.texts if attributes.get("id") == name)


@pytest.fixture(scope="module")
def given() -> tuple[Page, Sheet, dict[int, Sheet]]:
    return sample(5)


@pytest.fixture(scope="module")
def text(given: tuple[Page, Sheet, dict[int, Sheet]]) -> str:
    contents, images, cycles = given
    return page_html(contents | {"title": f"A run of {HOSTILE}"}, images, cycles)  # type: ignore[arg-type]


def test_what_comes_out_is_what_went_in(
    given: tuple[Page, Sheet, dict[int, Sheet]], text: str
) -> None:
    contents, images, cycles = given
    read = Read(text)
    assert json.loads(read.block("contents")) == contents | {"title": f"A run of {HOSTILE}"}
    assert json.loads(read.block("images")) == images
    assert {n: json.loads(read.block(f"cycle-{n}")) for n in cycles} == cycles


def test_no_name_ends_an_element_or_begins_one(text: str) -> None:
    read = Read(text)
    assert read.title.strip() == f"A run of {HOSTILE}"
    scripts = [attributes for tag, attributes in read.elements if tag == "script"]
    assert [one.get("id") for one in scripts] == [
        *("contents", "images", "cycle-0", "cycle-1", "cycle-2"),
        None,
    ]
    assert "b" not in {tag for tag, _ in read.elements}
    assert not re.search("[<>&\u2028\u2029]", read.block("contents"))


def test_the_page_names_nothing_to_fetch_and_forbids_it(text: str) -> None:
    read = Read(text)
    for tag, attributes in read.elements:
        for name in FETCHING & set(attributes):
            assert (attributes[name] or "").startswith(("#", "data:")), f"<{tag} {name}>"
    style = (ASSETS / "page.css").read_text()
    assert "@import" not in style and re.findall(r"url\(([^#)][^)]*)\)", style) == []
    script = "".join((ASSETS / f"{name}.js").read_text() for name in SCRIPTS)
    assert not re.search(r"\b(fetch|XMLHttpRequest|import|sendBeacon|WebSocket)\b\s*\(", script)
    (policy,) = (one["content"] for tag, one in read.elements if "http-equiv" in one)
    assert policy is not None and policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy


def test_not_a_number_is_refused_rather_than_written(
    given: tuple[Page, Sheet, dict[int, Sheet]],
) -> None:
    contents, images, cycles = given
    contents = contents | {"studies": [{"means": [{"miou": float("nan")}]}]}  # type: ignore[assignment]
    with pytest.raises(ValueError, match="not JSON compliant"):
        page_html(contents, images, cycles)


def test_what_names_a_part_of_the_page_is_in_the_page(text: str) -> None:
    """A screen reader finds the headings of sections and dialogs by these ids."""
    read = Read(text)
    ids = {attributes.get("id") for _, attributes in read.elements}
    named = [one["aria-labelledby"] for _, one in read.elements if "aria-labelledby" in one]
    assert len(named) == 8 and set(named) <= ids
    links = [one["href"] for tag, one in read.elements if tag == "a"]
    assert {(link or "").removeprefix("#") for link in links} <= ids
    known = ("labelledby", "label", "live", "hidden", "pressed")
    aria = {name for _, one in read.elements for name in one if name.startswith("aria-")}
    assert aria <= {f"aria-{name}" for name in known}


def test_every_asset_is_part_of_the_page() -> None:
    assert {path.name for path in ASSETS.iterdir()} == {
        *("page.html", "page.css"),
        *(f"{name}.js" for name in SCRIPTS),
    }


def test_pages_of_the_same_contents_are_the_same(
    given: tuple[Page, Sheet, dict[int, Sheet]],
) -> None:
    assert page_html(*given) == page_html(*given)


def luminance(color: str) -> float:
    """As WCAG 2 has it."""
    digits = color.lstrip("#")
    pairs = [2 * one for one in digits] if len(digits) == 3 else re.findall("..", digits)
    linear = [
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in (int(pair, 16) / 255 for pair in pairs)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_and_lines_stand_out_from_what_is_behind_them(theme: str) -> None:
    roots = re.findall(r":root \{(.*?)\}", (ASSETS / "page.css").read_text(), re.S)
    colors = dict(re.findall(r"--([\w-]+): (#\w+)", roots[("light", "dark").index(theme)]))
    for behind in ("ground", "surface", "sunken"):
        for words in ("ink", "soft", "accent"):
            assert contrast(colors[words], colors[behind]) >= 4.5, (words, behind)
    for line in (*(f"line-{i}" for i in range(6)), "good", "accent"):
        assert contrast(colors[line], colors["surface"]) >= 3, line
    assert contrast(colors["heat"], colors["heat-ink"]) >= 4.5
