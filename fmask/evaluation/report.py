"""Computing, logging and printing the scores of a split, for training and `fmask evaluate`."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from rich.table import Table

from fmask import tracking
from fmask.data.dataset import digest
from fmask.data.folds import Deal
from fmask.evaluation import figures, sheets
from fmask.evaluation.confidence_curve import confidence_curve
from fmask.evaluation.matches import IOU_THRESHOLDS, to_json
from fmask.evaluation.scores import Scores, compute_scores
from fmask.structures.annotations import Photo, Split
from fmask.structures.detections import EncodedDetections

THRESHOLDS = (0.5, 0.9)
"""Confidences at which scores are computed, in addition to the chosen `min_confidence`."""
RATES = {"accuracy": "accuracy", "precision": "precision (study)", "precision_all": "precision (all detections)"}
"""Metrics that are rates, and how tables call them: the study's precision ignores spurious detections."""


def scores_by_confidence(
    photos: Sequence[Photo], detections: Iterable[EncodedDetections], min_confidence: float
) -> dict[float, Scores]:
    """Return the scores by the lowest confidence of the detections that count: `min_confidence`, 0.5 and 0.9."""
    return compute_scores(photos, detections, sorted({min_confidence, *THRESHOLDS}))


def log_split(run: tracking.Run, name: str, dataset: str, root: Path, split: Split) -> None:
    """Log the data of a split: folder, numbers of photos and objects, and digest."""
    ids = np.concatenate([photo.class_ids() for photo in split.photos])
    objects = {label: int((ids == index).sum()) for index, label in enumerate(split.classes, start=1)}
    run.log_dataset(name, dataset, root, digest(split), len(split.photos), objects)


def log_deal(run: tracking.Run, dataset: str, root: Path, deal: Deal) -> None:
    """Log the deal into folds: as the data set `folds`, and as the file `folds.json`, which lists the photos."""
    described = deal.to_json()
    objects = sum((Counter(fold["objects"]) for fold in described["folds"]), Counter[str]())
    run.log_dataset("folds", dataset, root, described["digest"], len(deal.digests), dict(objects))
    run.log_json(described, "folds.json")


def log_scores(
    run: tracking.Run,
    split: str,
    photos: Sequence[Photo],
    detections: Sequence[EncodedDetections],
    scores: dict[float, Scores],
    min_confidence: float,
    main_split: bool,
    epoch: int = 0,
) -> None:
    """Log a split's scores as files, and its metrics and figures at `min_confidence`.

    The metrics have the split before their names: `val`, or `test` for any other split. For the run's main split,
    sheets of photos with detections are drawn.

    Args:
        run: the run to log to.
        split: name of the split.
        photos: the photos of the split.
        detections: detections in each photo, of any confidence.
        scores: the scores by confidence; see `scores_by_confidence`.
        min_confidence: the confidence for metrics and figures; a key of `scores`.
        main_split: whether this is the run's main split.
        epoch: number of finished epochs, if the split is also scored during the training.
    """
    for threshold, result in scores.items():
        run.log_json(result.to_json(), f"scores/{split}_at_{threshold:g}.json")
    chosen = scores[min_confidence]
    matches = chosen.average_precision.matches
    listed = {photo: to_json(found) for photo, found in matches.items()}
    run.log_text(
        json.dumps({"iou": IOU_THRESHOLDS, "photos": listed}, ensure_ascii=False), f"scores/{split}_matches.json"
    )
    place = split if split in tracking.SCORES else "test"
    run.log_scores(tracking.pick_scores(place, chosen.metrics()), place, epoch)
    confusion = figures.confusion_matrix(chosen.outcomes, split, min_confidence)
    run.log_figure(confusion, f"figures/{split}_confusion_matrix.png")
    run.log_figure(figures.pr_curve(chosen.average_precision, split), f"figures/{split}_precision_recall.png")
    curves = figures.confidence_curves(confidence_curve(photos, detections), split, min_confidence)
    run.log_figure(curves, f"figures/{split}_confidence.png")
    if main_split:
        for kind, draw in (("predictions", sheets.contact_sheet), ("splash", sheets.splash_sheet)):
            figure = next(draw(photos, detections, split, min_confidence))  # the others would be many in large splits
            run.log_figure(figure, f"figures/{split}_{kind}.png")


def scores_table(scores: dict[str, dict[float, Scores]]) -> Table:
    """Return the scores as a table for the terminal, with one column per split and confidence."""
    table = Table("", title="Outcomes of the annotated objects, and average precision")
    columns = []
    for split, by_confidence in scores.items():
        for confidence, result in by_confidence.items():
            table.add_column(f"{split} at {confidence:g}", justify="right")
            columns.append(result.metrics())
    for name in ("found", "found_wrongly", "missed", "spurious"):
        table.add_row(name.replace("_", " "), *(f"{column[name]:.0f}" for column in columns))
    for name, title in RATES.items():
        table.add_row(title, *(f"{column[name]:.3f}" if name in column else "-" for column in columns))
        ends = [(column.get(f"{name}_low"), column.get(f"{name}_high")) for column in columns]
        table.add_row("  95 %", *(f"{low:.2f} to {high:.2f}" if low is not None else "-" for low, high in ends))
    for name in ("mask_ap50", "box_ap50", "mask_ap"):
        table.add_row(
            name.replace("_ap", " AP"), *(f"{column[name]:.3f}" if name in column else "-" for column in columns)
        )
    return table
