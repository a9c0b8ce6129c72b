"""The appearance of a colour splash."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from fmask.structures.detections import CLASS_NAMES, Detections
from fmask.visualization.boxes import Mark, draw_marks
from fmask.visualization.outlines import draw_outlines
from fmask.visualization.palette import CLASS_COLOURS
from fmask.visualization.splash import splash


@dataclass(frozen=True)
class SplashStyle:
    """Which objects keep their colour, and what is drawn on them."""

    classes: Collection[str] = CLASS_NAMES
    boxes: bool = False
    """Whether to draw the bounding boxes."""
    labels: bool = False
    """Whether to write the class and the score in [0, 1]."""
    outline: bool = False
    """Whether to draw the outlines of the objects: white masks and hats look the same in grey and in colour."""

    def draw(self, image: np.ndarray, found: Detections) -> np.ndarray:
        """Return the picture, (H, W, 3) uint8 RGB, grey except for the detections of `classes`."""
        kept = [n for n, class_id in enumerate(found.class_ids) if CLASS_NAMES[class_id - 1] in self.classes]
        out = splash(image, found.masks[kept])
        if self.outline:
            colours = [CLASS_COLOURS[class_id - 1] for class_id in found.class_ids[kept]]
            out = draw_outlines(out, found.masks[kept], colours)
        if self.boxes or self.labels:
            out = draw_marks(out, [self._mark(found, n) for n in kept])
        return out

    def _mark(self, found: Detections, n: int) -> Mark:
        kind = found.class_ids[n] - 1
        y1, x1, y2, x2 = found.boxes[n].tolist()
        text = f"{CLASS_NAMES[kind]} {found.scores[n]:.2f}" if self.labels else ""
        return Mark((y1, x1, y2, x2), CLASS_COLOURS[kind], text, self.boxes)
