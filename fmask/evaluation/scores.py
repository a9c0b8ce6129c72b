"""All scores of a model on annotated photos."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fmask.evaluation.average_precision import AveragePrecision, average_precision
from fmask.evaluation.outcomes import Outcome, Outcomes, count_outcomes
from fmask.structures.annotations import Photo
from fmask.structures.detections import CLASS_NAMES, Detections

HEADLINE = {
    *("found", "found_wrongly", "missed", "spurious"),
    *("accuracy", "precision", "recall"),
    *("mask_ap50", "box_ap50", "mask_ap"),
}


@dataclass(frozen=True)
class Scores:
    """The study's outcomes at one confidence, and COCO's average precision over all confidences."""

    min_confidence: float
    outcomes: Outcomes
    average_precision: AveragePrecision

    def metrics(self) -> dict[str, float]:
        """Return metric names and values, ready for tracking.

        The metrics are the counts `found`, `found_wrongly`, `missed` and `spurious`; the rates `accuracy`, `precision`
        and `recall` in [0, 1], each with the ends of its 95 % interval, `..._low` and `..._high`; and those of
        `AveragePrecision.metrics`. Undefined metrics (0 of 0, a class without objects) are left out.
        """
        counts = {
            "found": self.outcomes.count(Outcome.FOUND),
            "found_wrongly": self.outcomes.count(Outcome.FOUND_WRONGLY),
            "missed": self.outcomes.count(Outcome.MISSED),
            "spurious": len(self.outcomes.spurious),
        }
        metrics = {name: float(count) for name, count in counts.items()}
        for name in ("accuracy", "precision", "recall"):
            rate = getattr(self.outcomes, name)
            metrics |= {name: rate.value, f"{name}_low": rate.low, f"{name}_high": rate.high}
        metrics |= self.average_precision.metrics
        return {name: value for name, value in metrics.items() if not math.isnan(value)}

    def headline(self) -> dict[str, float]:
        """Return the most important metrics. They are logged for splits and parts besides a run's main split."""
        return {name: value for name, value in self.metrics().items() if name in HEADLINE}

    def to_json(self) -> dict[str, Any]:
        """Return everything except the precision-recall curves, as JSON-serializable values."""
        return {
            "min_confidence": self.min_confidence,
            "metrics": self.metrics(),
            "table": {"rows": "actual", "columns": "predicted", "counts": self.outcomes.table().tolist()},
            "class_matrix": {
                "rows": "annotated",
                "columns": "detected",
                "labels": ["background", *CLASS_NAMES],
                "counts": self.outcomes.class_matrix().tolist(),
            },
            "objects": [asdict(record) for record in self.outcomes.objects],
            "spurious": [asdict(record) for record in self.outcomes.spurious],
        }


def compute_scores(photos: Sequence[Photo], detections: Sequence[Detections], min_confidence: float) -> Scores:
    """Compute all scores of detections in annotated photos.

    Args:
        photos: annotated photos.
        detections: detections of any confidence; `detections[i]` belongs to `photos[i]`.
        min_confidence: lowest confidence in [0, 1] of the detections that count for the outcomes. Average precision
            uses all detections.

    Raises:
        ValueError: photos and detections do not match; see `count_outcomes`.
    """
    confident = [found.at_least(min_confidence) for found in detections]
    return Scores(min_confidence, count_outcomes(photos, confident), average_precision(photos, detections))
