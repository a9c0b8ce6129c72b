"""Docstrings of this project as reStructuredText, which autodoc expects.

They are written as plain text: a name of code stands in single backticks, and an example is indented below a line of
prose. Here single backticks become literals, and indented examples become literal blocks.
"""

import re
from typing import Any

from sphinx.application import Sphinx

SINGLE = re.compile(r"(?<![`:\\])`([^`]+)`(?![`_])")
SECTION = re.compile(r"\s*(Args|Arguments|Returns|Raises|Yields|Attributes|Note|Notes|Example|Examples):\s*$")


def as_rest(lines: list[str]) -> list[str]:
    """Return the lines of a docstring as reStructuredText."""
    text = SINGLE.sub(lambda found: f"``{' '.join(found[1].split())}``", "\n".join(lines))
    return _literal_blocks([_escaped(line) for line in text.split("\n")])


def _escaped(line: str) -> str:
    """Return the line with the characters that would start markup escaped, outside of literals."""
    parts = re.split(r"(``.+?``)", line)
    return "".join(part if part.startswith("``") else re.sub(r"([*|]|_\b)", r"\\\1", part) for part in parts)


def _literal_blocks(lines: list[str]) -> list[str]:
    """Return the lines with `::` before each indented block that does not belong to a section or a list."""
    result: list[str] = []
    in_block = in_section = False
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if not line.strip():
            result.append(line)
            continue
        if indent == 0:
            in_block, in_section = False, bool(SECTION.match(line))
        elif not in_section and not in_block and number and not lines[number - 1].strip():
            in_block = True
            result += ["::", ""]
        result.append(line.replace("\\", "") if in_block else line)
    return result


def _process(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = as_rest(lines)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the conversion, before napoleon reads the sections."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    return {"parallel_read_safe": True}
