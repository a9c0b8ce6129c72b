"""The progress bar of a loop."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def counted(items: Sequence[T], description: str) -> Iterator[T]:
    """Yield the items, and show a progress bar on standard error.

    The bar disappears at the end. Without a terminal nothing is shown.
    """
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    yield from track(items, description, console=console, transient=True, disable=not console.is_terminal)
