"""Computing, logging and printing the scores of a split, for training and `fmask evaluate`."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
from fmask.structures.hierarchy import parents_name
from fmask.structures.roll_up import all_at_parents, split_at_parents

THRESHOLDS = (0.5, 0.9)
"""Confidences at which scores are computed, in addition to the chosen `min_confidence`."""
RATES = {"accuracy": "accuracy", "precision": "precision (study)", "precision_all": "precision (all detections)"}
"""Metrics that are rates, and what tables call them: the study's precision ignores spurious detections."""


def scores_by_confidence(
    photos: Sequence[Photo], detections: Iterable[EncodedDetections], min_confidence: float
) -> dict[float, Scores]:
    """Return the scores by the lowest confidence of the detections that count: `min_confidence`, 0.5 and 0.9."""
    return compute_scores(photos, detections, sorted({min_confidence, *THRESHOLDS}))


@dataclass(frozen=True)
class Level:
    """The photos of a split and their detections at one level of a hierarchy: at its leaves, or at its parents."""

    name: str
    """The name of the split; at the parents, that of `parents_name`."""
    place: str
    """What stands before the names of its metrics, such as `test` or `test/parents`."""
    photos: Sequence[Photo]
    detections: Sequence[EncodedDetections]


def levels_of(name: str, split: Split, detections: Sequence[EncodedDetections], nms: float) -> list[Level]:
    """Return a split and its detections at the leaves and, if its classes have parents, at the parents.

    Args:
        name: the name of the split.
        split: the annotated photos.
        detections: the detections in each photo.
        nms: the IoU above which detections of one parent are duplicates; see `detections_at_parents`.
    """
    place = name if name in tracking.SCORES else "test"
    levels = [Level(name, place, split.photos, detections)]
    if split.hierarchy:
        above, found = split_at_parents(split), all_at_parents(detections, split.hierarchy, nms)
        levels.append(Level(parents_name(name), f"{place}/{tracking.PARENTS}", above.photos, found))
    return levels


def log_split(run: tracking.Run, name: str, dataset: str, root: Path, split: Split) -> None:
    """Log the data of a split: folder, numbers of photos and objects, and digest."""
    ids = np.concatenate([photo.class_ids() for photo in split.photos])
    names = (*split.classes, *split.hierarchy)
    objects = {label: int((ids == index).sum()) for index, label in enumerate(names, start=1)}
    run.log_dataset(name, dataset, root, digest(split), len(split.photos), objects)


def log_deal(run: tracking.Run, dataset: str, root: Path, deal: Deal) -> None:
    """Log the deal into folds: as the data set `folds`, and as the file `folds.json`, which lists the photos."""
    described = deal.to_json()
    objects = sum((Counter(fold["objects"]) for fold in described["folds"]), Counter[str]())
    run.log_dataset("folds", dataset, root, described["digest"], len(deal.digests), dict(objects))
    run.log_json(described, "folds.json")


def log_groups(run: tracking.Run, photos: Iterable[Photo], groups: Mapping[Path, str]) -> None:
    """Log the group of each photo that is in one; nothing without groups. Tables of a study read them."""
    named = {photo.name: groups[photo.path] for photo in photos if photo.path in groups}
    if named:
        run.log_json(named, tracking.GROUPS_ARTIFACT)


def log_scores(
    run: tracking.Run,
    level: Level,
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
        level: the split, with detections of any confidence.
        scores: the scores by confidence; see `scores_by_confidence`.
        min_confidence: the confidence for metrics and figures; a key of `scores`.
        main_split: whether this is the run's main split.
        epoch: number of finished epochs, if the split is also scored during the training.
    """
    split, photos, detections = level.name, level.photos, level.detections
    for threshold, result in scores.items():
        run.log_json(result.to_json(), f"scores/{split}_at_{threshold:g}.json")
    chosen = scores[min_confidence]
    matches = chosen.average_precision.matches
    listed = {photo: to_json(found) for photo, found in matches.items()}
    run.log_text(
        json.dumps({"iou": IOU_THRESHOLDS, "photos": listed}, ensure_ascii=False), f"scores/{split}_matches.json"
    )
    run.log_scores(tracking.pick_scores(level.place, chosen.metrics()), level.place, epoch)
    confusion = figures.confusion_matrix(chosen.outcomes, split, min_confidence)
    run.log_figure(confusion, f"figures/{split}_confusion_matrix.png")
    run.log_figure(figures.pr_curve(chosen.average_precision, split), f"figures/{split}_precision_recall.png")
    curves = figures.confidence_curves(confidence_curve(photos, detections), split, min_confidence)
    run.log_figure(curves, f"figures/{split}_confidence.png")
    if main_split:
        for kind, draw in (("predictions", sheets.contact_sheet), ("splash", sheets.splash_sheet)):
            figure = next(draw(photos, detections, split, min_confidence))  # the others would be many in large splits
            run.log_figure(figure, f"figures/{split}_{kind}.png")


def score_levels(
    run: tracking.Run, levels: Iterable[Level], min_confidence: float, main_split: bool, epoch: int = 0
) -> dict[str, dict[float, Scores]]:
    """Compute and log the scores of a split at each level.

    Args:
        run: the run to log to.
        levels: the result of `levels_of`.
        min_confidence: as for `log_scores`.
        main_split: as for `log_scores`; the sheets are drawn of the first level.
        epoch: as for `log_scores`.

    Returns:
        The name of the level to the scores by confidence.
    """
    scores = {}
    for level in levels:
        scores[level.name] = scores_by_confidence(level.photos, level.detections, min_confidence)
        log_scores(run, level, scores[level.name], min_confidence, main_split and len(scores) == 1, epoch)
    return scores


def scores_tables(scores: dict[str, dict[float, Scores]]) -> list[Table]:
    """Return the scores as tables for the terminal: those at the leaves, and those at the parents, if there are any."""
    above = {name: each for name, each in scores.items() if name.endswith(parents_name(""))}
    own = {name: each for name, each in scores.items() if name not in above}
    title = "Outcomes of the annotated objects, and average precision"
    if not above:
        return [_scores_table(own, title)]
    shown = {name.removesuffix(parents_name("")): each for name, each in above.items()}
    title = title[0].lower() + title[1:]
    return [_scores_table(own, f"Leaves: {title}"), _scores_table(shown, f"Parents: {title}")]


def _scores_table(scores: dict[str, dict[float, Scores]], title: str) -> Table:
    """Return a table with one column per split and confidence."""
    table = Table("", title=title)
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
