"""Outlines of masks on images."""

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import ImageColor

_LINE_WIDTH = 1 / 200
"""Width of an outline, as a share of the image's longer side."""
_MIN_WIDTH = 2
"""Smallest visible width in pixels."""


def draw_outlines(image: np.ndarray, masks: np.ndarray, colours: Sequence[str]) -> np.ndarray:
    """Draw the borders of masks, including those of their holes, on a copy of an image.

    Args:
        image: uint8 (H, W, 3), RGB.
        masks: bool (N, H, W).
        colours: the colour of each mask in Pillow's notation, such as `#0072B2`.

    Returns:
        uint8 (H, W, 3).
    """
    out = image.copy()
    width = max(_MIN_WIDTH, round(_LINE_WIDTH * max(image.shape[:2])))
    for mask, colour in zip(masks, colours, strict=True):
        borders, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(out, borders, -1, ImageColor.getrgb(colour), width)
    return out
