"""Names that annotation files have for classes: categories of COCO files and values of a VIA attribute."""

from collections.abc import Iterable
from reprlib import repr as shortly
from typing import Any

from fmask.utils.errors import UserError


class NoSuchCategory(UserError):  # noqa: N818
    """Categories or values to map are not in a file."""

    def __init__(self, message: str, names: Iterable[str]) -> None:
        super().__init__(message)
        self.names = frozenset(names)


def quoted(names: Any) -> str:
    """Return the sorted names in quotes, at most ten of them."""
    each = [shortly(name) for name in sorted(names)]
    return ", ".join(each[:10]) + (f" and {len(each) - 10} more" if len(each) > 10 else "")


def typed(name: str) -> str:
    """Return a name as it can be typed in an example, or NAME if it is too long or not printable."""
    return name if name.isprintable() and len(name) < 60 and '"' not in name else "NAME"


def how_to_map(name: str) -> str:
    """Return examples of mapping a name to a class and of leaving it out, for error messages."""
    name = typed(name)
    return (
        f'as in --category "{name}=hat", or leave it out by --category "{name}="; '
        f'in training, use "data.map={{{name}: hat}}" or "data.map={{{name}: null}}"'
    )
