"""The command `fmask curve`."""

from pathlib import Path
from typing import Annotated

import typer

from fmask.cli.app import RUNS, app
from fmask.cli.options import RunFiles, StudyConfidence, StudyData, StudyName


@app.command(rich_help_panel=RUNS)
def curve(
    study: StudyName = None,
    from_files: RunFiles = None,
    data: StudyData = None,
    confidence: StudyConfidence = None,
    score: Annotated[
        str, typer.Option(help="The score: accuracy, mask_ap, mask_ap50, or mask_ap50_CLASS for one class.")
    ] = "accuracy",
    figure: Annotated[Path | None, typer.Option(help="Draw the curve to this file (.png, .svg or .pdf).")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the points of the curve to this CSV file.")] = None,
) -> None:
    """Show a score against the number of training photos, from runs with different data.share.

    Prints how much the last doubling of the training photos changed the score, with the interval of the change. The
    curve is not extrapolated to more photos.
    """
    from fmask import studies
    from fmask.studies import curve as curves
    from fmask.utils.files import write_text

    found = curves.learning_curves(studies.read_study(study, from_files or ()), score, confidence, data)
    if csv:
        write_text(curves.curves_csv(found), csv)
    if figure:
        studies.save(curves.draw_curves(found), figure)
    for each in found.curves:
        for point in each.points:
            interval = f"{point.score.value:.3f} ({point.score.low:.3f}-{point.score.high:.3f})"
            print(f"{each.name} {point.photos:.0f} training photos: {score} {interval}".strip())
    for note in curves.curve_notes(found):
        print(f"- {note}")
