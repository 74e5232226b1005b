"""The parts that a configuration can name, read from the registries without importing them.

A registry is a dict from names to factories; what a factory takes besides what every part of its
axis is given are the part's own options.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "s4al_jax"


class Axis(NamedTuple):
    """One of the independent choices of a configuration."""

    title: str
    block: str
    registry: str
    """module and name, as in `regions.registry.REGIONS`"""
    given: frozenset[str] = frozenset()
    """arguments that do not come from the block's `kwargs`"""


_CONVOLUTIONS = frozenset({"padding", "how", "norm_eps", "norm_momentum", "dtype", "conv"})
_HEAD = _CONVOLUTIONS | {"backbone", "num_classes", "map_size"}
_LEARNER = frozenset({"network", "optimizer", "augmentation", "num_classes", "microbatches"})
_ANNOTATOR = frozenset({"spec", "pool", "workdir", "person", "name", "annotator", "parcel_pixels"})
_SIZE = frozenset({"height", "width"})

AXES = (
    Axis("Datasets", "data", "run.task.DATASETS", _SIZE | {"root", "max_pixels"}),
    Axis("Regions", "regions", "regions.registry.REGIONS", _SIZE | {"images"}),
    Axis("Backbones", "model.backbone", "models.build.BACKBONES", _CONVOLUTIONS),
    Axis("Heads", "model.head", "models.build.HEADS", _HEAD),
    Axis("Optimizers", "optimizer", "learn.registry.OPTIMIZERS"),
    Axis("Methods", "method", "methods.registry.METHODS", _LEARNER),
    Axis(
        "Acquisition functions",
        "acquisition",
        "acquisition.registry.ACQUISITIONS",
        frozenset({"regions"}),
    ),
    Axis("Annotators", "annotator", "run.task.ANNOTATORS", _ANNOTATOR),
)


class Argument(NamedTuple):
    """An option of a part's own."""

    name: str
    default: str
    """as it is written in the source; empty: there is none"""
    meaning: str


class Part(NamedTuple):
    """A factory in a registry."""

    name: str
    module: str
    """below the package, dotted"""
    function: str
    summary: str
    description: str
    """what its docstring says beyond that, without the section of its arguments"""
    options: tuple[Argument, ...]


class _Module(NamedTuple):
    """A module of the package, read."""

    name: str
    tree: ast.Module

    @property
    def imports(self) -> dict[str, tuple[str, str]]:
        """name -> the module of ours it comes from and what it is called there."""
        return {
            alias.asname or alias.name: (node.module, alias.name)
            for node in self.tree.body
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("s4al_jax")
            for alias in node.names
            if node.module
        }

    def find(self, name: str) -> ast.FunctionDef | ast.ClassDef | None:
        """The function or class of a name."""
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
                return node
        return None


def module_path(name: str) -> Path:
    """The file of a module, dotted below the package."""
    path = PACKAGE / Path(*name.split("."))
    return path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"


def read_parts(axis: Axis) -> list[Part]:
    """The parts of an axis, in the order of its registry."""
    module, _, registry = axis.registry.rpartition(".")
    source = _read(module)
    return [_part(name, source, value, axis) for name, value in _entries(source, registry)]


def _read(name: str) -> _Module:
    return _Module(name, ast.parse(module_path(name).read_text("utf-8")))


def _entries(module: _Module, registry: str) -> Iterator[tuple[str, ast.expr]]:
    for node in module.tree.body:
        target = node.target if isinstance(node, ast.AnnAssign) else None
        if isinstance(target, ast.Name) and target.id == registry:
            assert isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict)
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                assert isinstance(key, ast.Constant)
                yield str(key.value), value


def _part(name: str, module: _Module, value: ast.expr, axis: Axis) -> Part:
    """The part that an entry of a registry names: `folder`, or `mobilenet_v2.MobileNetV2`."""
    signature = value.args if isinstance(value, ast.Lambda) else None
    if isinstance(value, ast.Lambda):
        assert isinstance(value.body, ast.Call)
        value = value.body.func
    if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
        package, last = module.imports[value.value.id]
        module, node = _find(_read(f"{package}.{last}".removeprefix("s4al_jax.")), value.attr)
    else:
        assert isinstance(value, ast.Name)
        module, node = _find(module, value.id)
    docstring = ast.get_docstring(node) or ""
    if isinstance(node, ast.ClassDef):
        options = [field for field in _fields(node) if field.name not in axis.given]
    else:
        options = list(_arguments(signature or node.args, module, axis, docstring))
    before_arguments = re.split(r"^(?:Args|Returns):$", docstring, flags=re.M)[0]
    summary, _, description = before_arguments.partition("\n\n")
    return Part(
        name,
        module.name,
        node.name,
        summary.replace("\n", " "),
        description.strip(),
        tuple(options),
    )


