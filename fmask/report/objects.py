"""What a run's list tells: each annotated object and each spurious detection, a line each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fmask.evaluation.outcomes import Outcome
from fmask.structures.detections import CLASS_NAMES, Detections

SPURIOUS = "spurious"
FATES = (*map(str, Outcome), SPURIOUS)


@dataclass(frozen=True)
class Item:
    """One line of the list."""

    photo: str
    label: str | None
    """What is annotated; None for a spurious detection."""
    seen_as: tuple[str, ...]
    """What the network calls it, the best claim first; empty where it was missed."""
    fate: str
    """One of `FATES`."""
    score: float | None
    """Of the best claim, in [0, 1]; None where it was missed, or where it is not known."""
    iou: float | None
    """Mask IoU of the best claim; None without one."""

    @property
    def classes(self) -> list[str]:
        """Every class that it has to do with."""
        return sorted({*self.seen_as, *([self.label] if self.label else [])})


def list_items(scores: dict[str, Any], detections: dict[str, Detections] | None = None) -> list[Item]:
    """The lines of one confidence, by photo.

    Args:
        scores: `Scores.to_json`, as a run logs it.
        detections: by the photo's name, all that `scores` were counted from and those scored lower; the scores of
            objects are known by these alone.
    """
    items = [*_objects(scores, detections or {}), *_spurious(scores)]
    return sorted(items, key=lambda item: item.photo)


def _objects(scores: dict[str, Any], detections: dict[str, Detections]) -> Iterator[Item]:
    for record in scores["objects"]:
        claims, found = record["claims"], detections.get(record["photo"])
        yield Item(
            photo=record["photo"],
            label=CLASS_NAMES[record["class_id"] - 1],
            seen_as=_names(record["claimed_class_ids"]),
            fate=str(record["outcome"]),
            score=float(found.scores[claims[0]]) if claims and found is not None else None,
            iou=record["iou"] if claims else None,
        )


def _spurious(scores: dict[str, Any]) -> Iterator[Item]:
    for record in scores["spurious"]:
        yield Item(record["photo"], None, _names([record["class_id"]]), SPURIOUS, record["score"], None)


def _names(class_ids: Sequence[int]) -> tuple[str, ...]:
    return tuple(CLASS_NAMES[class_id - 1] for class_id in class_ids)
