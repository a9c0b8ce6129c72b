"""The command that makes a run again: reproduce."""

from pathlib import Path
from typing import Annotated

import typer

from fmask.cli.app import app


@app.command()
def reproduce(
    run: Annotated[str, typer.Argument(help="A finished run's id, latest or best.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Output folder, by default one in outputs named by the time.")
    ] = None,
) -> None:
    """Train a run again and compare: the same losses in every epoch and the same scores, to the last digit.

    What it was made from (machine, packages, code, data, settings) is held against what there is now first. The new run
    is in the same study, tagged `reproduces`, and does not count in its table. Exit status 1 where numbers differ.
    """
    from rich.console import Console

    import fmask.utils.backend  # noqa: F401 - before what imports Keras, to keep its loading quiet
    from fmask.training import reproduce

    differences = reproduce.reproduce(run, output, Console())
    raise typer.Exit(1 if differences else 0)
