"""Calibration of scores: is a detection with a score of 0.8 right in 80 of 100 cases?

A detection is right if it matches an object of its class with a mask IoU of at least 0.5, as in mask AP50; those on
regions to ignore are left out. The calibration error D-ECE (Küppers et al. 2020, Multivariate Confidence Calibration
for Object Detection, eq. 4, over scores alone) is the mean absolute difference between precision and mean score in
bins of equal width, weighted by their detections.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fmask.evaluation.matches import IGNORED, MATCHED, PhotoMatches
from fmask.structures.operating_point import Calibration, log_odds

BINS = 10
FOLDS = 10
"""Number of parts into which photos are dealt to calibrate those of each part on the others."""
SLOPE_SPREAD, INTERCEPT_SPREAD = 1.0, 2.0
"""Standard deviations of the normal priors of the logarithm of the slope and of the intercept, both around 0: no
calibration. They decide only where the detections say little, as when all of them are right."""
RESAMPLES = 2000


@dataclass(frozen=True)
class ScoredDetections:
    """Detections in photos, and whether they are right: N detections."""

    scores: np.ndarray
    """(N,) float64 in [0, 1]."""
    right: np.ndarray
    """(N,) bool."""
    photos: np.ndarray
    """(N,) int64, the number of the photo of each detection, from 0."""
    count: int
    """Number of photos, also of those without detections."""

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def of(cls, matches: Iterable[PhotoMatches]) -> "ScoredDetections":
        """Return the detections of all classes from the matches in each photo."""
        rows, count = [], 0
        for count, found in enumerate(matches, start=1):
            hits = [each for of_class in found.values() for each in of_class.found]
            rows += [(score, hit[0] == MATCHED, count - 1) for score, hit in hits if hit[0] != IGNORED]
        scores, right, photos = zip(*rows, strict=True) if rows else ((), (), ())
        return cls(np.array(scores, float), np.array(right, bool), np.array(photos, np.int64), count)

    def where(self, chosen: np.ndarray) -> "ScoredDetections":
        """Return the detections that a mask (N,) or indices choose."""
        return ScoredDetections(self.scores[chosen], self.right[chosen], self.photos[chosen], self.count)


@dataclass(frozen=True)
class CalibrationError:
    """D-ECE with its uncertainty; all are NaN without detections."""

    value: float
    """In [0, 1]."""
    low: float
    """Lower end of the 95 % interval over resampled photos, at least 0. Noise in the bins makes resampled errors larger
    than `value` on average, so this end is as far below `value` as their 97.5th percentile is above it (basic
    bootstrap)."""
    high: float
    """Upper end: this percentile, less the mean excess of the resampled errors over `value`; at most 1."""
    by_chance: float
    """The mean D-ECE of the same probabilities if they are exactly right. A `value` below it is no evidence of an
    error."""


def fit(found: ScoredDetections) -> Calibration:
    """Fit a calibration to detections by maximum a posteriori; without detections, it changes nothing."""
    from scipy.optimize import minimize

    odds = log_odds(found.scores)

    def loss(parameters: np.ndarray) -> float:
        slope, intercept = np.exp(parameters[0]), parameters[1]
        margins = np.where(found.right, 1, -1) * (slope * odds + intercept)
        prior = ((parameters / (SLOPE_SPREAD, INTERCEPT_SPREAD)) ** 2).sum() / 2
        return float(np.logaddexp(0, -margins).sum() + prior)

    slope, intercept = minimize(loss, np.zeros(2)).x
    return Calibration(float(np.exp(slope)), float(intercept))


def calibrated_elsewhere(found: ScoredDetections) -> np.ndarray:
    """Return the probability (N,) of each detection, calibrated on other photos: cross-validated in `FOLDS` parts."""
    order = np.random.default_rng(0).permutation(found.count)
    part_of = np.empty(found.count, dtype=np.int64)
    part_of[order] = np.arange(found.count) % FOLDS
    probabilities = np.empty(len(found))
    for part in range(FOLDS):
        inside = part_of[found.photos] == part
        probabilities[inside] = fit(found.where(~inside))(found.scores[inside])
    return probabilities


def calibration_error(probabilities: np.ndarray, right: np.ndarray) -> float:
    """Return D-ECE of N detections; NaN without detections.

    Args:
        probabilities: (N,) in [0, 1], the scores or calibrated scores.
        right: (N,) bool.
    """
    if not len(right):
        return float("nan")
    gaps = np.bincount(bin_of(probabilities), right - probabilities)
    return float(np.abs(gaps).sum() / len(right))


def measure_error(probabilities: np.ndarray, found: ScoredDetections) -> CalibrationError:
    """Return D-ECE of detections with these probabilities (N,), with its interval for other photos."""
    value = calibration_error(probabilities, found.right)
    if np.isnan(value):
        return CalibrationError(value, value, value, value)
    random = np.random.default_rng(0)
    photos = random.multinomial(
        found.count, np.full(found.count, 1 / found.count), RESAMPLES
    )  # how often each is drawn
    cells = found.photos * BINS + bin_of(probabilities)
    gaps = np.bincount(cells, found.right - probabilities, minlength=found.count * BINS).reshape(found.count, BINS)
    detections = photos @ np.bincount(found.photos, minlength=found.count)
    drawn = detections > 0
    resampled = np.abs(photos[drawn] @ gaps).sum(axis=1) / detections[drawn]
    largest, excess = float(np.percentile(resampled, 97.5)), float(resampled.mean()) - value
    by_chance = np.mean(
        [calibration_error(probabilities, random.random(len(found)) < probabilities) for _ in range(RESAMPLES // 10)]
    )
    return CalibrationError(value, max(0.0, 2 * value - largest), min(largest - excess, 1.0), float(by_chance))


def bin_of(probabilities: np.ndarray) -> np.ndarray:
    """Return the bin (N,), int64 from 0 to `BINS` - 1, of each probability (N,) in [0, 1]."""
    return np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
