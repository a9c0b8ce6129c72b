"""The command `fmask power`."""

from typing import Annotated

import typer

from fmask.cli.app import RUNS, app
from fmask.cli.options import BaselineRow, RunFiles, StudyConfidence, StudyData, StudyName


@app.command(rich_help_panel=RUNS)
def power(
    study: StudyName = None,
    difference: Annotated[
        float, typer.Option(help="The true difference of accuracy that is to be found, such as 0.05.")
    ] = 0.05,
    probability: Annotated[
        float, typer.Option("--power", help="The probability of finding it, at least 0.5 and below 1.")
    ] = 0.8,
    comparisons: Annotated[
        int, typer.Option(help="Number of settings that the planned study compares with its baseline.")
    ] = 1,
    from_files: RunFiles = None,
    data: StudyData = None,
    confidence: StudyConfidence = None,
    against: BaselineRow = None,
) -> None:
    """Plan how many photos, seeds and CPU hours a study needs to find a difference.

    The plan is made from the variances of photos and seeds in an earlier study of two or more settings.
    """
    from rich.console import Console

    from fmask import studies

    question = studies.Question(difference, probability, comparisons)
    plan = studies.plan(studies.read_study(study, from_files or ()), question, confidence, against or 1, data)
    studies.show_plan(plan, Console())
