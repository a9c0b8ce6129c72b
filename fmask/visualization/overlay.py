"""A photo with detections drawn over it: tinted masks, boxes and labels."""

from collections.abc import Sequence

import numpy as np

from fmask.visualization.boxes import Mark, draw_marks
from fmask.visualization.palette import class_colour

TINT = 0.45
"""Share of the class's colour in a mask's pixels."""


def overlay(image: np.ndarray, masks: np.ndarray, class_ids: np.ndarray, marks: Sequence[Mark]) -> np.ndarray:
    """Draw masks and marks over a photo.

    Args:
        image: uint8 (H, W, 3), RGB.
        masks: bool (N, H, W).
        class_ids: (N,), from 1.
        marks: boxes and labels.

    Returns:
        A new picture, uint8 (H, W, 3).
    """
    tinted = image.astype(np.float32)
    for mask, class_id in zip(masks, class_ids, strict=True):
        colour = np.array(_rgb(class_colour(int(class_id))), np.float32)
        tinted[mask] = (1 - TINT) * tinted[mask] + TINT * colour
    return draw_marks(np.rint(tinted).astype(np.uint8), marks)


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[start : start + 2], 16) for start in (1, 3, 5))
