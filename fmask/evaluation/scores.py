"""All scores of a model on annotated photos."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fmask.evaluation.average_precision import AveragePrecision, Collected
from fmask.evaluation.outcomes import Outcome, Outcomes, combine, overlaps, photo_outcomes
from fmask.structures.annotations import Photo
from fmask.structures.detections import EncodedDetections


@dataclass(frozen=True)
class Scores:
    """The study's outcomes at one confidence, and COCO's average precision over all confidences."""

    min_confidence: float
    outcomes: Outcomes
    average_precision: AveragePrecision

    def metrics(self) -> dict[str, float]:
        """Return metric names and values, ready for tracking.

        The metrics are the counts `found`, `found_wrongly`, `missed` and `spurious`; the rates `accuracy`, `precision`,
        `precision_all` and `recall` in [0, 1], each with the ends of its 95 % interval, `..._low` and `..._high`; and
        those of `AveragePrecision.metrics`. Undefined metrics (0 of 0, a class without objects) are left out.
        """
        counts = {
            "found": self.outcomes.count(Outcome.FOUND),
            "found_wrongly": self.outcomes.count(Outcome.FOUND_WRONGLY),
            "missed": self.outcomes.count(Outcome.MISSED),
            "spurious": len(self.outcomes.spurious),
        }
        metrics = {name: float(count) for name, count in counts.items()}
        for name in ("accuracy", "precision", "precision_all", "recall"):
            rate = getattr(self.outcomes, name)
            metrics |= {name: rate.value, f"{name}_low": rate.low, f"{name}_high": rate.high}
        metrics |= self.average_precision.metrics
        return {name: value for name, value in metrics.items() if not math.isnan(value)}

    def to_json(self) -> dict[str, Any]:
        """Return everything except the precision-recall curves, as JSON-serializable values."""
        return {"min_confidence": self.min_confidence, "metrics": self.metrics(), **self.outcomes.to_json()}


def compute_scores(
    photos: Sequence[Photo], detections: Iterable[EncodedDetections], confidences: Collection[float]
) -> dict[float, Scores]:
    """Compute all scores of detections in annotated photos, photo by photo.

    Args:
        photos: annotated photos.
        detections: detections of any confidence; `detections[i]` belongs to `photos[i]`.
        confidences: lowest confidences in [0, 1] of the detections that count for the outcomes. Average precision uses
            all detections; all scores have the same.

    Returns:
        The scores by confidence, in the order of `confidences`.

    Raises:
        ValueError: photos and detections do not match; see `count_outcomes`.
    """
    collected = Collected()
    counted: dict[float, list[Outcomes]] = {confidence: [] for confidence in confidences}
    for photo, found in zip(photos, detections, strict=True):
        masks = photo.run_lengths()
        measured = overlaps(photo, masks, found)
        for confidence, outcomes in counted.items():
            outcomes.append(photo_outcomes(photo, found.at_least(confidence), measured))
        collected.add(photo, masks, found)
    precision = collected.average_precision()
    return {confidence: Scores(confidence, combine(outcomes), precision) for confidence, outcomes in counted.items()}
