"""A progress bar for things that are worked on one after the other."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def counted(items: Sequence[T], description: str) -> Iterator[T]:
    """Yield the items, with a bar on standard error that disappears at the end; without a terminal nothing is shown."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    yield from track(items, description, console=console, transient=True, disable=not console.is_terminal)
