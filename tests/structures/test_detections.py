"""Detections of one photo."""

import numpy as np

from fmask.structures.detections import Detections


def detections(count: int) -> Detections:
    scores = np.linspace(0.9, 0.1, count, dtype=np.float32)
    masks = np.zeros((count, 8, 8), dtype=bool)
    return Detections(np.zeros((count, 4), np.float32), np.arange(count) % 2 + 1, scores, masks, ("mask", "hat"))


def test_an_interactive_session_shows_classes_and_scores() -> None:
    assert repr(detections(2)) == "Detections(mask 0.90, hat 0.10)"
    assert repr(detections(0)) == "Detections(none)"
    assert repr(detections(12)).endswith("hat 0.25, and 2 more)")
