"""Choice of an operating point: a threshold for each class, on validation photos, for a stated aim.

Objects are counted by the study's rule (`fmask.evaluation.outcomes`). Every aim maximizes the number of found objects.
They differ in what they allow:

- `accuracy`: everything;
- `precision=P`: at least the share P of all detections finds an object (`Outcomes.precision_all`);
- `false_alarms=K`: at most K spurious detections in 100 photos.

The search starts at the best common threshold, and then changes that of one class at a time, as long as a change helps:
classes interact, since two claims on an object find it wrongly. At its end, each threshold is moved into the middle of
the range that finds as many objects and is allowed. The ends of the range would be the scores of single detections:
the upper end would miss objects on other photos that score a little less, the lower end would let in false detections.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fmask.evaluation.calibration import ScoredDetections, fit
from fmask.evaluation.matches import PhotoMatches
from fmask.evaluation.outcomes import Outcome, Outcomes, Overlaps, overlaps, photo_outcomes
from fmask.structures.annotations import Photo
from fmask.structures.detections import EncodedDetections
from fmask.structures.operating_point import FIXED, NEVER, OperatingPoint
from fmask.utils.errors import UserError

ACCURACY = "accuracy"
PRECISION, FALSE_ALARMS = "precision", "false_alarms"
AIMS = f"{ACCURACY}, {PRECISION}=P with P from 0 to 1, or {FALSE_ALARMS}=K in 100 photos"
MAX_PASSES = 10
"""Largest number of passes over the classes; three are usual."""


@dataclass(frozen=True)
class Aim:
    """What thresholds are chosen for."""

    kind: str
    """`accuracy`, `precision` or `false_alarms`."""
    limit: float = 0.0
    """The least precision in [0, 1], or the most spurious detections in 100 photos."""

    @classmethod
    def parse(cls, text: str) -> "Aim":
        """Read an aim as it is written on the command line.

        Raises:
            UserError: it is none of `AIMS`.
        """
        kind, equals, number = text.partition("=")
        try:
            limit = float(number) if equals else 0.0
        except ValueError:
            limit = math.nan
        allowed = {ACCURACY: not equals, PRECISION: bool(equals) and 0 <= limit <= 1,
                   FALSE_ALARMS: bool(equals) and 0 <= limit < math.inf}  # fmt: skip
        if not allowed.get(kind):
            raise UserError(f"--aim must be {AIMS}, not {text!r}.")
        return cls(kind, limit)

    def __str__(self) -> str:
        return self.kind if self.kind == ACCURACY else f"{self.kind}={self.limit:g}"

    def allows(self, counts: np.ndarray, photos: int) -> np.ndarray:
        """Return which counts (..., 3) of found objects, detections and spurious detections the aim allows, bool."""
        found, detections, spurious = np.moveaxis(counts, -1, 0)
        if self.kind == PRECISION:  # divided, not multiplied: 14 / 25 is 0.56, but 0.56 * 25 is more than 14
            return (detections == 0) | (found / np.maximum(detections, 1) >= self.limit)
        return spurious * 100 / photos <= self.limit if self.kind == FALSE_ALARMS else found >= 0


def choose(
    photos: Sequence[Photo],
    detections: Sequence[EncodedDetections],
    matches: Mapping[str, PhotoMatches],
    aim: Aim,
) -> OperatingPoint:
    """Choose an operating point on annotated photos.

    Args:
        photos: the photos, at least one; none of them may be used to measure the result.
        detections: the detections in each photo, of any confidence.
        matches: `AveragePrecision.matches` of them, for the calibration.
        aim: what the thresholds are for.

    Raises:
        UserError: no thresholds reach the aim.
    """
    search = _Search(photos, detections, aim)
    thresholds = dict(zip(detections[0].classes, search.best_limits().tolist(), strict=True))
    objects = sum(not region.ignore for photo in photos for region in photo.regions)
    calibration = fit(ScoredDetections.of(matches.values()))
    return OperatingPoint(str(aim), thresholds, calibration, len(photos), objects)


class _PhotoCounts:
    """The counts of one photo for any choice of its detections."""

    def __init__(self, photo: Photo, found: EncodedDetections) -> None:
        self._photo, self._found = photo, found
        self._measured = overlaps(photo, photo.run_lengths(), found)
        self._known: dict[bytes, np.ndarray] = {}

    def count(self, kept: np.ndarray) -> np.ndarray:
        """Return the numbers of found objects, detections and spurious detections, int64 (3,)."""
        key = kept.tobytes()
        if key not in self._known:
            part = Overlaps(self._measured.shares[kept], self._measured.ious[kept], self._measured.on_ignored[kept])
            self._known[key] = _counts(photo_outcomes(self._photo, self._found.where(kept), part))
        return self._known[key]


class _Search:
    """The search for the lowest scores that count, K limits for K classes; infinity drops all of a class."""

    def __init__(self, photos: Sequence[Photo], detections: Sequence[EncodedDetections], aim: Aim) -> None:
        self._aim, self._photos = aim, len(photos)
        self._counts = [_PhotoCounts(*pair) for pair in zip(photos, detections, strict=True)]
        self._scores = [found.scores.astype(float) for found in detections]
        self._places = [found.class_ids - 1 for found in detections]
        self._classes = range(len(detections[0].classes))

    def best_limits(self) -> np.ndarray:
        """Return the thresholds (K,), float64 in [0, 1] or `NEVER`, with the most found objects that the aim allows."""
        limits = np.full(len(self._classes), np.inf)
        best = self._improve(limits, (-1, 0), self._classes)
        for _ in range(MAX_PASSES):
            before = best
            for each in self._classes:
                best = self._improve(limits, best, [each])
            if best == before:
                break
        if best[0] < 1:
            raise UserError(f"No thresholds reach the aim {self._aim}: no object would be found.")
        for each in self._classes:
            limits[each] = self._centred(limits, each)
        return limits

    def _improve(self, limits: np.ndarray, best: tuple[int, int], varied: Sequence[int]) -> tuple[int, int]:
        """Set the limits of the varied classes to the same value if one is better than `best`; return the best.

        What is compared is (found objects, minus the detections that find none).
        """
        values, counts, allowed = self._sweep(limits, varied)
        for value, (found, detections, _) in zip(values[allowed], counts[allowed].tolist(), strict=True):
            if (found, found - detections) > best:
                best = found, found - detections
                limits[list(varied)] = value
        return best

    def _centred(self, limits: np.ndarray, place: int) -> float:
        """Return the middle of the range of limits of a class that find as many objects as its own and are allowed."""
        values, counts, allowed = self._sweep(limits, [place])
        if len(values) == 1:
            return FIXED
        own = int(np.flatnonzero(values >= limits[place])[-1])
        equal = allowed & (counts[:, 0] == counts[own, 0])
        others = np.flatnonzero(~equal)
        first = others[others < own].max(initial=-1) + 1
        after = others[others > own].min(initial=len(values))  # the first lower limit that is not as good
        if after == 1 and values[1] >= 1:  # a detection with a score of 1 must not count
            return NEVER
        return float(min(values[first], 1.0) + values[min(after, len(values) - 1)]) / 2

    def _sweep(self, limits: np.ndarray, varied: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Count for each limit of the varied classes that makes a difference, with the limits (K,) of the others.

        Returns:
            The V limits, from infinity down; the counts (V, 3) of `_PhotoCounts.count`; which the aim allows, (V,).
        """
        steps, start = [], np.zeros(3, dtype=np.int64)
        for counts, scores, places in zip(self._counts, self._scores, self._places, strict=True):
            own = np.isin(places, varied)
            others = ~own & (scores >= limits[places])
            values = np.unique(scores[own])[::-1]
            kept = [others, *(others | (own & (scores >= value)) for value in values)]
            found = [counts.count(each) for each in kept]
            start += found[0]
            steps += [(value, after - before) for value, (before, after) in zip(values, pairwise(found), strict=True)]
        steps.sort(key=lambda step: -step[0])
        values = np.array([np.inf, *(value for value, _ in steps)])
        totals = np.cumsum([start, *(change for _, change in steps)], axis=0)
        last = np.append(values[1:] != values[:-1], True)  # of equal scores, all count or none
        values, totals = values[last], totals[last]
        return values, totals, self._aim.allows(totals, self._photos)


def _counts(outcomes: Outcomes) -> np.ndarray:
    claims = sum(len(record.claims) for record in outcomes.objects)
    return np.array([outcomes.count(Outcome.FOUND), claims + len(outcomes.spurious), len(outcomes.spurious)])
