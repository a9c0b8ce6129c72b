"""Docstrings of this project as reStructuredText, which autodoc expects.

They are written as plain text: a name of code stands in single backticks, and an example is indented below a line of
prose. Here single backticks become literals, and indented examples become literal blocks.
"""

import re
from typing import Any

from sphinx.application import Sphinx

SINGLE = re.compile(r"(?<![`:\\])`([^`]+)`(?![`_])")
SECTION = re.compile(r"\s*(Args|Arguments|Returns|Raises|Yields|Attributes|Note|Notes|Example|Examples):\s*$")
MARKUP = re.compile(r"(\*\w[\w -]*\*)|([*|]|_\b)")
"""Emphasis, which is meant, and characters that would start markup, which is not."""
COLON = "\ue000"
"""Stands for the colons in the docstring of an attribute while napoleon would take the words before one for a type."""


def as_rest(lines: list[str]) -> list[str]:
    """Return the lines of a docstring as reStructuredText."""
    text = SINGLE.sub(lambda found: f"``{' '.join(found[1].split())}``", "\n".join(lines))
    return _literal_blocks([_escaped(line) for line in text.split("\n")])


def _escaped(line: str) -> str:
    """Return the line with the characters that would start markup escaped, outside of literals."""
    parts = re.split(r"(``.+?``)", line)
    for number, part in enumerate(parts):
        if not part.startswith("``"):
            part = MARKUP.sub(lambda found: found[1] or f"\\{found[2]}", part)
            parts[number] = re.sub(r"(: [A-Z])\.", r"\1\\.", part)  # one letter and a dot would start a list
    return "".join(parts)


def _literal_blocks(lines: list[str]) -> list[str]:
    """Return the lines with a directive before each indented block that does not belong to a section or a list."""
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
            result += [".. code-block:: text", ""]
        result.append(re.sub(r"\\([*|_.])", r"\1", line) if in_block else line)
    return result


def _before_napoleon(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = as_rest(lines)
    if what in ("attribute", "data"):
        lines[:] = [line.replace(":", COLON) for line in lines]


def _after_napoleon(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = [line.replace(COLON, ":") for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the conversion, around napoleon, which reads the sections."""
    app.connect("autodoc-process-docstring", _before_napoleon, priority=400)
    app.connect("autodoc-process-docstring", _after_napoleon, priority=600)
    return {"parallel_read_safe": True}
