"""The command that scores a network on annotated photos."""

from pathlib import Path
from typing import Annotated

import typer

from fmask.cli.app import app
from fmask.cli.options import Categories, read_categories


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="A weight file, a run's id, latest, best, or models:/NAME/VERSION.")],
    data: Annotated[
        Path, typer.Argument(help="A data set (train/, val/, test/), the folder of one split, or an annotation file.")
    ],
    split: Annotated[str | None, typer.Option(help="Which split of a data set, by default test.")] = None,
    min_confidence: Annotated[float, typer.Option(min=0, max=1, help="Detections scored lower do not count.")] = 0.5,
    photos: Annotated[
        Path | None, typer.Option(help="Folder that an annotation file's names count from, by default its own.")
    ] = None,
    category: Categories = None,
) -> None:
    """Score a network on photos annotated in VIA's format or COCO's, as a training run is scored.

    Prints what became of the objects at min-confidence, 0.5 and 0.9, and average precision; logs them, every object's
    fate and figures to MLflow, as a run in the experiment `evaluate`.
    """
    from rich.console import Console

    from fmask.evaluation import evaluate

    found = evaluate.open_split(data, split, photos, read_categories(category or []))
    evaluate.evaluate(model, found, min_confidence, Console())
