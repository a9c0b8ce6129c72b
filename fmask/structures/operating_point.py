"""The operating point of a network: which detections count, and how probable it is that a detection is right."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

FIXED = 0.5
"""The lowest score of a detection that counts where a network has no operating point."""
NEVER = float(np.nextafter(np.float32(1), np.float32(2)))
"""The threshold of a class of which no detection counts: above all scores, also in float32."""
MAX_LOGIT = 14.0
"""Largest absolute value of the log-odds of a score: closer than about 1e-6 to 1, float32 rounds scores."""


@dataclass(frozen=True)
class Calibration:
    """A logistic calibration: the log-odds of being right are a linear function of the log-odds of the score.

    Platt (1999), with the log-odds of the score as the classifier's output. It is increasing, so the order of scores,
    and with it average precision, stays the same.
    """

    slope: float
    """Above 0."""
    intercept: float

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Return the probabilities (N,), float64 in [0, 1], that detections with the scores (N,) are right."""
        return 1 / (1 + np.exp(-(self.slope * log_odds(scores) + self.intercept)))


@dataclass(frozen=True)
class OperatingPoint:
    """The detections of a network that count, chosen on annotated photos for an aim."""

    aim: str
    """What the thresholds were chosen for, such as `accuracy` or `precision=0.95`."""
    thresholds: Mapping[str, float]
    """Class name to the lowest score in [0, 1] of a detection that counts, or `NEVER`; all classes, in the order of
    their ids."""
    calibration: Calibration
    photos: int
    """Number of photos on which it was chosen."""
    objects: int
    """Number of annotated objects in them."""

    def keeps(self, class_ids: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Return which detections count, bool (N,), from their class ids (N,), from 1 up, and scores (N,)."""
        limits = np.array(list(self.thresholds.values()))
        return scores.astype(float) >= limits[class_ids - 1]

    def to_json(self) -> dict[str, Any]:
        """Return JSON-serializable values; `from_json` reads them."""
        return {**asdict(self), "thresholds": dict(self.thresholds)}

    @classmethod
    def from_json(cls, value: Any, classes: Sequence[str]) -> "OperatingPoint":
        """Return the operating point that `to_json` has written.

        Args:
            value: the JSON values.
            classes: the class names of the network.

        Raises:
            ValueError: the values are not those of an operating point of these classes.
        """
        try:
            thresholds = {str(name): float(limit) for name, limit in value["thresholds"].items()}
            calibration = Calibration(**{key: float(number) for key, number in value["calibration"].items()})
            found = cls(str(value["aim"]), thresholds, calibration, int(value["photos"]), int(value["objects"]))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"operating_point is damaged: {error!r}") from error
        if list(thresholds) != list(classes):
            raise ValueError(
                f"operating_point must have thresholds of {', '.join(classes)}, not {', '.join(thresholds)}"
            )
        if not all(0 <= limit <= NEVER for limit in thresholds.values()):
            raise ValueError(f"the thresholds of operating_point must be from 0 to 1, not {thresholds}")
        if not (0 < calibration.slope < math.inf and math.isfinite(calibration.intercept)):
            raise ValueError(f"the calibration of operating_point must have a slope above 0, not {calibration}")
        return found


def log_odds(scores: np.ndarray) -> np.ndarray:
    """Return the log-odds of scores in [0, 1], float64, limited to `MAX_LOGIT` on both sides."""
    odds = np.asarray(scores, dtype=float)
    with np.errstate(divide="ignore"):
        return np.clip(np.log(odds) - np.log1p(-odds), -MAX_LOGIT, MAX_LOGIT)
