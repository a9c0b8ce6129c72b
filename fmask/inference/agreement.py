"""Comparison of two computations of one network, such as Keras and ONNX Runtime, by their raw outputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

MAX_BOX, MAX_SCORE, MAX_MASK = 0.5, 0.01, 0.02
"""Largest differences of an exported network: pixels of the network's input; score; probability of a mask's cell."""
CERTAIN = 0.5
"""Score from which each detection of one computation must also be one of the other.

The least certain detections of a network can change with the last bit of a number, as those that overlap compete."""


@dataclass(frozen=True)
class Agreement:
    """The largest differences between two computations, over all detections that both have."""

    photos: int
    detections: int
    """Number of detections that both have."""
    box: float = 0.0
    """Pixels of the network's input."""
    score: float = 0.0
    mask: float = 0.0
    """Probability of a cell of a mask."""
    lost: int = 0
    """Detections of at least `CERTAIN` that only one computation has."""

    @property
    def holds(self) -> bool:
        """Whether the networks detect the same."""
        return not self.lost and self.box <= MAX_BOX and self.score <= MAX_SCORE and self.mask <= MAX_MASK


def compare(found: Mapping[str, Any], expected: Mapping[str, Any], size: int) -> Agreement:
    """Compare two outputs of `MaskRCNN.call` for the same images.

    A detection is that of the other computation with the same class and the nearest box, if it is within `MAX_BOX`.

    Args:
        found: the first output.
        expected: the second output.
        size: side of the network's input in pixels.
    """
    boxes, classes, scores, masks = (
        [np.asarray(output[key]) for output in (found, expected)] for key in ("boxes", "class_ids", "scores", "masks")
    )
    count, lost, worst = 0, 0, np.zeros(3)
    for photo in range(len(boxes[0])):
        rows, columns = (np.flatnonzero(classes[side][photo] > 0) for side in (0, 1))
        distance = np.abs(boxes[0][photo][rows][:, None] - boxes[1][photo][columns]).max(axis=2) * (size - 1)
        distance[classes[0][photo][rows][:, None] != classes[1][photo][columns]] = np.inf
        near = np.full(len(columns), -1)
        for column in range(len(columns)):
            if len(rows) and distance[:, column].min() <= MAX_BOX:
                near[column] = distance[:, column].argmin()
                distance[near[column]] = np.where(
                    np.arange(len(columns)) == column, distance[near[column]], np.inf
                )  # each detection belongs to one other
        taken = near >= 0
        first, second = rows[near[taken]], columns[taken]
        count += len(first)
        lost += int((scores[1][photo][columns[~taken]] >= CERTAIN).sum())
        lost += int((scores[0][photo][np.setdiff1d(rows, first)] >= CERTAIN).sum())
        if len(first):
            differences = [
                distance[near[taken], np.flatnonzero(taken)].max(),
                np.abs(scores[0][photo][first] - scores[1][photo][second]).max(),
                np.abs(masks[0][photo][first] - masks[1][photo][second]).max(),
            ]
            worst = np.maximum(worst, differences)
    box, score, mask = map(float, worst)
    return Agreement(len(boxes[0]), count, box, score, mask, lost)
