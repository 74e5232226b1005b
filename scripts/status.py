"""How far runs are: those that are running, wait for answers, were stopped, failed or are finished.

    python scripts/status.py runs/* [--watch=5]

Reads files only, and no run notices it.
"""

import argparse
import contextlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from s4al_jax.console.screen import Screen, capable
from s4al_jax.rundir.status import table


def main() -> None:
    """Print the table, once or again and again."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, nargs="+", help="directories of runs")
    parser.add_argument("--watch", type=float, metavar="SECONDS", help="look again so often")
    given = parser.parse_args()
    if given.watch is not None and given.watch <= 0:
        parser.error("--watch: give a number of seconds above 0")
    if given.watch is not None:
        _watch(given.run, given.watch)
    lines, errors = table(given.run)
    for line in lines:
        print(line)
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    sys.exit(1 if errors else 0)


def _watch(runs: Sequence[Path], seconds: float) -> None:
    """Show the table anew until Ctrl-C: in its place on a terminal, elsewhere one below another."""
    shown: list[str] = []
    with contextlib.ExitStack() as stack, contextlib.suppress(KeyboardInterrupt):
        live = capable(sys.stdout)
        if live:
            screen = Screen(sys.stdout, lambda wide: [line[:wide] for line in shown])
            stack.enter_context(screen.open())
        while True:
            lines, errors = table(runs)
            shown[:] = [*lines, *errors]
            if not live:
                print(*shown, "", sep="\n", flush=True)
            time.sleep(seconds)


if __name__ == "__main__":
    main()
