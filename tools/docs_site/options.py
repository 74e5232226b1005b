"""The options of a configuration as a table: name, default, and what `config/defaults.py` says.

The defaults are those of `default()`; what an option means is the comment beside it, or above it.
"""

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from s4al_jax.config import defaults
from s4al_jax.config.options import FREE_OPTIONS
from tools.docs_site.parts import AXES, read_parts


class Option(NamedTuple):
    """An entry of the configuration."""

    name: str
    """dotted, without the leading `config.`"""
    default: Any
    comment: str
    is_free: bool
    """whether two starts of a run may differ in it"""

    @property
    def block(self) -> str:
        """What stands before the first dot; empty for an option that belongs to no block."""
        return self.name.partition(".")[0] if "." in self.name else ""


class _Comments(NamedTuple):
    """The comments of a file by their lines."""

    beside: Mapping[int, str]
    """code stands before it"""
    alone: Mapping[int, str]

    def of(self, node: ast.AST, first: int | None = None) -> str:
        """The comment beside a node or, if there is none, those right above line `first`."""
        assert isinstance(node, ast.stmt | ast.expr)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
            if line in self.beside:
                return self.beside[line]
        above: list[str] = []
        line = (first or node.lineno) - 1
        while line in self.alone:
            above.insert(0, self.alone[line])
            line -= 1
        return " ".join(above)


def read_options() -> list[Option]:
    """All options, in the order of `default()`."""
    comments = read_comments(Path(defaults.__file__).read_text("utf-8"))
    order = {name: number for number, name in enumerate(comments)}
    values = dict(leaves(defaults.default()))
    meanings = _meanings_of_parts(values) | {name: text for name, text in comments.items() if text}
    return [
        Option(name, values[name], meanings.get(name, ""), name in FREE_OPTIONS)
        for name in sorted(values, key=lambda name: order.get(name, len(order)))
    ]


def _meanings_of_parts(values: Mapping[str, Any]) -> dict[str, str]:
    """What the parts that the defaults name say of their options, and which parts there are."""
    found = {}
    for axis in AXES:
        known = {part.name: part for part in read_parts(axis)}
        found[f"{axis.block}.name"] = f"one of {', '.join(known)}"
        for argument in known[values[f"{axis.block}.name"]].options:
            found[f"{axis.block}.kwargs.{argument.name}"] = argument.meaning
    return found


def leaves(config: ConfigDict, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values; a block that is empty is a leaf."""
    for name, value in config.items():
        if isinstance(value, ConfigDict) and len(value):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, {} if isinstance(value, ConfigDict) else value


def read_comments(source: str) -> dict[str, str]:
    """Option or block -> its comment in the source of `config/defaults.py`, in its order."""
    tree = ast.parse(source)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    found: dict[str, str] = {}
    _visit(functions["default"], "", functions, _comments(source), found)
    return found


def _comments(source: str) -> _Comments:
    beside: dict[int, str] = {}
    alone: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            is_alone = not token.line[: token.start[1]].strip()
            (alone if is_alone else beside)[token.start[0]] = token.string.lstrip("# ")
    return _Comments(beside, alone)


def _visit(
    function: ast.FunctionDef,
    prefix: str,
    functions: Mapping[str, ast.FunctionDef],
    comments: _Comments,
    found: dict[str, str],
) -> None:
    """Follow the assignments of a function that fills the block `prefix`."""
    for statement in function.body:
        if not isinstance(statement, ast.Assign):
            continue
        (target,) = statement.targets
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        for node in names:
            path = ".".join(filter(None, [prefix, *_path(node)]))
            if not path:
                continue
            _assign(path, statement.value, statement, functions, comments, found)
            if isinstance(statement.value, ast.Dict) and statement.lineno == statement.end_lineno:
                _share(path, statement.value, comments.of(statement), found)


def _assign(
    path: str,
    value: ast.expr,
    statement: ast.Assign,
    functions: Mapping[str, ast.FunctionDef],
    comments: _Comments,
    found: dict[str, str],
) -> None:
    callee = (
        value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else ""
    )
    if callee in functions:
        _visit(functions[callee], path, functions, comments, found)
        return
    if callee == "ConfigDict" and isinstance(value, ast.Call) and value.args:
        value = value.args[0]
    if not isinstance(value, ast.Dict) or not value.keys:
        found[path] = comments.of(statement) if value is statement.value else ""
        return
    is_one_line = value.lineno == value.end_lineno
    for key, part in _entries(value):
        if isinstance(part, ast.Dict | ast.Call):
            _assign(f"{path}.{key}", part, statement, functions, comments, found)
        else:
            found[f"{path}.{key}"] = "" if is_one_line else comments.of(part, statement.lineno)


def _share(path: str, value: ast.Dict, comment: str, found: dict[str, str]) -> None:
    """Give the comment of a line to the entries of its dict.

    "width: of all layers; stride: 8 or 16" speaks of two of them, anything else of all that are not
    in a dict of their own.
    """
    names = {name.rpartition(".")[2]: name for name in found if name.startswith(f"{path}.")}
    parts: list[str] = []
    for piece in comment.split("; "):
        if parts and piece.partition(": ")[0] not in names:
            parts[-1] += f"; {piece}"
        else:
            parts.append(piece)
    for part in parts:
        about, _, rest = part.partition(": ")
        if about in names:
            found[names[about]] = rest
            continue
        for key, entry in _entries(value):
            if not isinstance(entry, ast.Dict | ast.Call):
                found[f"{path}.{key}"] = part


def _entries(value: ast.Dict) -> Iterator[tuple[str, ast.expr]]:
    for key, part in zip(value.keys, value.values, strict=True):
        assert isinstance(key, ast.Constant)
        yield str(key.value), part


def _path(node: ast.expr) -> list[str]:
    """`config.data.name` -> ["data", "name"]."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    return parts


def option_pages() -> str:
    """Markdown: a table for each block."""
    options = read_options()
    comments = read_comments(Path(defaults.__file__).read_text("utf-8"))
    lines: list[str] = []
    for block in dict.fromkeys(option.block for option in options):
        title = f"`config.{block}`" if block else "Of the whole run"
        lines += ["", f"## {title}", ""]
        if comments.get(block):
            lines += [f"{_sentence(comments[block])}", ""]
        lines += ["| option | default | meaning |", "|---|---|---|"]
        lines += [_row(option) for option in options if option.block == block]
    return "\n".join(lines)


def _row(option: Option) -> str:
    name = f"`config.{option.name}`" + (" †" if option.is_free else "")
    comment = option.comment.replace("|", "\\|")
    return f"| {name} | `{option.default!r}` | {comment} |"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
