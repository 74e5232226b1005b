"""Who may import whom, and how large a thing may grow: read from the source, never from a run.

Each rule is a function from one `Source` to what breaks it: the line and a sentence.
"""

import ast
import builtins
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "s4al_jax"

RANKS: tuple[tuple[str, ...], ...] = (
    ("__init__", "__version__", "types"),
    ("regions", "files", "config", "console", "runtime", "ops", "input", "learn", "streets"),
    ("data", "models", "methods", "acquisition", "labels"),
    ("engine", "rundir", "survey"),
    ("run", "report"),
    ("paper",),
    ("cli",),
    ("main", "__main__", "configs"),
)
"""Rooms, and modules beside them, from the ground up: each imports what lies below, and itself."""


class Ban(NamedTuple):
    """Names that `rooms` (all, where none is given) may not use; `unless` lists the exceptions."""

    names: tuple[str, ...]
    why: str
    rooms: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


JAX = ("jax", "jaxlib", "flax", "optax", "orbax", "clu", "jaxtyping.Array")
JAX_FREE = ("files", "regions", "data", "streets", "labels", "rundir", "survey", "report")
ON_DEVICE = ("ops", "models", "learn")
COMPILERS = ("jax.jit", "jax.pmap", "jax.experimental.pjit", "flax.linen.jit")
# fmt: off
FILES = (
    "open", "print", "absl.logging", "etils.epath", "glob", "io", "logging", "os", "pathlib",
    "pickle", "PIL", "requests", "safetensors", "shutil", "socket", "subprocess", "tarfile",
    "tempfile", "urllib", "zipfile", "numpy.load", "numpy.save", "numpy.savez", "numpy.loadtxt",
    "numpy.savez_compressed", "numpy.savetxt", "numpy.fromfile", "numpy.memmap",
)
# fmt: on
READ_WEIGHTS = (
    "models.weights",
    "models.torch_file",
    "models.torch_pickle",
    "models.published",
)
BANS = (
    Ban(JAX, "this room runs without JAX", rooms=JAX_FREE),
    Ban(COMPILERS, "only engine.devices compiles", unless=("engine.devices",)),
    Ban(("numpy.random", "random"), "draw from the key that is given", rooms=ON_DEVICE),
    Ban(FILES, "no I/O and no logging here", rooms=ON_DEVICE, unless=READ_WEIGHTS),
    Ban(
        ("ml_collections",),
        "only config, run.build, run.task, cli and configs/ know it: take plain arguments",
        unless=("config", "run.build", "run.task", "cli", "configs"),
    ),
)

MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 80
MOST_LINES_OF_MAIN = 60
MOST_CODE_LINES_OF_A_CONFIG = 40
EMPTY_NAMES = ("utils", "util", "helpers", "helper", "common", "misc")


class Source(NamedTuple):
    """A Python file: `path` from the root, `module` dotted and, in the package, named below it."""

    path: str
    module: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        return self.module.split(".")[0]

    @property
    def is_room_init(self) -> bool:
        return self.path.endswith("/__init__.py") and self.module != "__init__"


class Use(NamedTuple):
    """A full dotted name, such as `jax.numpy.sum` or `s4al_jax.types`, and the line it is on."""

    name: str
    line: int


Rule = Callable[[Source], Iterator[tuple[int, str]]]


def source(path: str, text: str) -> Source:
    module = path.removeprefix(f"{PACKAGE}/").removesuffix(".py").replace("/", ".")
    return Source(path, module.removesuffix(".__init__"), text, ast.parse(text, path))


def sources(*folders: str) -> list[Source]:
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [source(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) for path in paths]


def is_within(name: str, *prefixes: str) -> bool:
    return any(f"{name}.".startswith(f"{prefix}.") for prefix in prefixes)


