"""Colour splash: detected objects in colour, everything else in grey."""

import numpy as np
from skimage.color import rgb2gray
from skimage.util import img_as_ubyte

ROWS_AT_ONCE = 256
"""Number of rows that are converted to grey at once: the conversion needs 32 bytes for each pixel."""


def splash(image: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Keep the colour of `image` inside the masks, and convert the rest to grey.

    Args:
        image: uint8 (H, W, 3), RGB.
        masks: bool (N, H, W); without masks the whole image becomes grey.

    Returns:
        uint8 (H, W, 3).
    """
    out = np.empty_like(image)
    for top in range(0, len(image), ROWS_AT_ONCE):
        rows = image[top : top + ROWS_AT_ONCE]
        found = np.any(masks[:, top : top + ROWS_AT_ONCE], axis=0)
        out[top : top + ROWS_AT_ONCE] = np.where(found[..., None], rows, img_as_ubyte(rgb2gray(rows))[..., None])
    return out
