"""The command `fmask runs`."""

import csv
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from fmask.cli.app import RUNS, app

if TYPE_CHECKING:
    from fmask.tracking import RunInfo

COLUMNS = ("id", "study", "name", "data", "status", "started", "val mask AP50")


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
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column.replace("mask ", ""), overflow="fold", no_wrap=column in ("id", "status"))
    for run_id, *cells in rows:
        table.add_row(Text(run_id[:8]), *map(Text, cells))
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