def _find(module: _Module, name: str) -> tuple[_Module, ast.FunctionDef | ast.ClassDef]:
    """A function or class by its name in a module, which may import it, and where it stands."""
    node = module.find(name)
    while node is None:
        place, name = module.imports[name]
        module = _read(place.removeprefix("s4al_jax."))
        node = module.find(name)
    return module, node


def _arguments(
    signature: ast.arguments, module: _Module, axis: Axis, docstring: str
) -> Iterator[Argument]:
    """The arguments that come from the block's `kwargs`."""
    meanings = argument_meanings(docstring)
    arguments = [*signature.args, *signature.kwonlyargs]
    defaults = [*signature.defaults, *signature.kw_defaults]
    missing: list[ast.expr | None] = [None] * (len(arguments) - len(defaults))
    for argument, default in zip(arguments, missing + defaults, strict=True):
        if argument.arg in axis.given:
            continue
        if group := _named_tuple(module, argument.annotation):
            # Several options are given as one.
            yield from _fields(group)
        else:
            written = ast.unparse(default) if default else ""
            yield Argument(argument.arg, written, meanings.get(argument.arg, ""))


def _named_tuple(module: _Module, annotation: ast.expr | None) -> ast.ClassDef | None:
    """The NamedTuple of ours that an annotation names, if it names one."""
    if not isinstance(annotation, ast.Name):
        return None
    if not (annotation.id in module.imports or module.find(annotation.id)):
        return None
    _, node = _find(module, annotation.id)
    is_one = isinstance(node, ast.ClassDef) and "NamedTuple" in map(ast.unparse, node.bases)
    return node if is_one and isinstance(node, ast.ClassDef) else None


def _fields(node: ast.ClassDef) -> Iterator[Argument]:
    """The fields of a NamedTuple or of a Flax module, with the strings that stand below them."""
    for field, below in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            if "ClassVar" in ast.unparse(field.annotation):
                continue
            meaning = ""
            if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                meaning = str(below.value.value)
            default = ast.unparse(field.value) if field.value else ""
            yield Argument(field.target.id, default, " ".join(meaning.split()))


def argument_meanings(docstring: str) -> dict[str, str]:
    """Argument -> what the section `Args:` of a docstring says of it."""
    section = re.search(r"^Args:\n((?:^(?:[ ]{2}.*)?\n?)*)", docstring, re.M)
    if not section:
        return {}
    found = re.findall(r"^ {2}(\w+): (.*(?:\n {4}.*)*)", section[1], re.M)
    return {name: " ".join(text.split()) for name, text in found}


def part_pages() -> str:
    """Markdown: a section for each axis."""
    return "\n".join(line for axis in AXES for line in _axis_lines(axis))


def _axis_lines(axis: Axis) -> Iterator[str]:
    module, _, registry = axis.registry.rpartition(".")
    yield from ("", f"## {axis.title}", "")
    yield f"Named by `config.{axis.block}.name`; `{registry}` in `{_path(module)}` lists them."
    for part in read_parts(axis):
        yield from ("", f"### {axis.block}: {part.name}", "")
        yield f"{part.summary} (`{part.function}` in `{_path(part.module)}`)"
        yield from ("", part.description, "")
        has_meanings = any(one.meaning for one in part.options)
        if part.options:
            yield f"| `config.{axis.block}.kwargs.` | default |{' meaning |' * has_meanings}"
            yield f"|---|---|{'---|' * has_meanings}"
        for one in part.options:
            default = f"`{one.default}`" if one.default else "required"
            meaning = one.meaning.replace("|", "\\|")
            yield f"| `{one.name}` | {default} |{f' {meaning} |' * has_meanings}"


def _path(module: str) -> str:
    return module_path(module).relative_to(ROOT).as_posix()
