"""The appearance of a colour splash."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from fmask.structures.detections import Detections
from fmask.visualization.boxes import Mark, draw_marks
from fmask.visualization.outlines import draw_outlines
from fmask.visualization.palette import class_colour
from fmask.visualization.splash import splash


@dataclass(frozen=True)
class SplashStyle:
    """Which objects keep their colour, and what is drawn on them."""

    classes: Collection[str] | None = None
    """The classes to show; None for all."""
    boxes: bool = False
    """Whether to draw the bounding boxes."""
    labels: bool = False
    """Whether to write the class and the score in [0, 1]."""
    outline: bool = False
    """Whether to draw the outlines of the objects: white objects look the same in grey and in colour."""

    def draw(self, image: np.ndarray, found: Detections) -> np.ndarray:
        """Return the picture, (H, W, 3) uint8 RGB, grey except for the detections of `classes`."""
        kept = [n for n, label in enumerate(found.labels) if self.classes is None or label in self.classes]
        out = splash(image, found.masks[kept])
        if self.outline:
            colours = [class_colour(int(class_id)) for class_id in found.class_ids[kept]]
            out = draw_outlines(out, found.masks[kept], colours)
        if self.boxes or self.labels:
            out = draw_marks(out, [self._mark(found, n) for n in kept])
        return out

    def _mark(self, found: Detections, n: int) -> Mark:
        y1, x1, y2, x2 = found.boxes[n].tolist()
        text = f"{found.labels[n]} {found.scores[n]:.2f}" if self.labels else ""
        return Mark((y1, x1, y2, x2), class_colour(int(found.class_ids[n])), text, self.boxes)
