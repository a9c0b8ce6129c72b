"""Dependencies of a module: modules of this package, and other packages.

They are read from import statements, including those inside functions, without importing anything.
"""

import ast
import re
import sys
from importlib import metadata
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def required_modules(module: str) -> list[Path]:
    """Return the files of this package that `module` needs, including its own, relative to the package's parent."""
    found: set[Path] = set()
    waiting = {module}
    while waiting:
        name = waiting.pop()
        parts = name.split(".")
        files = {file for end in range(1, len(parts) + 1) if (file := _file_of(parts[:end]))}
        for file in files - found:
            waiting |= {each for each in _imported(file) if each.split(".")[0] == PACKAGE.name}
        found |= files
    return sorted(file.relative_to(PACKAGE.parent) for file in found)


def requirements_of(files: list[Path]) -> list[str]:
    """Return the packages that `files`, as of `required_modules`, import, each pinned to the installed version.

    Packages that are not installed are left out: an import inside a function may be of an optional package.
    """
    distributions = metadata.packages_distributions()
    names = {name.split(".")[0] for file in files for name in _imported(PACKAGE.parent / file)}
    names -= {PACKAGE.name} | sys.stdlib_module_names
    installed = {distributions[name][0] for name in names if name in distributions}
    return sorted(f"{_name(package)}=={metadata.version(package)}" for package in installed)


def _file_of(parts: list[str]) -> Path | None:
    path = PACKAGE.parent.joinpath(*parts)
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def _imported(file: Path) -> set[str]:
    """Return the dotted names in a file's import statements that are, or may be, modules."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _name(requirement: str) -> str:
    """Return the normalized name of a distribution."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s;=<>!~\[]", requirement, maxsplit=1)[0]).lower()
