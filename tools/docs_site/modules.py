"""The public names of a module as Markdown: classes with their fields, functions, constants.

Read from the source, so that nothing is imported and docstrings stay the Markdown that they are.
"""

import ast
import re
from collections.abc import Iterator

from tools.docs_site.parts import module_path

ENTRY = re.compile(r"^  (\w+): ", re.M)
"""How an argument begins in the section `Args:` of a docstring."""


def module_pages(module: str) -> str:
    """Markdown: a section for each public name of a module, dotted below the package."""
    tree = ast.parse(module_path(module).read_text("utf-8"))
    lines: list[str] = []
    for node, below in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            lines += _class_lines(node)
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            lines += [f"### {node.name}", "", *_function_lines(node)]
        elif name := _constant(node):
            lines += [f"### {name}", "", *_code(ast.unparse(node)), _string(below), ""]
    return "\n".join(lines)


def _constant(node: ast.stmt) -> str:
    """The name that a module-level assignment gives, if it is public."""
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    if isinstance(node, ast.AnnAssign):
        target = node.target
    name = target.id if isinstance(target, ast.Name) else ""
    return "" if name.startswith("_") else name


def _class_lines(node: ast.ClassDef) -> Iterator[str]:
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    yield from (f"### {node.name}", "", *_code(f"class {node.name}({bases})"))
    yield from (*_docstring_lines(node), "")
    fields = [
        (field, _string(below))
        for field, below in zip(node.body, [*node.body[1:], None], strict=True)
        if isinstance(field, ast.AnnAssign)
    ]
    if fields:
        yield from ("| field | type | meaning |", "|---|---|---|")
    for field, meaning in fields:
        default = f" = {ast.unparse(field.value)}" if field.value else ""
        kind = _cell(f"`{ast.unparse(field.annotation)}{default}`")
        yield f"| `{ast.unparse(field.target)}` | {kind} | {_cell(meaning)} |"
    yield ""
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
            yield from _function_lines(method)


def _function_lines(node: ast.FunctionDef) -> Iterator[str]:
    decorators = [f"@{ast.unparse(one)}\n" for one in node.decorator_list]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    signature = f"def {node.name}({ast.unparse(node.args)}){returns}"
    yield from _code("".join(decorators) + signature)
    yield from (*_docstring_lines(node), "")


def _code(text: str) -> list[str]:
    return ["```python", text, "```", ""]


def _docstring_lines(node: ast.ClassDef | ast.FunctionDef) -> list[str]:
    """A docstring with its sections of arguments as lists."""
    text = ast.get_docstring(node) or ""
    text = re.sub(r"^(Args|Returns|Raises|Attributes):$", r"*\1*\n", text, flags=re.M)
    return ENTRY.sub(r"- `\1`: ", text).splitlines()


def _string(node: ast.stmt | None) -> str:
    """What a string that stands below a field or a constant says of it."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return " ".join(str(node.value.value).split())
    return ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
