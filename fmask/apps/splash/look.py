"""What a splashed picture shows."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from fmask.structures.detections import CLASS_NAMES, Detections
from fmask.visualization.boxes import Mark, draw_marks
from fmask.visualization.palette import CLASS_COLOURS
from fmask.visualization.splash import splash


@dataclass(frozen=True)
class Look:
    """Which objects keep their colour and how they are pointed out."""

    classes: Collection[str] = CLASS_NAMES
    boxes: bool = False
    labels: bool = False
    """Class and score, 0 to 1."""

    def draw(self, image: np.ndarray, found: Detections) -> np.ndarray:
        """The picture, (H, W, 3) uint8 RGB, grey but for what is found in it."""
        kept = [n for n, class_id in enumerate(found.class_ids) if CLASS_NAMES[class_id - 1] in self.classes]
        out = splash(image, found.masks[kept])
        if self.boxes or self.labels:
            out = draw_marks(out, [self._mark(found, n) for n in kept])
        return out

    def _mark(self, found: Detections, n: int) -> Mark:
        kind = found.class_ids[n] - 1
        y1, x1, y2, x2 = found.boxes[n].tolist()
        text = f"{CLASS_NAMES[kind]} {found.scores[n]:.2f}" if self.labels else ""
        return Mark((y1, x1, y2, x2), CLASS_COLOURS[kind], text, self.boxes)
