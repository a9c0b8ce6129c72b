"""The command that writes what a network finds as data."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from fmask.cli.app import app
from fmask.cli.options import check_target
from fmask.utils.errors import UserError


@app.command()
def detect(
    model: Annotated[str, typer.Argument(help="A weight file, a run's id, latest, best, or models:/NAME/VERSION.")],
    inputs: Annotated[
        list[str], typer.Argument(help="Photos, folders of photos, or patterns such as 'site/**/*.jpg'.")
    ],
    format: Annotated[
        Literal["csv", "coco", "via"],
        typer.Option(help="A table, a COCO file, or a VIA export to correct by hand and train on."),
    ] = "csv",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The file to write, if not to print.")] = None,
    min_confidence: Annotated[float, typer.Option(min=0, max=1, help="Detections scored lower are left out.")] = 0.5,
    ground_truth: Annotated[
        Path | None,
        typer.Option(help="With --format coco: a COCO file whose ids to use, for a results list that loadRes takes."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file of -o if it is there.")] = False,
) -> None:
    """Find masks and hats in photos, and print or write what was found.

    csv: a line a detection, its box (y1, x1, y2, x2, ends exclusive) and its mask's area in pixels. coco: images,
    categories and annotations with score and run-length encoded masks. via: polygons with fmask and score, to open in
    the VIA annotator, which wants one folder's photos at a time. The latter two name photos by their paths below the
    folder that holds them all: put into that folder, the file is annotations that fmask reads.

    Exit status: 1 where a photo could not be read; the others are written all the same, and those are listed.
    """
    from fmask.inference import outputs
    from fmask.inference.inputs import find_photos
    from fmask.utils.files import write_text

    photos = find_photos(inputs)
    if output:
        check_target(output, overwrite)
    if ground_truth and format != "coco":
        raise UserError(f"--ground-truth goes with --format coco, not {format}.")
    writer = outputs.open_writer(format, photos, ground_truth)

    from rich.console import Console
    from rich.progress import track

    from fmask.inference import load
    from fmask.inference.batched import iter_predictions

    predictor = load.load(model)
    console = Console(stderr=True)
    broken = []
    found = iter_predictions(predictor, photos)
    for photo, result in track(found, "Photos", len(photos), console=console, disable=not console.is_terminal):
        if isinstance(result, UserError):
            broken.append(str(result))
        else:
            writer.add(photo, result.at_least(min_confidence))
    if len(broken) == len(photos):
        raise UserError(f"None of {len(photos)} photos can be read: {broken[0]}")
    if output:
        write_text(writer.text(), output)
        print(f"{output}: what was found in {len(photos) - len(broken)} photos", file=sys.stderr)
    else:
        sys.stdout.write(writer.text())
    if broken:
        print(f"{len(broken)} of {len(photos)} photos were left out:", *broken, sep="\n", file=sys.stderr)
        raise typer.Exit(1)
