"""Small random changes of view and colour, which training from random weights needs and the study did not use."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass
class Jitter:
    """Ranges of the changes; all zero leaves every photo as it is."""

    flip: float = 0.0
    """Probability of a left-right flip."""
    scale: float = 0.0
    """Zoom by up to this factor more or less: 0.5 is from 1/1.5 to 1.5, evenly in its logarithm."""
    rotate: float = 0.0
    """Degrees, either way."""
    focus: float = 1.0
    """Probability that a crop is one that shows an object; the others fall anywhere."""
    colour: float = 0.0
    """Share by which brightness, contrast and saturation change, either way."""


def view(
    jitter: Jitter, shape: tuple[int, int], size: int, fit: int, boxes: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """A random view of a photo of `shape` (H, W): the (2, 3) map from its pixels (x, y) to those of a square of `size`.

    The photo's longer side is `fit` pixels but for the zoom. Where that is more than `size` the view is a crop, and one
    that shows one of the photo's `boxes` (n, 4: y1, x1, y2, x2), drawn at random, if it has any and chance (`focus`)
    has it.
    """
    height, width = shape
    scale = np.exp(rng.uniform(-1, 1) * np.log1p(jitter.scale)) * fit / max(height, width)
    angle = np.deg2rad(rng.uniform(-1, 1) * jitter.rotate)
    mirror = -1.0 if rng.uniform() < jitter.flip else 1.0
    linear = (
        scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([mirror, 1.0])
    )
    # Pixel centres are whole numbers, so that the middle of n pixels is (n - 1) / 2.
    middle = linear @ (np.array([width, height]) / 2 - 0.5)
    extent = scale * np.array([width, height]) / 2
    if not jitter.scale and (2 * extent <= size + 1).all():
        return np.column_stack([linear, size / 2 - 0.5 - middle])
    # The photo's corner lies between these; the first pair shows all of a small photo, or only photo of a large one.
    low, high = np.sort([np.zeros(2), size - 2 * extent], axis=0)
    if len(boxes) and rng.uniform() < jitter.focus:
        y1, x1, y2, x2 = boxes[rng.integers(len(boxes))]
        corners = (np.array([[x1, y1], [x2, y1], [x1, y2], [x2, y2]]) - 0.5) @ linear.T - (middle - extent)
        first, last = corners.min(axis=0), corners.max(axis=0)
        fits = last - first <= size
        low = np.where(fits, np.clip(-first, low, high), low)
        high = np.where(fits, np.clip(size - last, low, high), high)
    corner = rng.uniform(low, high)
    return np.column_stack([linear, corner + extent - 0.5 - middle])


def recolour(jitter: Jitter, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Changes brightness, contrast and saturation of a uint8 image (H, W, 3); black padding stays near black."""
    if not jitter.colour:
        return image
    bright, contrast, saturation = 1 + rng.uniform(-1, 1, 3) * jitter.colour
    tint = 1 + rng.uniform(-1, 1, 3) * jitter.colour / 4
    # All four are linear in the three channels: one 3 x 4 matrix, one pass.
    luma = np.array([0.299, 0.587, 0.114])
    matrix = saturation * np.eye(3) + (1 - saturation) * np.tile(luma, (3, 1))
    matrix = np.diag(tint) @ matrix * bright * contrast
    middle = 128 * (1 - contrast) * bright
    changed = cv2.transform(image, np.column_stack([matrix, np.full(3, middle)]))
    changed[~image.any(axis=-1)] = 0
    return changed
