"""The rows of the table of objects: one for each annotated object and each spurious detection."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fmask.evaluation.outcomes import Outcome
from fmask.evaluation.sheets import detection_key, region_key
from fmask.structures.detections import EncodedDetections

SPURIOUS = "spurious"
OUTCOMES = (*map(str, Outcome), SPURIOUS)


@dataclass(frozen=True)
class ObjectRow:
    """One row of the table."""

    photo: str
    """Name of the photo."""
    label: str | None
    """The annotated class; None for a spurious detection."""
    detected_as: tuple[str, ...]
    """The classes of the detections that claim the object, the best first; empty if it was missed."""
    outcome: str
    """One of `OUTCOMES`."""
    score: float | None
    """Score of the best claim, in [0, 1]; None if the object was missed or the score is unknown."""
    iou: float | None
    """Mask IoU of the best claim; None without a claim."""
    keys: tuple[str, ...]
    """The keys of its outlines in the picture of the photo: see `fmask.evaluation.sheets.Mark`."""

    @property
    def classes(self) -> list[str]:
        """The annotated and detected classes, which the filter of the page uses."""
        return sorted({*self.detected_as, *([self.label] if self.label else [])})


def object_rows(scores: dict[str, Any], detections: dict[str, EncodedDetections] | None = None) -> list[ObjectRow]:
    """Return the rows for one confidence, sorted by photo.

    Args:
        scores: `Scores.to_json`, as a run logs it, or `Outcomes.to_json`.
        detections: all detections by the name of their photo, at any score; without them the scores of the objects are
            unknown.
    """
    rows = [*_objects(scores, detections or {}), *_spurious(scores)]
    return sorted(rows, key=lambda row: row.photo)


def class_names(scores: dict[str, Any]) -> list[str]:
    """Return the class names by class id, that of the background first, from `Scores.to_json` or `Outcomes.to_json`."""
    return list(scores["class_matrix"]["labels"])


def _objects(scores: dict[str, Any], detections: dict[str, EncodedDetections]) -> Iterator[ObjectRow]:
    names = class_names(scores)
    for record in scores["objects"]:
        claims, found = record["claims"], detections.get(record["photo"])
        yield ObjectRow(
            photo=record["photo"],
            label=names[record["class_id"]],
            detected_as=tuple(names[class_id] for class_id in record["claimed_class_ids"]),
            outcome=str(record["outcome"]),
            score=float(found.scores[claims[0]]) if claims and found is not None else None,
            iou=record["iou"] if claims else None,
            keys=(region_key(record["region"]), *map(detection_key, claims)),
        )


def _spurious(scores: dict[str, Any]) -> Iterator[ObjectRow]:
    names = class_names(scores)
    for record in scores["spurious"]:
        keys = (detection_key(record["detection"]),)
        yield ObjectRow(record["photo"], None, (names[record["class_id"]],), SPURIOUS, record["score"], None, keys)
