"""The suspicion of a label: the probability that it is wrong, given the detections at its place."""

from collections.abc import Iterable, Sequence

import numpy as np

PRIOR = 0.05
"""The share of wrong labels that is assumed. Only the order of suspects of different kinds depends on it."""
NEIGHBOURS = 40
"""Number of objects of similar size with which an object is compared."""
MIN_MATCHES = 8
"""Fewest matches from which the usual IoU of a class is estimated; with fewer, those of all classes are used."""
_LEAST = 1e-4  # of probabilities and densities, so that ratios are finite
_NARROWEST = 0.2  # scale of logits; a few equal IoU would have none
_QUARTILE, _PEAK, _FREEDOM = 0.7267, 0.3796, 5  # quartile, largest density and degrees of freedom of Student's t


def posterior(ratio: float) -> float:
    """Return the probability that a label is wrong.

    Args:
        ratio: how probable the evidence is if the label is wrong, divided by how probable it is if it is right.
    """
    odds = PRIOR / (1 - PRIOR) * ratio
    return odds / (1 + odds)


def odds_ratio(score: float) -> float:
    """Return the odds of a detection's score in [0, 1], as the ratio for `posterior`."""
    return score / max(1 - score, _LEAST)


class UsualIoU:
    """The distribution of the mask IoU of detections with correctly outlined objects of one class.

    The logits of the IoU are modelled by Student's t distribution with 5 degrees of freedom: networks outline more
    objects badly than a normal distribution allows for. Location and scale are estimated from the median and the lower
    quartile, so that a few wrong outlines among them hardly matter.
    """

    def __init__(self, ious: Sequence[float]) -> None:
        logits = _logit(np.asarray(ious, dtype=float))
        self._median = float(np.median(logits))
        self._scale = max((self._median - float(np.quantile(logits, 0.25))) / _QUARTILE, _NARROWEST)

    def ratio(self, iou: float) -> float:
        """Return the ratio for `posterior` of an outline with this IoU; 0 if the IoU is at least the median.

        The IoU of a wrong outline is taken to be uniform in [0, 1].
        """
        logit = float(_logit(np.array(iou)))
        if logit >= self._median:
            return 0.0
        distance = (logit - self._median) / self._scale
        density = _PEAK * (1 + distance**2 / _FREEDOM) ** (-(_FREEDOM + 1) / 2) / self._scale
        return max(iou * (1 - iou), _LEAST) / max(density, _LEAST)


def usual_ious(matches: Sequence[tuple[int, float]], class_ids: Iterable[int]) -> dict[int, UsualIoU]:
    """Return the usual IoU of each class id; nothing without matches.

    Args:
        matches: the class id and the IoU of each match.
        class_ids: the class ids.
    """
    usual = {}
    for class_id in class_ids if matches else ():
        own = [iou for each, iou in matches if each == class_id]
        usual[class_id] = UsualIoU(own if len(own) >= MIN_MATCHES else [iou for _, iou in matches])
    return usual


def unseen_ratios(sizes: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return, for each of N objects, the ratio for `posterior` of how low the best detection on it scores.

    It is (1 + n) / (1 + k) if k of n objects score as low: the object itself and the `NEIGHBOURS` - 1 of most similar
    size, since networks miss small objects more often. The object is counted once more, so that the share of such
    objects is not underestimated.

    Args:
        sizes: (N,) above 0, as in `fmask.evaluation.diagnosis`.
        seen: (N,), the highest score of a detection on the object; 0 without one.
    """
    ratios = np.ones(len(sizes))
    logs = np.log(sizes)
    for n in range(len(sizes)):
        near = np.argsort(np.abs(logs - logs[n]), kind="stable")[:NEIGHBOURS]
        ratios[n] = (1 + len(near)) / (1 + np.count_nonzero(seen[near] <= seen[n]))
    return ratios


def _logit(values: np.ndarray) -> np.ndarray:
    values = np.clip(values, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(values / (1 - values)))
