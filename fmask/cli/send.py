"""The command `fmask send`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from fmask.cli.app import RUNS, app
from fmask.utils.errors import UserError
from fmask.utils.secrets import without_secrets


@app.command(rich_help_panel=RUNS)
def send(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Output folders of runs, or folders that contain them, such as outputs.", metavar="FOLDER"),
    ],
) -> None:
    """Send records that were saved while MLflow was unreachable.

    The records go to the store at MLFLOW_TRACKING_URI. Records that MLflow accepts are deleted from the output folders.
    Records that it refuses again, or whose run it does not have, are kept.

    The command can be interrupted and repeated; a record that is sent twice is stored once.

    Exit status: 0 if no record is left, 1 otherwise.
    """
    from fmask import tracking
    from fmask.cli.progress import transient_bar

    spools = tracking.find_spools(folders)
    if not spools:
        print("There are no records to send.")
        return
    tracking.require_store()
    some_left = False
    with transient_bar() as bar:
        for folder in spools:
            try:
                spool = tracking.open_spool(folder)
                task = bar.add_task(f"run {spool.run_id[:8]}", total=len(spool.items))
                print(tracking.send_spool(spool, lambda task=task: bar.advance(task)))  # type: ignore[misc]
                some_left |= bool(spool.items)
            except UserError as error:  # the other runs may succeed
                print(f"fmask: {folder}: {without_secrets(str(error))}", file=sys.stderr)
                some_left = True
    raise typer.Exit(1 if some_left else 0)
