"""Anchors: the boxes that the region proposal network starts from (Faster R-CNN, Ren 2015, section 3.1.1)."""

from collections.abc import Sequence

import numpy as np

STRIDES = (4, 8, 16, 32, 64)
"""Pixels between neighbouring cells of P2..P6."""


def pyramid_anchors(
    size: int, scales: Sequence[float], ratios: Sequence[float], offset: float, strides: Sequence[int] = STRIDES
) -> np.ndarray:
    """Anchors of a square image: (A, 4) float64 pixel boxes in order of level, row, column, ratio.

    Args:
        size: side of the image in pixels, a multiple of 32.
        scales: one side length in pixels for each level (the side of the square anchor).
        ratios: widths over heights; the area of an anchor is its scale squared whatever the ratio.
        offset: where in its cell an anchor's centre lies: 0 on the cell's corner, as in the reference, or 0.5.
    """
    levels = []
    for scale, stride in zip(scales, strides, strict=True):
        heights = scale / np.sqrt(np.asarray(ratios, np.float64))
        widths = scale * np.sqrt(np.asarray(ratios, np.float64))
        centres = (np.arange(-(-size // stride)) + offset) * stride
        y, x = np.meshgrid(centres, centres, indexing="ij")
        y, x = y[..., None], x[..., None]
        boxes = np.stack([y - heights / 2, x - widths / 2, y + heights / 2, x + widths / 2], axis=-1)
        levels.append(boxes.reshape(-1, 4))
    return np.concatenate(levels)
