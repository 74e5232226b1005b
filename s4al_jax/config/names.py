"""Which configurations and studies there are, for help and completion: found without imports."""

import ast
from pathlib import Path

SUPERVISED = ("supervised", "supervised_initial")
"""Studies that learn from labels alone."""


def package_configs() -> Path:
    """The folder of the configurations that come with the package."""
    package = Path(__file__).parents[1]
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def names() -> tuple[str, ...]:
    """The configurations that come with the package."""
    return tuple(sorted(path.stem for path in package_configs().glob("[!_]*.py")))


def studies() -> tuple[str, ...]:
    """The studies of every configuration: learning from labels alone, or an acquisition function.

    The registry is read from its source, since importing it would start JAX.
    """
    source = Path(__file__).parents[1] / "acquisition" / "registry.py"
    (registry,) = (
        node.value
        for node in ast.parse(source.read_text("utf-8")).body
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict)
    )
    names = (key.value for key in registry.keys if isinstance(key, ast.Constant))
    return (*SUPERVISED, *map(str, names))
