"""Resizing of photos."""

from typing import Any

import cv2
import numpy as np
import skimage.transform


def resize(image: np.ndarray, height: int, width: int, antialias: bool) -> np.ndarray:
    """Resize a photo, uint8 (H, W, 3), to float32 (height, width, 3) in 0..255.

    With `antialias`, shrinking averages pixels. Without it, the photo is sampled bilinearly and truncated to integers,
    as the reference implementation does.
    """
    if antialias:
        if height * width < image.shape[0] * image.shape[1]:
            small = np.empty((height, width, 3), np.float32)
            for channel in range(3):  # one by one: as float32, all channels of 20 megapixels would need 240 MB
                pixels = image[..., channel].astype(np.float32)
                small[..., channel] = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
                del pixels
            return small
        return cv2.resize(image.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    # The same function as in the reference. Other functions round differently, so truncation would differ.
    options: dict[str, Any] = {"order": 1, "mode": "constant", "anti_aliasing": False, "preserve_range": True}
    return np.floor(skimage.transform.resize(image, (height, width), **options)).astype(np.float32)
