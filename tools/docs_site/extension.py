"""The Sphinx extension of this site: generated tables, and files that lie outside of `docs/`.

A page asks for generated Markdown with a comment, `<!-- generated: options -->`, for the public
names of a module with `<!-- module: types -->`, and for a file of the repository with
`<!-- file: results/README.md -->`. Pages are written for readers of the repository: a link to a
file that has a page here is turned into one to that page, one to other Markdown is a download.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

from sphinx.application import Sphinx

from tools.docs_site.commands import command_pages
from tools.docs_site.configurations import configuration_pages
from tools.docs_site.links import EXTERNAL, LINK
from tools.docs_site.modules import module_pages
from tools.docs_site.options import option_pages
from tools.docs_site.parts import ROOT, part_pages

GENERATED: dict[str, Callable[[], str]] = {
    "commands": command_pages,
    "configurations": configuration_pages,
    "options": option_pages,
    "parts": part_pages,
}

PLACEHOLDER = re.compile(r"^<!-- (generated|module|file): (\S+) -->$", re.M)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("source-read", fill_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def fill_page(app: Sphinx, docname: str, content: list[str]) -> None:
    """Replace what a page asks for, and turn links to files that have pages."""
    page = Path(app.env.doc2path(docname))
    content[0] = filled(content[0], page, pages_of_files(Path(app.srcdir)))


def filled(text: str, page: Path, pages: dict[Path, Path]) -> str:
    """The text of a page with all that it asks for.

    Args:
      text: as it stands in the file.
      page: its file.
      pages: file of the repository -> the page that shows it.
    """

    def fill(match: re.Match[str]) -> str:
        kind, name = match.groups()
        if kind == "generated":
            return GENERATED[name]()
        if kind == "module":
            return module_pages(name)
        return with_page_links((ROOT / name).read_text("utf-8"), ROOT / name, page, pages)

    return PLACEHOLDER.sub(fill, with_page_links(text, page, page, pages))


def pages_of_files(docs: Path) -> dict[Path, Path]:
    """File of the repository -> the page that shows it; the index is that of the README."""
    found = {ROOT / "README.md": docs / "index.md"}
    for page in docs.rglob("*.md"):
        for kind, name in PLACEHOLDER.findall(page.read_text("utf-8")):
            if kind == "file":
                found[ROOT / name] = page
    return found


def with_page_links(text: str, file: Path, page: Path, pages: dict[Path, Path]) -> str:
    """The text of `file` as it is shown on `page`, with links that lead on from there."""
    docs = ROOT / "docs"

    def turn(match: re.Match[str]) -> str:
        heading, name, target = match.groups()
        path, hash_sign, anchor = target.partition("#")
        goal = (file.parent / path).resolve()
        if EXTERNAL.match(target) or not path or not goal.exists():
            return match[0]
        goal = pages.get(goal, goal)
        from_page = os.path.relpath(goal, page.parent)
        if goal.suffix != ".md" or goal.is_relative_to(docs):
            return f"{heading}{name}({from_page}{hash_sign}{anchor})"
        # Sphinx takes no download in a heading.
        plain = name.strip("[]")
        return f"{heading}{plain}" if heading else f"{{download}}`{plain} <{from_page}>`"

    return re.sub(rf"(^#+ |)(?:{LINK.pattern})", turn, text, flags=re.M)
