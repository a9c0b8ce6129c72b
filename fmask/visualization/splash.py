"""Colour splash: the found objects in colour, all else grey."""

import numpy as np
from skimage.color import rgb2gray
from skimage.util import img_as_ubyte


def splash(image: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Keep the colour of `image` where any mask is, and turn the rest grey.

    image: (H, W, 3) uint8 RGB; masks: (N, H, W) bool, N may be 0 (then all is grey). Returns (H, W, 3) uint8.
    """
    grey = img_as_ubyte(rgb2gray(image))
    found = np.any(masks, axis=0, keepdims=True)
    return np.where(found.transpose(1, 2, 0), image, grey[..., None])