def imports(of: Source) -> Iterator[Use]:
    """What is imported anywhere in a file, inside functions and `if TYPE_CHECKING` as well."""
    here = [PACKAGE, *of.module.split(".")]
    package = here if of.is_room_init else here[:-1]
    for node in ast.walk(of.tree):
        if isinstance(node, ast.Import):
            yield from (Use(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (Use(f"{base}.{alias.name}", node.lineno) for alias in node.names)


def own_imports(of: Source) -> Iterator[Use]:
    """Imports of our own modules, named below the package: `types`, `regions.RegionGrid`."""
    for name, line in imports(of):
        if is_within(name, PACKAGE):
            yield Use(name.removeprefix(PACKAGE).removeprefix("."), line)


def aliases(of: Source) -> dict[str, str]:
    """What a name in the file stands for: `jnp` -> `jax.numpy`, `open` -> `open`."""
    found = {name: name for name in dir(builtins)}
    for node in ast.walk(of.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.split(".")[0]
                found[alias.asname or root] = alias.name if alias.asname else root
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def dotted(node: ast.AST) -> str:
    """`a.b.c` of an attribute chain that starts at a name, otherwise an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted(node.value)):
        return f"{base}.{node.attr}"
    return ""


def uses(of: Source) -> Iterator[Use]:
    """Every import, and everything that is reached through an imported or built-in name."""
    yield from imports(of)
    known = aliases(of)
    for node in ast.walk(of.tree):
        if isinstance(node, ast.Name | ast.Attribute):
            first, *rest = dotted(node).split(".")
            if first in known:
                yield Use(".".join([known[first], *rest]), node.lineno)


def functions(of: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(of.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def rank_of(room: str) -> int | None:
    return next((rank for rank, rooms in enumerate(RANKS) if room in rooms), None)


def imports_point_down(of: Source) -> Iterator[tuple[int, str]]:
    own = rank_of(of.room)
    if own is None:
        yield 1, f"{of.room} has no rank: say in RANKS above which rooms it stands"
        return
    for name, line in own_imports(of):
        room = name.split(".")[0]
        other = rank_of(room)
        if other is None:
            yield line, f"{of.room} imports {name or PACKAGE}, which has no rank"
        elif other >= own and room != of.room:
            yield line, f"{of.room} may not import {name}: it does not stand below"


def banned_names_are_absent(of: Source) -> Iterator[tuple[int, str]]:
    for ban in BANS:
        if (ban.rooms and of.room not in ban.rooms) or is_within(of.module, *ban.unless):
            continue
        lines: dict[int, str] = {}
        for name, line in uses(of):
            if is_within(name, *ban.names):
                lines.setdefault(line, name)
        yield from ((line, f"{of.room} uses {name}: {ban.why}") for line, name in lines.items())


def room_init_is_a_docstring(of: Source) -> Iterator[tuple[int, str]]:
    if of.is_room_init:
        for node in of.tree.body[1:]:
            yield node.lineno, "the __init__ of a room is its docstring only"


def config_is_short_and_gives_its_command(of: Source) -> Iterator[tuple[int, str]]:
    docstring = ast.get_docstring(of.tree)
    start = (of.tree.body[0].end_lineno or 0) if docstring else 0
    code = [line for line in of.text.splitlines()[start:] if line.strip(" ")]
    count = sum(not line.lstrip().startswith("#") for line in code)
    if count > MOST_CODE_LINES_OF_A_CONFIG:
        yield 1, f"{count} lines of code, at most {MOST_CODE_LINES_OF_A_CONFIG}"
    command = f"{PACKAGE}.main --config={of.path}"
    if command not in " ".join((docstring or "").split()):
        yield 1, f"the docstring lacks the command: python -m {command}"


def module_has_a_docstring(of: Source) -> Iterator[tuple[int, str]]:
    if not (ast.get_docstring(of.tree) or "").strip():
        yield 1, "the module has no docstring"


def signatures_have_types(of: Source) -> Iterator[tuple[int, str]]:
    for node in functions(of):
        given = node.args
        named = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        for argument in filter(None, named):
            if argument.annotation is None and argument.arg not in ("self", "cls"):
                yield argument.lineno, f"{node.name}: {argument.arg} has no type"
        if node.returns is None:
            yield node.lineno, f"{node.name}: what it returns has no type"


def sizes_are_small(of: Source) -> Iterator[tuple[int, str]]:
    is_main = of.path == f"{PACKAGE}/main.py"
    most = MOST_LINES_OF_MAIN if is_main else MOST_LINES_OF_A_FILE
    if (count := len(of.text.splitlines())) > most:
        yield most + 1, f"{count} lines, at most {most}: is it one concept?"
    for node in functions(of):
        count = (node.end_lineno or node.lineno) - node.lineno + 1
        if count > MOST_LINES_OF_A_FUNCTION:
            yield node.lineno, f"{node.name}: {count} lines, at most {MOST_LINES_OF_A_FUNCTION}"


def name_says_something(of: Source) -> Iterator[tuple[int, str]]:
    for part in Path(of.path).with_suffix("").parts:
        if part in EMPTY_NAMES:
            yield 1, f"the name {part} says nothing"


def import_graph(files: list[Source]) -> dict[str, dict[str, str]]:
    """module -> the modules of ours that it imports, each with its `path:line`."""
    modules = {of.module for of in files}

    def target(name: str) -> str:
        parts = name.split(".")
        prefixes = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
        return next((prefix for prefix in prefixes if prefix in modules), "")

    return {
        of.module: {target(name): f"{of.path}:{line}" for name, line in own_imports(of)}
        for of in files
    }


def chains(graph: dict[str, dict[str, str]], start: str) -> dict[str, list[str]]:
    """What `start` imports, itself or through others -> the places that lead there."""
    found: dict[str, list[str]] = {}
    waiting: list[tuple[str, list[str]]] = [(start, [])]
    for module, way in waiting:
        for goal, place in graph.get(module, {}).items():
            if goal not in found:
                found[goal] = [*way, place]
                waiting.append((goal, found[goal]))
    return found


def cycles(files: list[Source]) -> list[str]:
    graph = import_graph(files)
    ways = {module: chains(graph, module).get(module, []) for module in graph}
    return [f"{way[0]}: {name} imports itself: {way}" for name, way in ways.items() if way]


def indirect_jax(files: list[Source]) -> list[str]:
    """How a room that runs without JAX gets it through what it imports of ours."""
    graph = import_graph(files)
    with_jax = {of.module for of in files if any(is_within(use.name, *JAX) for use in imports(of))}
    return [
        f"{way[0]}: {of.room} runs without JAX and gets it from {goal}: {way}"
        for of in files
        if of.room in JAX_FREE
        for goal, way in chains(graph, of.module).items()
        if goal in with_jax
    ]


def broken(rule: Rule, files: list[Source]) -> list[str]:
    return [f"{of.path}:{line}: {what}" for of in files for line, what in rule(of)]


RULES: dict[Rule, tuple[str, ...]] = {
    imports_point_down: (PACKAGE, "configs"),
    banned_names_are_absent: (PACKAGE, "configs"),
    room_init_is_a_docstring: (PACKAGE,),
    config_is_short_and_gives_its_command: ("configs",),
    module_has_a_docstring: (PACKAGE, "configs", "scripts", "tools", "tests"),
    signatures_have_types: (PACKAGE, "configs", "scripts", "tools"),
    sizes_are_small: (PACKAGE, "configs", "scripts", "notebooks", "tools", "tests"),
    name_says_something: (PACKAGE, "configs", "scripts", "notebooks", "tools", "tests"),
}
"""Rule -> the folders whose files keep it."""


@pytest.mark.parametrize("rule", RULES)
def test_every_file_keeps_the_rule(rule: Rule) -> None:
    files = sources(*RULES[rule])
    assert files, f"no file in {RULES[rule]}"
    assert not (lines := broken(rule, files)), "\n".join(lines)


def test_no_module_imports_itself_through_others() -> None:
    assert not (lines := cycles(sources(PACKAGE))), "\n".join(lines)


def test_rooms_without_jax_do_not_get_it_through_others() -> None:
    assert not (lines := indirect_jax(sources(PACKAGE))), "\n".join(lines)
