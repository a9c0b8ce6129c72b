"""Commands about studies: table."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from fmask.cli.app import app


@app.command()
def table(
    study: Annotated[
        str | None, typer.Argument(help="MLflow experiment, by default fmask: the `study` of runs.")
    ] = None,
    from_files: Annotated[
        list[Path] | None,
        typer.Option("--from", help="Take the runs of a file of --save-runs; can be repeated, and adds to a STUDY."),
    ] = None,
    data: Annotated[str | None, typer.Option(help="Only runs on this data: NAME, or NAME@DIGEST.")] = None,
    confidence: Annotated[Literal["0.5", "0.9"], typer.Option(help="Detections scored lower do not count.")] = "0.9",
    against: Annotated[int, typer.Option(help="Number of the row that the others are compared with.")] = 1,
    markdown: Annotated[Path | None, typer.Option(help="Write the table as Markdown.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the table's numbers.")] = None,
    figure: Annotated[Path | None, typer.Option(help="Draw accuracy by row (.png, .svg, .pdf).")] = None,
    save_runs: Annotated[Path | None, typer.Option(help="Write each object's fate in each run, for --from.")] = None,
) -> None:
    """Put a study's runs in one table: a row a setting, seeds pooled, with intervals and exact tests."""
    from rich.console import Console

    from fmask import studies

    sources = [studies.read_runs(file) for file in from_files or ()]
    if study or not sources:
        sources.append(studies.collect(study or "fmask"))
    runs = studies.merge(sources)
    if save_runs:
        studies.write_runs(runs, save_runs)
    made = studies.tabulate(runs, float(confidence), against, data)
    if markdown:
        studies.write_text(studies.as_markdown(made), markdown)
    if csv:
        studies.write_text(studies.as_csv(made), csv)
    if figure:
        studies.save(studies.draw(made), figure)
    studies.show(made, Console())
