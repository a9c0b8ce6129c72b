"""Names that annotation files have for classes: categories of COCO files and values of a VIA attribute."""

import re
from collections.abc import Iterable
from reprlib import repr as shortly
from typing import Any

from fmask.utils.errors import UserError


class NoSuchCategory(UserError):  # noqa: N818
    """Categories or values to map are not in a file."""

    def __init__(self, message: str, names: Iterable[str]) -> None:
        super().__init__(message)
        self.names = frozenset(names)


def quoted(names: Any, sort: bool = True) -> str:
    """Return the names in quotes, at most ten of them, and sorted unless `sort` is false."""
    each = [shortly(name) for name in (sorted(names) if sort else names)]
    return ", ".join(each[:10]) + (f" and {len(each) - 10} more" if len(each) > 10 else "")


def typed(name: str) -> str:
    """Return a name as it can be typed in an example, or NAME if it is too long or not printable."""
    return name if name.isprintable() and len(name) < 60 and '"' not in name else "NAME"


def in_map(name: str) -> str:
    """Return a name as it can be typed in a map, in quotes where YAML needs them."""
    name = typed(name)
    return "'" + name.replace("'", "''") + "'" if re.search(r"[][{},:#&*!|>'%@`]|^[-?~ ]|^null$| $", name) else name


def how_to_map(name: str, label: str) -> str:
    """Return examples of mapping a name to the class `label` and of leaving it out, for error messages."""
    name, label = in_map(name), in_map(label)
    return f'as in --map "{{{name}: {label}}}", or leave it out by --map "{{{name}: null}}"'
