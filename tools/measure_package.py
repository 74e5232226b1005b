"""Measures the package: files, lines, floors, functions, comments, as a table in Markdown.

    python tools/measure_package.py 0.1=../before 0.2=.     # a column for each checkout

Only the package is measured. Floors are the rooms on the longest chain of rooms that import each
other; ranks are those of `tests/architecture_test.py`, where a checkout has them.
"""

import argparse
import ast
import io
import statistics
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PACKAGE = "s4al_jax"


class Module(NamedTuple):
    """A file of the package."""

    name: str
    """dotted, below the package"""
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The folder or, for a module at the root, the module itself."""
        return self.name.split(".")[0]


class Lines(NamedTuple):
    """How many lines of a file are what; a line may hold code and a comment."""

    code: int
    comment: int
    docstring: int


def read_modules(root: Path) -> list[Module]:
    """The files of the package in a checkout."""
    found = []
    for path in sorted((root / PACKAGE).rglob("*.py")):
        name = ".".join(path.relative_to(root / PACKAGE).with_suffix("").parts)
        text = path.read_text("utf-8")
        found.append(Module(name.removesuffix(".__init__"), text, ast.parse(text)))
    return found


def count_lines(module: Module) -> Lines:
    """Lines of code, of comments and of docstrings."""
    docstrings: set[int] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            if isinstance(node.value.value, str):
                docstrings |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    code, comments = set(), set()
    skipped = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        lines = range(token.start[0], token.end[0] + 1)
        if token.type == tokenize.COMMENT:
            comments |= set(lines)
        elif token.type not in skipped:
            code |= set(lines) - docstrings
    return Lines(len(code), len(comments), len(docstrings))


def function_lengths(modules: Sequence[Module]) -> list[int]:
    """Lines of every function and method, those inside others too."""
    return sorted(
        (node.end_lineno or node.lineno) - node.lineno + 1
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def floors(modules: Sequence[Module]) -> int:
    """Rooms, and modules beside them, on the longest chain of imports."""
    rooms = {module.room for module in modules}
    return longest_chain({room: set(room_imports(room, modules)) & rooms for room in rooms})


def ranks(root: Path, modules: Sequence[Module]) -> int:
    """The ranks that the package uses; 0 for a checkout without ranks."""
    rooms = {module.room for module in modules}
    return sum(bool(rooms & set(rank)) for rank in read_ranks(root / "tests/architecture_test.py"))


def read_ranks(path: Path) -> tuple[tuple[str, ...], ...]:
    """`RANKS` as a file defines it; empty if it does not."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "RANKS" and node.value:
            return ast.literal_eval(node.value)
    return ()


def room_imports(room: str, modules: Sequence[Module]) -> Iterator[str]:
    """The other rooms that a room imports, inside functions as well."""
    for module in modules:
        for node in ast.walk(module.tree) if module.room == room else ():
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in names:
                if name.startswith(f"{PACKAGE}.") and name.split(".")[1] != room:
                    yield name.split(".")[1]


def longest_chain(imports: Mapping[str, set[str]]) -> int:
    """Rooms on the longest way down that meets no room twice."""

    def depth(room: str, above: frozenset[str]) -> int:
        below = imports[room] - above
        return 1 + max((depth(other, above | {other}) for other in below), default=0)

    return max(depth(room, frozenset({room})) for room in imports)


def measure(root: Path) -> dict[str, str]:
    """The measures of a checkout by name."""
    modules = read_modules(root)
    counted = [count_lines(module) for module in modules]
    code, comments, docstrings = (sum(column) for column in zip(*counted, strict=True))
    lines = [len(module.text.splitlines()) for module in modules]
    lengths = function_lengths(modules)
    loose = {module.name for module in modules if "." not in module.name}
    folders = {module.room for module in modules if "." in module.name}
    return {
        "files": f"{len(modules)}",
        "lines": f"{sum(lines):,}",
        "longest file": f"{max(lines)}",
        "rooms (folders)": f"{len(folders)}",
        "modules beside them": f"{len(loose - folders - {'__init__'})}",
        "floors": f"{floors(modules)}",
        "ranks": f"{ranks(root, modules) or '-'}",
        "functions": f"{len(lengths):,}",
        "lines of a function: median": f"{statistics.median(lengths):g}",
        "lines of a function: nine in ten have at most": f"{lengths[len(lengths) * 9 // 10]}",
        "lines of a function: longest": f"{lengths[-1]}",
        "lines of code for each line with a comment": f"{code / max(comments, 1):.0f}",
        "lines of docstrings": f"{100 * docstrings / sum(lines):.0f} %",
    }


def table(columns: Mapping[str, Mapping[str, str]]) -> str:
    """Markdown: a row for each measure, a column for each checkout."""
    names = list(next(iter(columns.values())))
    rows = [[name, *(column[name] for column in columns.values())] for name in names]
    head = [["", *columns], ["---", *["---:"] * len(columns)]]
    return "\n".join(f"| {' | '.join(row)} |" for row in [*head, *rows])


def main() -> None:
    """Print the table of some checkouts."""
    parser = argparse.ArgumentParser(description="Measure the package.")
    parser.add_argument("checkouts", nargs="+", metavar="NAME=DIR")
    named = [one.rpartition("=") for one in parser.parse_args().checkouts]
    print(table({name or folder: measure(Path(folder)) for name, _, folder in named}))


if __name__ == "__main__":
    main()
