"""The command `fmask table`."""

from pathlib import Path
from typing import Annotated

import typer

from fmask.cli.app import RUNS, app
from fmask.cli.options import BaselineRow, Margin, RunFiles, StudyConfidence, StudyData, StudyName


@app.command(rich_help_panel=RUNS)
def table(
    study: StudyName = None,
    from_files: RunFiles = None,
    parents: Annotated[
        bool,
        typer.Option(
            "--parents",
            help="Score runs whose classes have parents at the parents. Runs of --from keep the level of --save-runs.",
        ),
    ] = False,
    data: StudyData = None,
    confidence: StudyConfidence = None,
    against: BaselineRow = None,
    margin: Margin = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables to this Markdown file.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the numbers of the tables to this CSV file.")] = None,
    figure: Annotated[
        Path | None, typer.Option(help="Draw the accuracy of each row to this file (.png, .svg or .pdf).")
    ] = None,
    save_runs: Annotated[
        Path | None, typer.Option(help="Write the outcome of each object in each run to this CSV file, for --from.")
    ] = None,
) -> None:
    """Compare the runs of a study in one table for each data set.

    Each row is one setting, with its seeds pooled, confidence intervals, and a test against the row --against.
    """
    from rich.console import Console

    from fmask import studies
    from fmask.utils.files import write_text

    runs = studies.read_study(study, from_files or (), parents)
    if save_runs:
        studies.write_runs(runs, save_runs)
    result = studies.tabulate(runs, confidence, against, data, margin)
    if markdown:
        write_text(studies.as_markdown(result), markdown)
    if csv:
        write_text(studies.as_csv(result), csv)
    if figure:
        studies.save(studies.draw(result), figure)
    studies.show(result, Console())
