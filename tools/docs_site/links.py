"""Links in Markdown files: do their targets and anchors exist? Other sites are not asked."""

import re
from collections.abc import Iterator
from pathlib import Path

LINK = re.compile(r"(!?\[[^\]]*\])\(([^)\s]+)\)")
FENCE = re.compile(r"^(```+|~~~+).*?^\1[ ]*$", re.M | re.S)
CODE = re.compile(r"`[^`\n]+`")
HEADING = re.compile(r"^#{1,6} (.+?)#*$", re.M)
EXTERNAL = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)


def link_mistakes(path: Path) -> Iterator[str]:
    """A line for each link of a Markdown file that leads nowhere."""
    for target in link_targets(path.read_text("utf-8")):
        file, _, anchor = target.partition("#")
        goal = path.parent / file if file else path
        if not goal.exists():
            yield f"{target} leads nowhere"
        elif anchor and goal.suffix == ".md" and anchor not in anchors(goal.read_text("utf-8")):
            yield f"{file or path.name} has no heading #{anchor}"


def link_targets(text: str) -> list[str]:
    """Where the links and images of a text lead, without those to other sites."""
    plain = CODE.sub("``", without_code_blocks(text))
    # What a link is called may hold code, which is no link.
    found = [match[1] for match in re.findall(LINK, plain)]
    return [target for target in found if not EXTERNAL.match(target)]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub and MyST give to the headings of a text."""
    return {anchor(heading) for heading in HEADING.findall(without_code_blocks(text))}


def anchor(heading: str) -> str:
    """The anchor of a heading."""
    words = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
    return words.strip().replace(" ", "-")


def without_code_blocks(text: str) -> str:
    """A text without what stands between fences."""
    return FENCE.sub("", text)
