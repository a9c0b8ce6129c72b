"""Precision, recall and F1 of a set of photos over the confidence from which detections count."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fmask.evaluation.outcomes import Outcome, Outcomes, overlaps, photo_outcomes
from fmask.structures.annotations import Photo
from fmask.structures.detections import EncodedDetections

CONFIDENCES = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class ConfidenceCurve:
    """The study's counts (see `outcomes`) at each of `CONFIDENCES`, and the rates that follow from them."""

    found: np.ndarray
    """(101,) found objects."""
    missed: np.ndarray
    """(101,) missed objects."""
    detections: np.ndarray
    """(101,) detections that claim an object or are spurious."""

    @property
    def precision(self) -> np.ndarray:
        """(101,) `Outcomes.precision_all`, found / all detections; NaN without detections."""
        return _divided(self.found, self.detections)

    @property
    def recall(self) -> np.ndarray:
        """(101,) `Outcomes.recall`, found / (found + missed); NaN if no object is found or missed."""
        return _divided(self.found, self.found + self.missed)

    @property
    def f1(self) -> np.ndarray:
        """(101,) the harmonic mean of precision and recall; NaN if one of them is NaN, 0 if both are 0."""
        return _divided(2 * self.found, self.detections + self.found + self.missed, self.precision + self.recall)


def confidence_curve(photos: Sequence[Photo], detections: Iterable[EncodedDetections]) -> ConfidenceCurve:
    """Count the outcomes of annotated objects at each confidence, photo by photo.

    Args:
        photos: annotated photos.
        detections: the detections in each photo, of any confidence; `detections[i]` belongs to `photos[i]`.
    """
    counts = np.zeros((3, len(CONFIDENCES)), dtype=np.int64)
    for photo, found in zip(photos, detections, strict=True):
        measured = overlaps(photo, photo.run_lengths(), found)
        parts = [found.at_least(confidence) for confidence in CONFIDENCES.tolist()]
        numbers = {len(part): part for part in parts}  # detections of a photo are few, and most parts are equal
        counted = {number: _counts(photo_outcomes(photo, part, measured)) for number, part in numbers.items()}
        counts += np.array([counted[len(part)] for part in parts]).T
    return ConfidenceCurve(*counts)


def _counts(outcomes: Outcomes) -> tuple[int, int, int]:
    claims = sum(len(record.claims) for record in outcomes.objects)
    return outcomes.count(Outcome.FOUND), outcomes.count(Outcome.MISSED), claims + len(outcomes.spurious)


def _divided(part: np.ndarray, whole: np.ndarray, defined: np.ndarray | None = None) -> np.ndarray:
    """Return part / whole; NaN where `whole` is 0 or `defined` is NaN."""
    result = np.full(len(part), np.nan)
    wanted = whole > 0 if defined is None else (whole > 0) & ~np.isnan(defined)
    result[wanted] = part[wanted] / whole[wanted]
    return result
