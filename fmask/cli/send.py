"""The command that sends MLflow what it refused while runs were going on: send."""

from pathlib import Path
from typing import Annotated

import typer

from fmask.cli.app import app


@app.command()
def send(
    folders: Annotated[
        list[Path], typer.Argument(help="Output folders of runs, or folders of them such as outputs.", metavar="FOLDER")
    ],
) -> None:
    """Send what MLflow refused of runs, which they kept in their output, to the store at MLFLOW_TRACKING_URI.

    What MLflow takes is removed from there; what it refuses again stays, with exit status 1. It can be interrupted and
    repeated: what is sent twice is there once.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from fmask import tracking

    spools = tracking.find_spools(folders)
    if not spools:
        print("Nothing is left to be sent.")
    stays = False
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        for spool in spools:
            task = bar.add_task(f"run {spool.run_id[:8]}", total=len(spool.items))
            sent = tracking.deliver(spool, lambda task=task: bar.advance(task))  # type: ignore[misc]
            stays |= bool(spool.items)
            print(sent)
    raise typer.Exit(1 if stays else 0)
