"""The command `fmask detect`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from fmask.cli.app import USE, app
from fmask.cli.options import MinConfidence, Model, Overwrite, Runtime, Settings, Threads, Views, With, check_output
from fmask.utils.errors import UserError


@app.command(rich_help_panel=USE)
def detect(
    model: Model,
    inputs: Annotated[
        list[str], typer.Argument(help="Photos, folders of photos, or patterns such as `'site/**/*.jpg'`.")
    ],
    format: Annotated[
        Literal["csv", "coco", "via"] | None,
        typer.Option(
            help="A CSV table, a COCO file, or a VIA file to correct by hand and train on. Default: csv, except in a "
            "terminal without --output, which gets a readable table."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The file to write. Default: standard output.")
    ] = None,
    min_confidence: MinConfidence = None,
    others: With = None,
    views: Views = None,
    runtime: Runtime = None,
    threads: Threads = 0,
    settings: Settings = None,
    ground_truth: Annotated[
        Path | None,
        typer.Option(
            help="With --format coco: a COCO file whose image and category ids to use, to write results for loadRes."
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Detect objects in photos and print them, or write them as CSV, COCO or VIA.

    csv: one line per detection, with its box (y1, x1, y2, x2, ends exclusive) and the area of its mask in pixels; and
    with the probability of being right, if the model has an operating point.

    coco: images, categories and annotations, with scores and run-length encoded masks.

    via: polygons with their class (`fmask`) and score, for the VIA annotator, which opens the photos of one folder at
    a time.

    COCO and VIA files name photos by their paths below the folder that contains all of them. In that folder, fmask
    reads the file as annotations.

    Exit status: 1 if a photo could not be read. The results of the other photos are written, and the unreadable ones
    are listed.
    """
    from fmask.cli.detection_table import DetectionTable
    from fmask.inference import outputs
    from fmask.inference.inputs import find_photos
    from fmask.utils.files import write_text

    photos = find_photos(inputs)
    if output:
        check_output(output, overwrite)
    if ground_truth and format != "coco":
        raise UserError(f"--ground-truth requires --format coco, not {format or 'csv'}.")
    table = DetectionTable() if format is None and output is None and sys.stdout.isatty() else None

    from rich.console import Console
    from rich.progress import track

    from fmask.inference import load
    from fmask.inference.batched import iter_predictions
    from fmask.inference.limits import filled

    predictor = load.load([model, *(others or ())], settings or (), runtime, threads, views or ())
    calibrated = predictor.operating_point is not None
    writer = outputs.open_writer(format or "csv", photos, predictor.classes, ground_truth, calibrated)
    console = Console(stderr=True)
    broken, counts = [], []
    found = iter_predictions(predictor, photos)
    hidden = not console.is_terminal
    for photo, result in track(found, "Photos", len(photos), console=console, transient=True, disable=hidden):
        if isinstance(result, UserError):
            broken.append(str(result))
        else:
            confident = result.select(min_confidence)
            counts.append(len(confident))
            (table or writer).add(photo, confident)
    if len(broken) == len(photos):
        raise UserError(f"None of {len(photos)} photos can be read: {broken[0]}")
    if note := filled(counts, predictor):
        print(note, file=sys.stderr)
    if table:
        table.show(model, photos[0])
    elif output:
        write_text(writer.text(), output)
        print(f"{output}: detections in {len(photos) - len(broken)} photos", file=sys.stderr)
    else:
        sys.stdout.write(writer.text())
    if broken:
        print(f"{len(broken)} of {len(photos)} photos could not be read:", *broken, sep="\n", file=sys.stderr)
        raise typer.Exit(1)
