"""Random views and colour changes. Training from random weights needs them; the study did not use them."""

from collections.abc import Sequence

import cv2
import numpy as np

from fmask.data.config import Jitter

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the brightness of a colour (ITU-R BT.601)."""
RECOLOUR_FACTORS = (0.4, 1.1)
"""Range of the factors by which recolouring an object multiplies the channels."""


def random_view(
    jitter: Jitter, shape: tuple[int, int], crop_size: int, image_size: int, boxes: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw a random view of a photo: zoom, rotation, flip and position.

    If the zoomed photo is larger than the crop, the crop shows a part of it. With probability `jitter.focus`, that part
    contains one of the boxes, chosen at random.

    Args:
        jitter: ranges of the random changes.
        shape: height and width of the photo.
        crop_size: side of the square crop in pixels.
        image_size: longer side of the photo in pixels before zooming.
        boxes: (n, 4) y1, x1, y2, x2 of the photo's objects, in its pixels.
        rng: source of all random draws.

    Returns:
        The affine map (2, 3) from the photo's pixels (x, y) to those of the crop.
    """
    height, width = shape
    scale = np.exp(rng.uniform(-1, 1) * np.log1p(jitter.scale)) * image_size / max(height, width)
    angle = np.deg2rad(rng.uniform(-1, 1) * jitter.rotate)
    mirror = -1.0 if rng.uniform() < jitter.flip else 1.0
    linear = (
        scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([mirror, 1.0])
    )
    # Pixel centres are whole numbers, so the middle of n pixels is (n - 1) / 2.
    middle = linear @ (np.array([width, height]) / 2 - 0.5)
    extent = scale * np.array([width, height]) / 2
    if not jitter.scale and (2 * extent <= crop_size + 1).all():
        # At whole pixels, as in detection: a photo that already has the right size is not blurred by half a pixel.
        return np.column_stack([linear, np.floor(crop_size / 2 - extent) + extent - 0.5 - middle])
    # Range of the photo's corner. A photo smaller than the crop stays in view; a larger one fills the crop.
    low, high = np.sort([np.zeros(2), crop_size - 2 * extent], axis=0)
    if len(boxes) and rng.uniform() < jitter.focus:
        y1, x1, y2, x2 = boxes[rng.integers(len(boxes))]
        corners = (np.array([[x1, y1], [x2, y1], [x1, y2], [x2, y2]]) - 0.5) @ linear.T - (middle - extent)
        first, last = corners.min(axis=0), corners.max(axis=0)
        fits = last - first <= crop_size
        low = np.where(fits, np.clip(-first, low, high), low)
        high = np.where(fits, np.clip(crop_size - last, low, high), high)
    corner = rng.uniform(low, high)
    return np.column_stack([linear, corner + extent - 0.5 - middle])


def change_colours(
    jitter: Jitter, image: np.ndarray, objects: Sequence[np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Randomly change the colours of an image and of single objects in it. Black padding stays black.

    Args:
        jitter: ranges of the random changes.
        image: uint8 (H, W, 3), not modified.
        objects: outlines (n, 2), x and y in pixels, of the objects that may be recoloured.
        rng: source of all random draws.

    Returns:
        The changed image, or `image` itself if `jitter` changes no colours.
    """
    if not (jitter.colour or jitter.hue or jitter.grey or jitter.recolour):
        return image
    changed = image.copy()
    for outline in objects:
        if rng.uniform() < jitter.recolour:
            inside = np.zeros(image.shape[:2], np.uint8)
            cv2.fillPoly(inside, [np.rint(outline).astype(np.int32)], 1)
            recoloured = cv2.transform(
                changed, np.diag(rng.uniform(*RECOLOUR_FACTORS, 3)) @ _rotate_hue(rng.uniform(-180, 180))
            )
            np.copyto(changed, recoloured, where=inside[..., None] == 1)
    bright, contrast, saturation, *channels = 1 + rng.uniform(-1, 1, 6) * jitter.colour
    if rng.uniform() < jitter.grey:
        saturation = 0.0
    # All changes are linear in the three channels, so a single 3 x 4 matrix applies them in one pass.
    matrix = saturation * np.eye(3) + (1 - saturation) * np.tile(LUMA, (3, 1))
    matrix = (
        np.diag((1 + np.array(channels)) / 2)
        @ matrix
        @ _rotate_hue(rng.uniform(-1, 1) * jitter.hue)
        * bright
        * contrast
    )
    middle = 128 * (1 - contrast) * bright
    changed = cv2.transform(changed, np.column_stack([matrix, np.full(3, middle)]))
    changed[~image.any(axis=-1)] = 0
    return changed


def _rotate_hue(degrees: float) -> np.ndarray:
    """Return the matrix (3, 3) that rotates colours about the grey axis and leaves greys unchanged."""
    rotation, _ = cv2.Rodrigues(np.full(3, np.deg2rad(degrees) / np.sqrt(3)))
    return rotation
