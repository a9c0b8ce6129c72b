"""Anchor boxes of the region proposal network (Faster R-CNN, Ren 2015, section 3.1.1)."""

from collections.abc import Sequence

import numpy as np

STRIDES = (4, 8, 16, 32, 64)
"""Strides in pixels of the pyramid levels P2 to P6."""


def pyramid_anchors(
    size: int, scales: Sequence[float], ratios: Sequence[float], offset: float, strides: Sequence[int] = STRIDES
) -> np.ndarray:
    """Return the anchors of a square image.

    Args:
        size: side of the image in pixels, a multiple of 32.
        scales: side in pixels of the square anchor, one for each level.
        ratios: width divided by height. The area of an anchor is its scale squared, whatever its ratio.
        offset: position of an anchor's centre in its cell: 0 is the corner (reference), 0.5 the middle.
        strides: stride in pixels of each level.

    Returns:
        (A, 4) float64 boxes in pixels, ordered by level, row, column and ratio.
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
