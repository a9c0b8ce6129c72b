"""The command that makes a run again: reproduce."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmask.cli.app import app

if TYPE_CHECKING:
    from rich.console import Console

    from fmask.config.schema import Config


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

    folder = output or Path("outputs", f"{datetime.now():%Y-%m-%d/%H-%M-%S-%f}")
    differences = reproduce.reproduce(run, folder, Console(), _train)
    raise typer.Exit(1 if differences else 0)


def _train(config: "Config", output_dir: Path, console: "Console", tags: Mapping[str, str]) -> str:
    from fmask.training.train import train

    output_dir.mkdir(parents=True, exist_ok=True)
    return train(config, output_dir, console, tags=tags).run_id
