"""Looks at every file of a dataset once, says what there is and what is wrong, and draws a sheet.

    python scripts/check_data.py --config=configs/folder.py:PATH --sheet=contact_sheet.png

Ends with 1 if something is wrong. A run makes the same checks before it trains.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import app, flags

from s4al_jax.cli import arguments
from s4al_jax.console.terminal import Terminal
from s4al_jax.data.validate import survey
from s4al_jax.report.figures.acquisition import save
from s4al_jax.report.figures.data import data_report, sheet
from s4al_jax.run import build
from s4al_jax.types import InputError

_SHEET = flags.DEFINE_string("sheet", "contact_sheet.png", "Where the contact sheet goes.")
_PICTURES = flags.DEFINE_integer("pictures", 16, "How many pictures it shows.", lower_bound=1)


def main(_: Sequence[str]) -> None:
    """Print the report, draw the sheet, and end with 1 if a file is wrong."""
    spec = build.dataset(arguments.config().data)
    with Terminal(sys.stderr) as terminal:
        found = survey(spec, progress=terminal.countdown("images read"), originals=True)
    print(data_report(spec, found))
    path = Path(_SHEET.value)
    save(sheet(spec, _PICTURES.value), path)
    print(f"\nThe contact sheet lies in {path}.")
    if found.errors:
        sys.exit(1)


if __name__ == "__main__":
    try:
        app.run(main, flags_parser=arguments.parsed)
    except InputError as error:
        sys.exit(f"error: {error}")
