"""The page of a report: one HTML file that holds its style, its script, its contents and pictures.

It opens from a disk, without a server, and fetches nothing: its content security policy names its
own script and style by their hashes, allows pictures that it carries itself, and forbids the rest.
"""

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from pathlib import Path
from string import Template

from s4al_jax.report.page.schema import Page, Sheet

ASSETS = Path(__file__).parents[1] / "assets"
SCRIPTS = (
    *("elements", "format", "colors", "contents", "state", "popup"),
    *("plot", "headline", "classes", "confusion", "teacher", "steps"),
    *("layers", "order", "gallery", "large", "failures", "runs", "keys", "start"),
)
"""In the order in which they run: each uses only names of those before it until all are there."""


def page_html(contents: Page, images: Sheet, cycles: Mapping[int, Sheet]) -> str:
    """The page as HTML; `cycles` has the sheet of each cycle that is shown in pictures."""
    style = _asset("page.css")
    script = _script()
    sheets = [_block("images", images)]
    sheets += [_block(f"cycle-{number}", sheet) for number, sheet in sorted(cycles.items())]
    return Template(_asset("page.html")).substitute(
        title=html.escape(contents["title"]),
        policy=(
            "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
            f"style-src {_hash(style)}; script-src {_hash(script)}"
        ),
        style=style,
        script=script,
        contents=_block("contents", contents),
        sheets="\n".join(sheets),
    )


def _script() -> str:
    """One script in a block of its own: no name meets the browser's, none is given twice."""
    parts = "\n".join(_asset(f"{name}.js") for name in SCRIPTS)
    return f'"use strict";\n{{\n{parts}}}\n'


def _asset(name: str) -> str:
    return (ASSETS / name).read_text("utf-8")


def _block(name: str, value: object) -> str:
    """JSON that a browser neither runs nor parses before the page's script asks for it."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    # Escaped in JSON's own way, nothing in it can end the element or begin a comment.
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f'<script type="application/json" id="{name}">{text}</script>'


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
