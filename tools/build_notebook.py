"""Runs the notebook's script and writes it with what it shows as notebooks/acquisition_maps.ipynb.

    python tools/build_notebook.py

`S4AL_CONFIG` and `S4AL_WORKDIR` choose what it shows, see the script. The notebook is never edited
by hand: change the percent script beside it, and build it again.
"""

import re
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "notebooks" / "acquisition_maps.py"


class Cell(NamedTuple):
    """A piece of a percent script."""

    kind: str
    """"markdown" or "code" """
    source: str


def cells(script: str) -> list[Cell]:
    """The cells of a percent script; magic commands, which are comments in it, are commands."""
    found = []
    for part in re.split(r"^# %%", script, flags=re.M)[1:]:
        title, _, body = part.partition("\n")
        if title.strip() == "[markdown]":
            found.append(Cell("markdown", re.sub(r"^# ?", "", body, flags=re.M).strip()))
        else:
            found.append(Cell("code", re.sub(r"^# %(?=\w)", "%", body, flags=re.M).strip()))
    return found


def notebook(script: str) -> Any:
    """A notebook of a percent script, not run yet."""
    made = nbformat.v4.new_notebook()
    made.metadata["kernelspec"] = {
        "display_name": "Python 3", "language": "python", "name": "python3",
    }  # fmt: skip
    made.metadata["language_info"] = {"name": "python"}
    for number, (kind, source) in enumerate(cells(script)):
        new = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}[kind]
        made.cells.append(new(source, id=f"cell-{number:02d}"))
    return made


def without_paths(text: str) -> str:
    """The text of an output as it would be on any machine."""
    for path, name in ((ROOT, "."), (Path(tempfile.gettempdir()), "TMP"), (Path.home(), "~")):
        text = text.replace(str(path), name)
    return text


def main() -> None:
    """Run the script as a notebook and write it."""
    made = notebook(SCRIPT.read_text("utf-8"))
    NotebookClient(
        made,
        timeout=None,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(SCRIPT.parent)}},
    ).execute()
    made.metadata["language_info"] = {"name": "python"}
    for cell in made.cells:
        for output in cell.get("outputs", []):
            if "text" in output:
                output["text"] = without_paths(output["text"])
    nbformat.validate(made)
    out = SCRIPT.with_suffix(".ipynb")
    nbformat.write(made, out)
    print(f"{out}: {len(made.cells)} cells, {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
