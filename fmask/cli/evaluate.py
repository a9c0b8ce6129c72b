"""The command `fmask evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from fmask.cli.app import USE, app
from fmask.cli.options import (
    Attribute,
    Confidence,
    EmptyPhotos,
    Map,
    Model,
    PhotoFolder,
    Runtime,
    Settings,
    Threads,
    Views,
    With,
    read_options,
)


@app.command(rich_help_panel=USE)
def evaluate(
    model: Model,
    data: Annotated[
        Path,
        typer.Argument(
            help="A data set (a folder with train/, val/ and test/), the folder of one split, or an annotation file."
        ),
    ],
    split: Annotated[str | None, typer.Option(help="The split of a data set to use. Default: test.")] = None,
    min_confidence: Confidence = 0.5,
    photos: PhotoFolder = None,
    attribute: Attribute = None,
    class_map: Map = None,
    empty_photos: EmptyPhotos = "leave_out",
    others: With = None,
    views: Views = None,
    runtime: Runtime = None,
    threads: Threads = 0,
    settings: Settings = None,
) -> None:
    """Score a model on annotated photos.

    Scores are computed as in training, but on ONNX Runtime in float32, whatever the precision in training. Prints how
    many objects are found, found wrongly and missed at --min-confidence, 0.5 and 0.9, and average precision. A second
    table has the outcomes at the model's operating point, if it has one. These scores, the outcome of each object and
    figures are logged to MLflow as a run in the experiment `evaluate`.
    """
    from rich.console import Console

    from fmask.evaluation import evaluate
    from fmask.inference.description import network_classes
    from fmask.inference.load import find_model_file

    networks = {name: find_model_file(name) for name in (model, *(others or ()))}
    options = read_options(attribute, class_map, empty_photos, *network_classes(networks[model], settings or ()))
    found = evaluate.open_split(data, split, photos, options)
    evaluate.evaluate(
        networks, found, min_confidence, Console(), settings or (), options, runtime, threads, views or ()
    )
