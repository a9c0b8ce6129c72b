"""What the network found in one photo."""

from dataclasses import dataclass

import numpy as np

CLASS_NAMES: tuple[str, ...] = ("mask", "hat")
"""What is looked for; a class id is 1 + the position here, and 0 is the background."""


@dataclass(frozen=True)
class Detections:
    """Instances found in one photo, in that photo's pixels, best score first.

    N instances in a photo of H x W pixels.
    """

    boxes: np.ndarray
    """(N, 4) float32: y1, x1, y2, x2 with exclusive ends."""
    class_ids: np.ndarray
    """(N,) int64 in 1..K; 0, the background, never appears."""
    scores: np.ndarray
    """(N,) float32 in [0, 1], descending."""
    masks: np.ndarray
    """(N, H, W) bool."""

    def __len__(self) -> int:
        return len(self.scores)

    def at_least(self, min_confidence: float) -> "Detections":
        """Keep the instances whose score is `min_confidence` or more; their masks are shared, not copied."""
        first = slice(np.count_nonzero(self.scores >= min_confidence))
        return Detections(self.boxes[first], self.class_ids[first], self.scores[first], self.masks[first])
