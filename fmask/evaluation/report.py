"""The scores of a model on one split: computed, logged and shown, after training and by `fmask evaluate` alike."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.table import Table

from fmask import tracking
from fmask.data.dataset import digest
from fmask.evaluation import figures, sheets
from fmask.evaluation.scores import Scores, evaluate
from fmask.structures.annotations import Photo, Split
from fmask.structures.detections import CLASS_NAMES, Detections

THRESHOLDS = (0.5, 0.9)
"""Confidences that all is scored at, beside the chosen `min_confidence`."""


def score(photos: Sequence[Photo], found: Sequence[Detections], min_confidence: float) -> dict[float, Scores]:
    """The scores of what was found in each photo, by the confidence from which detections count."""
    return {threshold: evaluate(photos, found, threshold) for threshold in sorted({min_confidence, *THRESHOLDS})}


def log_split(run: tracking.Run, name: str, dataset: str, root: Path, split: Split) -> None:
    """Logs which photos a split is: where they lie, what they hold, their digest."""
    ids = np.concatenate([photo.class_ids() for photo in split.photos])
    objects = {label: int((ids == index).sum()) for index, label in enumerate(CLASS_NAMES, start=1)}
    run.log_dataset(name, dataset, root, digest(split), len(split.photos), objects)


def log_scores(
    run: tracking.Run,
    split: str,
    photos: Sequence[Photo],
    found: Sequence[Detections],
    scores: dict[float, Scores],
    min_confidence: float,
    plain: bool,
) -> None:
    """Logs a split's scores and figures at one confidence.

    Those of the run's main split are `plain`: all scores, with no split before their names, and sheets of photos that
    show what was found. Other splits have theirs in files, and the headlines beside.
    """
    for threshold, at in scores.items():
        run.log_json(at.to_json(), f"scores/{split}_at_{threshold:g}.json")
    chosen = scores[min_confidence]
    run.log_scores(chosen.metrics() if plain else chosen.headline(), prefix=None if plain else split)
    run.log_figure(figures.confusion_matrix(chosen.outcomes), f"figures/{split}_confusion_matrix.png")
    run.log_figure(figures.pr_curve(chosen.average_precision), f"figures/{split}_precision_recall.png")
    if plain:
        shown = slice(sheets.PHOTOS_A_SHEET)
        for kind, draw in (("predictions", sheets.contact_sheet), ("splash", sheets.splash_sheet)):
            (figure,) = draw(photos[shown], found[shown], min_confidence)
            run.log_figure(figure, f"figures/{split}_{kind}.png")


def summary(scores: dict[str, dict[float, Scores]]) -> Table:
    """Scores as a table for the terminal: a column for each split and confidence."""
    table = Table("", title="What became of the annotated objects, and average precision")
    columns = []
    for split, by_confidence in scores.items():
        for confidence, at in by_confidence.items():
            table.add_column(f"{split} at {confidence:g}", justify="right")
            columns.append(at.metrics())
    for name in ("found", "found_wrongly", "missed", "spurious"):
        table.add_row(name.replace("_", " "), *(f"{column[name]:.0f}" for column in columns))
    for name in ("accuracy", "precision"):
        table.add_row(name, *(f"{column[name]:.3f}" if name in column else "-" for column in columns))
        ends = [(column.get(f"{name}_low"), column.get(f"{name}_high")) for column in columns]
        table.add_row("  95 %", *(f"{low:.2f} to {high:.2f}" if low is not None else "-" for low, high in ends))
    for name in ("mask_ap50", "box_ap50", "mask_ap"):
        table.add_row(
            name.replace("_ap", " AP"), *(f"{column[name]:.3f}" if name in column else "-" for column in columns)
        )
    return table
