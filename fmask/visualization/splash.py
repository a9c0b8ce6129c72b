"""Colour splash: detected objects in colour, everything else in grey."""

import numpy as np
from skimage.color import rgb2gray
from skimage.util import img_as_ubyte


def splash(image: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Keep the colour of `image` inside the masks, and convert the rest to grey.

    Args:
        image: uint8 (H, W, 3), RGB.
        masks: bool (N, H, W); without masks the whole image becomes grey.

    Returns:
        uint8 (H, W, 3).
    """
    grey = img_as_ubyte(rgb2gray(image))
    found = np.any(masks, axis=0, keepdims=True)
    return np.where(found.transpose(1, 2, 0), image, grey[..., None])
