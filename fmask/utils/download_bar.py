"""The progress bar of downloads."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


def download_bar() -> "Progress":
    """Return a bar with the bytes, the speed and the remaining time, whole in a terminal of 80 columns."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.table import Column

    name = TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", max_width=24))
    return Progress(name, BarColumn(bar_width=16), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
