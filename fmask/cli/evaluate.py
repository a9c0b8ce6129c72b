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

    network = find_model_file(model)
    options = read_options(attribute, class_map, empty_photos, *network_classes(network, settings or ()))
    found = evaluate.open_split(data, split, photos, options)
    evaluate.evaluate(model, network, found, min_confidence, Console(), settings or (), options, runtime, threads)
