"""Calibration: on simulated scores it recovers the truth, and it leaves the order of scores alone."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from fmask.evaluation.average_precision import average_precision
from fmask.evaluation.calibration import (
    ScoredDetections,
    calibrated_elsewhere,
    calibration_error,
    fit,
    measure_error,
)
from fmask.structures.operating_point import Calibration
from tests.helpers.scenes import encoded, photo

MASK, HAT = ("mask", (20, 10, 40, 30)), ("hat", (0, 40, 20, 70))


def simulated(truth: Calibration, count: int, seed: int = 0, per_photo: int = 2) -> ScoredDetections:
    """Draw detections whose scores have this calibration."""
    random = np.random.default_rng(seed)
    scores = 1 / (1 + np.exp(-random.normal(2, 2, count)))
    return ScoredDetections(
        scores, random.random(count) < truth(scores), np.arange(count) // per_photo, -(-count // per_photo)
    )


@pytest.mark.parametrize("truth", [Calibration(1, 0), Calibration(0.7, -1.5), Calibration(1.5, 1)])
def test_the_fit_recovers_the_truth(truth: Calibration) -> None:
    found = fit(simulated(truth, 50_000))
    assert found.slope == pytest.approx(truth.slope, abs=0.03)
    assert found.intercept == pytest.approx(truth.intercept, abs=0.05)


def test_the_error_falls_to_chance_on_other_photos() -> None:
    truth = Calibration(0.7, -1.5)
    learned, other = fit(simulated(truth, 1000)), simulated(truth, 20_000, seed=1)
    assert calibration_error(other.scores, other.right) > 0.2
    assert calibration_error(learned(other.scores), other.right) < 0.04


def test_scores_that_are_all_right_give_a_finite_increasing_calibration() -> None:
    scores = np.array([0.6, 0.9, 1.0, 1.0])
    found = fit(ScoredDetections(scores, np.ones(4, bool), np.arange(4), 4))
    probabilities = found(scores)
    assert (np.diff(probabilities) >= 0).all()
    assert (probabilities > scores - 0.01).all()
    assert (probabilities < 1).all()


def test_without_detections_scores_stay_as_they_are() -> None:
    nothing = ScoredDetections.of([{}, {}])
    assert (fit(nothing), nothing.count) == (Calibration(1, 0), 2)
    assert np.isnan(measure_error(nothing.scores, nothing).value)


def test_the_error_is_that_of_a_count_by_hand() -> None:
    probabilities = np.array([0.95, 0.95, 0.55, 0.52, 0.1])
    right = np.array([True, False, True, True, False])
    assert calibration_error(probabilities, right) == pytest.approx((0.9 + 0.93 + 0.1) / 5)


def test_the_interval_of_the_error_has_the_truth_and_narrows() -> None:
    truth = Calibration(0.7, -1.5)
    many = simulated(truth, 200_000, seed=9)
    expected = calibration_error(many.scores, many.right)
    widths = []
    for count in (60, 2000):
        found = simulated(truth, count)
        error = measure_error(found.scores, found)
        assert error.low <= expected <= error.high
        assert error.low <= error.value <= error.high
        widths.append(error.high - error.low)
    assert widths[1] < 0.3 * widths[0]


def test_the_interval_is_that_of_photos_drawn_with_replacement() -> None:
    found = simulated(Calibration(0.7, -1.5), 60)
    random = np.random.default_rng(5)
    errors = []
    for _ in range(2000):
        drawn = np.concatenate([np.flatnonzero(found.photos == n) for n in random.integers(found.count, size=30)])
        errors.append(calibration_error(found.scores[drawn], found.right[drawn]))
    error, largest = measure_error(found.scores, found), float(np.percentile(errors, 97.5))
    assert error.low == pytest.approx(2 * error.value - largest, abs=0.02)
    assert error.high == pytest.approx(largest - (np.mean(errors) - error.value), abs=0.02)


def test_many_detections_need_little_memory() -> None:
    """COCO's validation photos have about half a million detections: 2000 resamples of them would be 8 GB."""
    found = simulated(Calibration(1, 0), 200_000, per_photo=100)
    tracemalloc.start()
    measure_error(found.scores, found)
    assert tracemalloc.get_traced_memory()[1] < 2e8
    tracemalloc.stop()


def test_chance_is_the_error_of_right_probabilities() -> None:
    found = simulated(Calibration(1, 0), 100)
    errors = [
        calibration_error(each.scores, each.right)
        for each in (simulated(Calibration(1, 0), 100, s) for s in range(200))
    ]
    assert measure_error(found.scores, found).by_chance == pytest.approx(np.mean(errors), abs=0.02)


def test_photos_are_calibrated_on_other_photos() -> None:
    found = simulated(Calibration(0.7, -1.5), 100)
    elsewhere, inside = calibrated_elsewhere(found), fit(found)(found.scores)
    assert np.abs(elsewhere - inside).max() < 0.1
    assert not np.allclose(elsewhere, inside, atol=1e-4)
    changed = ScoredDetections(found.scores, found.right.copy(), found.photos, found.count)
    changed.right[found.photos == 0] ^= True
    unchanged = found.photos == 0
    assert np.array_equal(calibrated_elsewhere(changed)[unchanged], elsewhere[unchanged])


def test_average_precision_is_the_same_with_calibrated_scores() -> None:
    photos = [photo(MASK, HAT), photo(MASK), photo(HAT)]
    raw = [
        encoded((*MASK, 0.9), ("hat", (0, 45, 20, 70), 0.7), (*MASK, 0.55)),
        encoded(("mask", (20, 15, 40, 30), 0.8), ("hat", (0, 0, 9, 9), 0.6)),
        encoded((*HAT, 0.5), ("hat", (30, 0, 50, 20), 0.95)),
    ]
    calibration = Calibration(0.6, -2)
    calibrated = [replace(each, scores=calibration(each.scores).astype(np.float32)) for each in raw]
    assert not np.allclose(calibrated[0].scores, raw[0].scores)
    before, after = average_precision(photos, raw).metrics, average_precision(photos, calibrated).metrics
    assert 0 < before["mask_ap50"] < 1
    assert before == pytest.approx(after, abs=0, nan_ok=True)


def test_a_perfect_score_stays_finite() -> None:
    values = Calibration(1.3, -2)(np.array([0, 1e-9, 0.5, 1 - 1e-9, 1], np.float64))
    assert (np.diff(values) >= 0).all()
    assert ((values > 0) & (values < 1)).all()
