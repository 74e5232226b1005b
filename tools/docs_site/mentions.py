"""What pages mention exists: options, commands and their flags, files, functions.

Options are found by their prefix, `config.`; commands in blocks of shell code and in inline code;
files in inline code, where they are in a folder of the project.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tools.docs_site.commands import command_mistake, command_parsers
from tools.docs_site.configurations import configuration_files, read_options
from tools.docs_site.links import CODE, without_code_blocks
from tools.docs_site.options import read_options as read_defaults
from tools.docs_site.parts import AXES, PACKAGE, ROOT, read_parts

FOLDERS = ("s4al_jax", "configs", "scripts", "tools", "tests", "notebooks", "docs", "results")
SHELL_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.M | re.S)
PYTHON_BLOCK = re.compile(r"^```python\n.*?^```", re.M | re.S)
OPTION = re.compile(r"\bconfig\.([a-z_0-9]+(?:\.[a-z_0-9]+)*)")
NO_OPTIONS = ("json", "py")
"""What follows `config.` in the names of files."""
PATH = re.compile(r"^[\w./-]+\.(?:py|sh|js|md|csv|ipynb|toml|cfg)$")
FLAG = re.compile(r"^--([a-z_]+)\b")
OTHER_FLAGS = re.compile(r"(help|version|config|gpus|xla_\w+)$")
"""Flags that are not ours, or that every program has."""
FORBIDDEN = re.compile(
    r"\b(knobs?|labelled|unlabelled|colour\w*|behaviour|optimis\w+|normalis\w+|neighbour\w*"
    r"|centred?|interview|lots|residence|steps_together)\b",
    re.I,
)
"""Words of earlier versions, and spellings that are not American."""
WALK_STEP = re.compile(r"^\d+\. `(\w+)` in `([\w/]+\.py)`", re.M)


def mention_mistakes(path: Path) -> Iterator[str]:
    """A line for everything that a page mentions and that does not exist."""
    text = path.read_text("utf-8")
    yield from option_mistakes(text)
    yield from command_mistakes(text)
    yield from file_mistakes(text, path)


def option_mistakes(text: str) -> Iterator[str]:
    """Options that there are not."""
    for name in OPTION.findall(PYTHON_BLOCK.sub("", text)):
        if name not in NO_OPTIONS and name not in known_options():
            yield f"there is no option config.{name}"


@cache
def known_options() -> frozenset[str]:
    """Options and blocks of the defaults, of the configurations, and of all parts."""
    names = {option.name for option in read_defaults()}
    for file in configuration_files():
        names |= set(read_options(file))
    for axis in AXES:
        for part in read_parts(axis):
            names |= {f"{axis.block}.kwargs.{option.name}" for option in part.options}
    blocks = {name.rsplit(".", count)[0] for name in names for count in range(name.count(".") + 1)}
    return frozenset(names | blocks)


def command_mistakes(text: str) -> Iterator[str]:
    """Command lines and flags that are not understood."""
    for line in shell_lines(text):
        if mistake := command_mistake(line):
            yield f"{line}: {mistake}"
    for code in inline_code(text):
        if code.startswith("s4al ") and code.split()[1] not in (*command_parsers(), "COMMAND"):
            if not code.split()[1].startswith("-"):
                yield f"there is no command {code}"
        flag = FLAG.match(code)
        if flag and flag[1] not in known_flags() and not OTHER_FLAGS.match(flag[1]):
            yield f"there is no flag {code}"


def shell_lines(text: str) -> list[str]:
    """The command lines of `s4al` in blocks of shell code, without what stands before."""
    found = []
    for block in SHELL_BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            # `JAX_PLATFORMS=cpu s4al ...`, `srun ... s4al ...`
            if match := re.search(r"(?:^|[ /])(s4al (?:[a-z]+ .*|[a-z]+$))", line.split("  #")[0]):
                found.append(match[1].strip().rstrip("'"))
    return found


@cache
def known_flags() -> frozenset[str]:
    """Flags of `s4al`, of `s4al_jax.main` and of the programs in `tools/`."""
    flags = {
        option.lstrip("-")
        for parser in command_parsers().values()
        for action in parser._actions
        for option in action.option_strings
    }
    programs = [PACKAGE / "cli" / "arguments.py", *(ROOT / "tools").glob("*.py")]
    for program in programs:
        flags |= set(re.findall(r"\"(?:--)?([a-z_]+)\"", program.read_text("utf-8")))
    return frozenset(flags)


def file_mistakes(text: str, page: Path) -> Iterator[str]:
    """Files of the project that there are not, and modules that cannot be run."""
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    for code in inline_code(text):
        for word in code.split():
            first = word.split("/")[0]
            if PATH.match(word) and "/" in word and first in (*FOLDERS, *rooms):
                places = (ROOT / word, PACKAGE / word, page.parent / word)
                if not any(place.exists() for place in places):
                    yield f"there is no file {word}"
    for module in re.findall(r"python -m ((?:s4al_jax|tools)[\w.]*)", text):
        place = ROOT / module.replace(".", "/")
        if not (place.with_suffix(".py").exists() or (place / "__main__.py").exists()):
            yield f"there is no module {module}"


def inline_code(text: str) -> list[str]:
    """What stands between backticks."""
    return [code.strip("`") for code in CODE.findall(without_code_blocks(text))]


def word_mistakes(path: Path) -> Iterator[str]:
    """Words that a page should not use."""
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        for word in FORBIDDEN.findall(line):
            yield f"line {number}: {word} is not a word of these pages"


def walk_mistakes(path: Path) -> Iterator[str]:
    """Functions that the page of the walk names and that its files do not define."""
    for function, file in WALK_STEP.findall(path.read_text("utf-8")):
        tree = ast.parse((ROOT / file).read_text("utf-8")) if (ROOT / file).exists() else None
        nodes = ast.walk(tree) if tree else ()
        if function not in {node.name for node in nodes if isinstance(node, ast.FunctionDef)}:
            yield f"{file} has no function {function}"
