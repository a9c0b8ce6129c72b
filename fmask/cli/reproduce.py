"""The command `fmask reproduce`."""

from pathlib import Path
from typing import Annotated

import typer

from fmask.cli.app import TRAIN, app


@app.command(rich_help_panel=TRAIN)
def reproduce(
    run: Annotated[str, typer.Argument(help="A finished run's id or its first characters, latest or best.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The output folder. Default: a new folder in outputs/, named by the time."),
    ] = None,
) -> None:
    """Train a run again and compare the losses and scores.

    First, the machine, packages, code, data and settings of the run are compared with the present ones. Then the run
    is trained again; the losses of every epoch and all scores must be equal to the last digit.

    The new run belongs to the same study, has the tag `reproduces`, and is not counted in the study's table.

    Exit status: 0 if all numbers are equal, 1 if some differ.
    """
    from rich.console import Console

    import fmask.utils.backend  # noqa: F401 - imports Keras without TensorFlow's messages
    from fmask.training import reproduce

    differences = reproduce.reproduce(run, output, Console())
    raise typer.Exit(1 if differences else 0)
