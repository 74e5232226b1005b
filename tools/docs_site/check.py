"""Checks the project's Markdown without building anything: links, and what the text mentions.

python -m tools.docs_site.check
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from tools.docs_site.links import link_mistakes
from tools.docs_site.mentions import mention_mistakes, walk_mistakes, word_mistakes
from tools.docs_site.parts import ROOT

WALK = ROOT / "docs" / "explanation" / "walk.md"


def pages() -> list[Path]:
    """What describes the project as it is."""
    docs = [path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts]
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(docs)]


def history() -> list[Path]:
    """What describes earlier versions as well: its links have to lead somewhere, and no more."""
    return [ROOT / "CHANGELOG.md", *sorted((ROOT / "results").rglob("*.md"))]


def mistakes() -> Iterator[str]:
    """A line for each mistake in the project's Markdown."""
    checks = [(link_mistakes, path) for path in (*pages(), *history())]
    checks += [(check, path) for path in pages() for check in (mention_mistakes, word_mistakes)]
    checks += [(walk_mistakes, WALK)]
    for check, path in checks:
        yield from (f"{path.relative_to(ROOT)}: {mistake}" for mistake in check(path))


def main() -> int:
    """Print all mistakes and return 1 if there is one."""
    found = list(mistakes())
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
