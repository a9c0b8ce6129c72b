"""Average precision, compared with values calculated by hand."""

import numpy as np
import pytest

from fmask.evaluation.average_precision import average_precision
from tests.helpers.scenes import detections, encoded, photo

MASK, HAT = ("mask", (20, 10, 40, 30)), ("hat", (0, 40, 20, 70))


def test_perfect_detections_score_one() -> None:
    scores = average_precision([photo(MASK, HAT)], [encoded((*MASK, 0.9), (*HAT, 0.8))])
    assert len(scores.metrics) == 18
    assert set(scores.metrics.values()) == {1.0}
    assert all((precision == 1).all() for precision in scores.precision.values())


def test_nothing_detected_scores_zero() -> None:
    scores = average_precision([photo(MASK, HAT)], [encoded()])
    assert set(scores.metrics.values()) == {0.0}


def test_a_shifted_box_counts_up_to_its_iou() -> None:
    shifted = encoded(("mask", (20, 13, 40, 33), 0.9))  # 17 of 23 columns shared: IoU 0.739, so 0.50 ... 0.70 hold
    metrics = average_precision([photo(MASK)], [shifted]).metrics
    for name in ("box", "mask"):
        assert metrics[f"{name}_ap50"] == 1
        assert metrics[f"{name}_ap75"] == 0
        assert metrics[f"{name}_ap"] == pytest.approx(5 / 10)


def test_box_and_mask_are_scored_separately() -> None:
    found = detections((*MASK, 0.9))
    found.masks[0, 20:32] = False  # two fifths of the mask left, the box untouched
    metrics = average_precision([photo(MASK)], [found.encode()]).metrics
    assert metrics["box_ap"] == 1
    assert metrics["mask_ap"] == 0


def test_a_missed_object_halves_recall() -> None:
    scenes = [photo(MASK), photo(MASK)]
    scores = average_precision(scenes, [encoded((*MASK, 0.9)), encoded()])
    # Precision 1 up to recall 0.5, the first 51 of 101 points, and 0 beyond.
    assert scores.metrics["mask_ap50"] == pytest.approx(51 / 101)
    np.testing.assert_allclose(scores.precision["mask"], scores.recall <= 0.5)


def test_a_spurious_detection_counts_only_above_the_right_one() -> None:
    spurious = (50, 0, 60, 10)
    below = encoded((*MASK, 0.9), ("mask", spurious, 0.8))
    above = encoded(("mask", spurious, 0.95), (*MASK, 0.9))
    assert average_precision([photo(MASK)], [below]).metrics["mask_ap"] == 1
    assert average_precision([photo(MASK)], [above]).metrics["mask_ap"] == pytest.approx(1 / 2)


def test_classes_are_averaged_and_undefined_without_objects() -> None:
    both = average_precision([photo(MASK, HAT)], [encoded((*MASK, 0.9))]).metrics
    assert (both["mask_ap_mask"], both["mask_ap_hat"], both["mask_ap"]) == (1.0, 0.0, 0.5)
    scores = average_precision([photo(MASK)], [encoded((*MASK, 0.9), (*HAT, 0.8))])
    assert np.isnan(scores.metrics["mask_ap50_hat"])
    assert scores.metrics["mask_ap"] == 1
    assert set(scores.precision) == {"mask"}


def test_at_most_100_detections_of_a_class_count_in_a_photo() -> None:
    def ap50(count: int, label: str) -> float:
        """Return AP50 of the object's detection after `count` detections of a class that are wrong."""
        found = encoded(*[(label, (50, 0, 60, 10), 0.9)] * count, (*MASK, 0.5))
        return average_precision([photo(MASK)], [found]).metrics["mask_ap50"]

    assert ap50(99, "mask") == pytest.approx(1 / 100)
    assert ap50(100, "mask") == 0
    assert ap50(100, "hat") == 1


def test_detections_on_ignored_regions_do_not_count() -> None:
    scene = photo(MASK, HAT, (None, (40, 40, 60, 60)), ignored=(1,))
    found = encoded(("hat", HAT[1], 0.99), ("mask", (40, 40, 60, 60), 0.98), (*MASK, 0.9))
    metrics = average_precision([scene], [found]).metrics
    assert metrics["mask_ap"] == metrics["box_ap"] == 1
    assert np.isnan(metrics["mask_ap_hat"])


def test_no_objects_at_all_is_undefined() -> None:
    assert all(np.isnan(value) for value in average_precision([], []).metrics.values())
    assert all(np.isnan(value) for value in average_precision([photo()], [encoded((*MASK, 0.9))]).metrics.values())


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    average_precision([photo(MASK, HAT)], [encoded((*MASK, 0.9))])
    assert capfd.readouterr() == ("", "")


def test_different_numbers_of_photos_and_detections_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        average_precision([photo(MASK)], [])
