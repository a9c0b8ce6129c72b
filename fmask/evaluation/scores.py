"""All scores of a model on some annotated photos."""

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
    """The study's counts at one confidence, and COCO's average precision over all confidences."""

    min_confidence: float
    outcomes: Outcomes
    average_precision: AveragePrecision

    def metrics(self) -> dict[str, float]:
        """Plain names to numbers, ready for tracking. What is undefined (0 of 0, a class without objects) is left out.

        Counts `found`, `found_wrongly`, `missed`, `spurious`; rates `accuracy`, `precision`, `recall` in [0, 1], each
        with the `_low` and `_high` end of its 95 % interval; the names of `AveragePrecision.metrics`.
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
        """The few of `metrics` that tell most; for what is beside a run's main scores, so that runs can be compared."""
        return {name: value for name, value in self.metrics().items() if name in HEADLINE}

    def to_json(self) -> dict[str, Any]:
        """Everything but the precision-recall curves, in what `json.dump` takes."""
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


def evaluate(photos: Sequence[Photo], detections: Sequence[Detections], min_confidence: float) -> Scores:
    """Score what was found in each photo.

    `detections[i]` belongs to `photos[i]` and holds detections of any score: outcomes are counted over those of at
    least `min_confidence` in [0, 1], average precision over all. Raises `ValueError` when photos and detections do not
    fit.
    """
    shown = [found.at_least(min_confidence) for found in detections]
    return Scores(min_confidence, count_outcomes(photos, shown), average_precision(photos, detections))
