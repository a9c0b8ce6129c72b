"""The command that sends MLflow what it refused while runs were going on: send."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from fmask.cli.app import app
from fmask.utils.errors import UserError
from fmask.utils.secrets import without_secrets


@app.command()
def send(
    folders: Annotated[
        list[Path], typer.Argument(help="Output folders of runs, or folders of them such as outputs.", metavar="FOLDER")
    ],
) -> None:
    """Send what MLflow refused of runs, which they kept in their output, to the store at MLFLOW_TRACKING_URI.

    What MLflow takes is removed from there; what it refuses again, or has no run for, stays, with exit status 1. It can
    be interrupted and repeated: what is sent twice is there once.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from fmask import tracking

    spools = tracking.find_spools(folders)
    if not spools:
        print("Nothing is left to be sent.")
        return
    tracking.require_store()
    stays = False
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        for folder in spools:
            try:
                spool = tracking.open_spool(folder)
                task = bar.add_task(f"run {spool.run_id[:8]}", total=len(spool.items))
                print(tracking.deliver(spool, lambda task=task: bar.advance(task)))  # type: ignore[misc]
                stays |= bool(spool.items)
            except UserError as error:  # that of one run says nothing of the others
                print(f"fmask: {folder}: {without_secrets(str(error))}", file=sys.stderr)
                stays = True
    raise typer.Exit(1 if stays else 0)
