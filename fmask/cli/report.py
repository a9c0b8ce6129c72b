"""The command that makes a page to look at: report."""

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from fmask.cli.app import app
from fmask.utils.errors import UserError


@app.command()
def report(
    what: Annotated[str, typer.Argument(help="A run's id, latest, best, or the name of a study.", metavar="RUN|STUDY")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path("report.html"),
    data: Annotated[str | None, typer.Option(help="Of a study, only runs on this data: NAME, or NAME@DIGEST.")] = None,
    confidence: Annotated[Literal["0.5", "0.9"], typer.Option(help="Of a study's table.")] = "0.9",
    against: Annotated[int, typer.Option(help="Row that a study's others are compared with.")] = 1,
) -> None:
    """Make one HTML file of a run or a study, with everything in it: scores, test photos, objects, curves, settings.

    The page of a run becomes one of its artifacts too. Its network detects in the test photos again for it.
    """
    from rich.console import Console

    from fmask import report, studies, tracking

    if not output.parent.is_dir():
        raise UserError(f"{output} cannot be written: there is no folder {output.parent}.")
    if _is_run(what):
        run = tracking.find_run(what)
        html = report.of_run(run, Console())
        studies.write_text(html, output)
        tracking.add_text(run, html, "report.html")
        print(f"{output} shows the run {run.id} ({run.name}), which has it as report.html too.")
    else:
        study = studies.collect(what)
        table = studies.tabulate(study, float(confidence), against, data)
        studies.write_text(report.of_study(table, study), output)
        print(f"{output} shows the study {what}.")


def _is_run(what: str) -> bool:
    return what in ("latest", "best") or what.startswith("runs:/") or bool(re.fullmatch(r"[0-9a-f]{32}", what))
