"""Progress bars."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text


class _Speed(ProgressColumn):
    """The number of items per second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f} {self.unit}/s")


def speed_bar(unit: str) -> Progress:
    """Return a progress bar with the count, the number of `unit` per second and the remaining time."""
    name = TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", max_width=24))
    columns = (name, BarColumn(bar_width=16), MofNCompleteColumn(), _Speed(unit), TimeRemainingColumn())
    return Progress(*columns, speed_estimate_period=10)


def transient_bar() -> Progress:
    """Return a progress bar on standard error that disappears at its end; without a terminal nothing is shown."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
