"""The rates over the confidence are those that are printed for a single confidence."""

import numpy as np
import pytest

from fmask.evaluation.confidence_curve import CONFIDENCES, confidence_curve
from fmask.evaluation.scores import compute_scores
from tests.helpers.scenes import encoded, photo

MASK, HAT = ("mask", (20, 10, 40, 30)), ("hat", (0, 40, 20, 70))
PHOTOS = [photo(MASK, HAT), photo(MASK), photo(HAT), photo()]
FOUND = [
    encoded((*MASK, 0.95), ("mask", HAT[1], 0.75), (*HAT, 0.5)),
    encoded((*MASK, 0.8), (*MASK, 0.3)),
    encoded(("hat", (45, 0, 60, 20), 0.6)),
    encoded(("hat", (45, 0, 60, 20), 0.85)),
]


@pytest.mark.parametrize("index", [0, 30, 50, 55, 80, 90, 100])
def test_the_rates_are_those_of_the_scores(index: int) -> None:
    curve = confidence_curve(PHOTOS, FOUND)
    confidence = float(CONFIDENCES[index])
    metrics = compute_scores(PHOTOS, FOUND, [confidence])[confidence].metrics()
    assert curve.found[index] == metrics["found"]
    for rate, name in ((curve.precision, "precision_all"), (curve.recall, "recall")):
        assert metrics.get(name, np.nan) == pytest.approx(rate[index], nan_ok=True)
    precision, recall = curve.precision[index], curve.recall[index]
    if np.isnan(precision + recall):
        assert np.isnan(curve.f1[index])
    elif precision + recall:
        assert curve.f1[index] == pytest.approx(2 * precision * recall / (precision + recall))
    else:
        assert curve.f1[index] == 0


def test_detections_of_equal_score_count_together() -> None:
    curve = confidence_curve([photo(MASK, HAT)], [encoded((*MASK, 0.5), (*HAT, 0.5))])
    assert curve.found[[50, 51]].tolist() == [2, 0]
    assert curve.missed[[50, 51]].tolist() == [0, 2]
