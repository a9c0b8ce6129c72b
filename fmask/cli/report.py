"""The command `fmask report`."""

import re
from pathlib import Path
from typing import Annotated

import typer

from fmask.cli.app import RUNS, app
from fmask.cli.options import BaselineRow, Margin, StudyConfidence, StudyData, check_page, refuse_options


@app.command(rich_help_panel=RUNS)
def report(
    name: Annotated[
        str,
        typer.Argument(
            help="A run's id or its first characters, latest, best, or the name of a study.", metavar="RUN|STUDY"
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path("report.html"),
    data: StudyData = None,
    confidence: StudyConfidence = None,
    against: BaselineRow = None,
    margin: Margin = None,
) -> None:
    """Write one HTML page of a run or a study.

    The page of a run shows its scores, test photos, objects, curves and settings, and is also stored as an artifact of
    the run. To draw the test photos, the model of the run predicts them again.

    The page of a study shows a table for each data set, the figure and the runs; --data, --confidence, --against and
    --margin apply to the tables.
    """
    from rich.console import Console

    from fmask import report, studies, tracking
    from fmask.utils.files import write_text

    check_page(output)
    if is_run(name):
        of_study = {"--data": data, "--confidence": confidence, "--against": against, "--margin": margin}
        refuse_options({option: value is not None for option, value in of_study.items()}, f"{name} is a run")
        run = tracking.find_run(name)
        html = report.run_page(run, Console())
        write_text(html, output)
        tracking.add_text(run, html, "report.html")
        print(f"{output} shows the run {run.id} ({run.name}); the run has it as its artifact report.html.")
    else:
        study = studies.collect(name)
        tables = studies.tabulate(study, confidence, against, data, margin)
        write_text(report.study_page(tables, study), output)
        print(f"{output} shows the study {name}.")


def is_run(name: str) -> bool:
    """Return whether a name on the command line is that of a run, and not that of a study."""
    from fmask import tracking

    if tracking.is_abbreviated(name):
        return not tracking.find_runs(name, missing_ok=True)  # a study may have such a name
    return name in ("latest", "best") or name.startswith("runs:/") or bool(re.fullmatch(r"[0-9a-f]{32}", name))
