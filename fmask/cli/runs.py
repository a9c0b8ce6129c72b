"""The command `fmask runs`."""

import csv
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from fmask.cli.app import RUNS, app

if TYPE_CHECKING:
    from fmask.tracking import RunInfo

COLUMNS = ("id", "study", "name", "data", "status", "started", "val mask AP50")
WIDE = 100
"""Columns of a terminal from which on the table has all `COLUMNS`."""


@app.command(rich_help_panel=RUNS)
def runs(
    study: Annotated[str | None, typer.Argument(help="Only the runs of this study. Default: of all studies.")] = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=10_000, help="The largest number of runs.")] = 20,
) -> None:
    """List the trainings, newest first.

    Commands accept a run by its id or by the first characters of it, at least 6.

    In a terminal this is a table; elsewhere it is CSV with whole ids.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from fmask import tracking

    rows = [_cells(run) for run in tracking.recent_trainings(count, study)]
    console = Console()
    if not console.is_terminal:
        csv.writer(sys.stdout, lineterminator="\n").writerows([COLUMNS, *rows])
        return
    # Names begin with the data, so that a narrow terminal has room for the names instead.
    shown = COLUMNS if console.width >= WIDE else tuple(column for column in COLUMNS if column != "data")
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in shown:
        whole = column in ("id", "status") or (column == "started" and console.width >= WIDE)
        longest = max((len(row[COLUMNS.index(column)]) for row in rows), default=0)
        table.add_column(
            column.replace("mask ", ""),
            overflow="fold",
            no_wrap=whole,
            max_width=10 if column == "started" and not whole else None,
            min_width=min(longest, 12) if column == "study" else min(longest, 24) if column == "name" else None,
        )
    for row in rows:
        cells = dict(zip(COLUMNS, (row[0][:8], *row[1:]), strict=True))
        table.add_row(*(Text(cells[column]) for column in shown))
    console.print(table)


def _cells(run: "RunInfo") -> list[str]:
    score = run.metrics.get("val/mask_ap50")
    data = sorted({dataset.partition("@")[0] for dataset in run.datasets.values()})
    return [
        run.id,
        run.experiment,
        run.name,
        ", ".join(data),
        run.status,
        f"{run.started:%Y-%m-%d %H:%M}",
        "" if score is None else f"{score:.3f}",
    ]
