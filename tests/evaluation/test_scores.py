"""The scores of a model: outcomes and average precision."""

import json

from fmask.evaluation.scores import compute_scores
from tests.helpers.scenes import encoded, photo

MASK, HAT = ("mask", (20, 10, 40, 30)), ("hat", (0, 40, 20, 70))


def test_outcomes_use_the_confident_detections_and_precision_uses_all() -> None:
    metrics = compute_scores([photo(MASK, HAT)], [encoded((*MASK, 0.95), (*HAT, 0.6))], [0.9])[0.9].metrics()
    assert (metrics["found"], metrics["missed"], metrics["accuracy"]) == (1, 1, 0.5)
    assert metrics["mask_ap50_hat"] == 1
    assert metrics["accuracy_low"] < 0.5 < metrics["accuracy_high"]


def test_a_detection_at_the_confidence_counts() -> None:
    scores = compute_scores([photo(MASK)], [encoded((*MASK, 0.5))], [0.5])[0.5]
    assert scores.metrics()["found"] == 1


def test_undefined_numbers_are_left_out() -> None:
    metrics = compute_scores([photo(MASK)], [encoded()], [0.9])[0.9].metrics()
    assert "precision" not in metrics  # nothing is claimed
    assert "mask_ap_hat" not in metrics  # no hat in the photo
    assert metrics["recall"] == 0
    assert all(value == value for value in metrics.values())


def test_json_contains_the_matrices_and_every_object() -> None:
    found = encoded((*MASK, 0.95), ("hat", (50, 0, 60, 10), 0.92))
    scores = compute_scores([photo(MASK, HAT)], [found], [0.9])[0.9]
    document = json.loads(json.dumps(scores.to_json(), allow_nan=False))
    assert document["table"]["counts"] == [[1, 1], [0, 0]]
    assert document["class_matrix"]["counts"] == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    assert [record["outcome"] for record in document["objects"]] == ["found", "missed"]
    assert [record["class_id"] for record in document["spurious"]] == [2]


def test_the_precision_of_all_detections_counts_spurious_ones_and_further_claims() -> None:
    found = encoded((*MASK, 0.95), (*HAT, 0.94), ("mask", HAT[1], 0.93), ("hat", (50, 0, 60, 10), 0.92))
    metrics = compute_scores([photo(MASK, HAT)], [found], [0.9])[0.9].metrics()
    assert (metrics["found"], metrics["found_wrongly"], metrics["spurious"]) == (1, 1, 1)
    assert (metrics["precision"], metrics["precision_all"]) == (1 / 2, 1 / 4)
    assert metrics["precision_all_low"] < 1 / 4 < metrics["precision_all_high"]
