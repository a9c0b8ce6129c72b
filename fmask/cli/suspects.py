"""The command `fmask suspects`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fmask.cli.app import DATA, app
from fmask.cli.options import Runtime, Threads
from fmask.cli.report import is_run
from fmask.utils.errors import UserError

if TYPE_CHECKING:
    from fmask.tracking import RunInfo

CSV, PAGE = "suspects.csv", "suspects.html"
"""The files in the output folder."""


@app.command(rich_help_panel=DATA)
def suspects(
    names: Annotated[
        list[str],
        typer.Argument(
            help="A study, whose finished runs are used, or runs: ids, their first characters, latest or best.",
            metavar="STUDY|RUN...",
        ),
    ],
    count: Annotated[
        int, typer.Option("-n", "--count", min=1, max=10_000, help="Number of suspects to print, to show and to mark.")
    ] = 50,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder for the files; those of an earlier list are replaced.")
    ] = Path("suspects"),
    format: Annotated[
        Literal["via", "coco"] | None,
        typer.Option(help="Also write the annotations as VIA or COCO files, with the suspects marked."),
    ] = None,
    runtime: Runtime = None,
    threads: Threads = 0,
) -> None:
    """Rank the labels of a data set by the suspicion that they are wrong.

    The networks of the runs predict their val and test photos, which they were not trained on. With a run for each
    fold, these are all annotated photos. Suspects are missing outlines, wrong classes, sloppy, spurious and duplicate
    outlines. The suspicion, from 0 to 1, orders suspects of all kinds; it is not a measured rate.

    Writes suspects.csv with all suspects, and suspects.html with pictures of the first --count.

    With --format, writes annotation files in which the first --count have the region attribute `suspect`. Proposed
    outlines are added as regions with the attribute `ignore`, so that they count only when it is removed.
    """
    from rich.console import Console

    from fmask.evaluation.suspects import find_suspects
    from fmask.report.diagnosis import check_output_folder
    from fmask.report.marked import write_marked
    from fmask.report.suspect_page import suspects_page
    from fmask.report.suspects import as_csv, show
    from fmask.report.tested import test_runs
    from fmask.utils.files import os_reason, write_text

    check_output_folder(output)
    console = Console(highlight=False)
    tested = test_runs(_find(names), console, runtime, threads)
    found = find_suspects(tested.photos, tested.tests)
    show(tested, found, count, console)
    try:
        output.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"{output} cannot be created: {os_reason(error)}.") from error
    write_text(as_csv(tested, found), output / CSV)
    print(f"{output / CSV} has all {len(found)} suspects.")
    write_text(suspects_page(tested, found[:count], ", ".join(names)), output / PAGE)
    print(f"{output / PAGE} shows the first {min(count, len(found))}.")
    for file in write_marked(tested, found[:count], output, format) if format else ():
        print(f"{file} has the annotations with these marked.")


def _find(names: list[str]) -> "list[RunInfo]":
    """Return the runs that are meant, each once."""
    from fmask import tracking

    found: dict[str, RunInfo] = {}
    for name in names:
        if is_run(name):
            run = tracking.find_run(name)
            found[run.id] = run
            continue
        runs = tracking.find_runs(name)
        trained = [
            run
            for run in runs
            if run.status == "FINISHED" and "epochs" in run.params and not {"sweep", "reproduces"} & run.tags.keys()
        ]
        if not trained:
            raise UserError(f"The study {name!r} has no finished training.")
        found |= {run.id: run for run in sorted(trained, key=lambda run: (run.started, run.id))}
    return list(found.values())
