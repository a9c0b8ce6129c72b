"""Small random changes of view and colour, which training from random weights needs and the study did not use."""

from collections.abc import Sequence

import cv2
import numpy as np

from fmask.data.config import Jitter

LUMA = (0.299, 0.587, 0.114)
RECOLOURED = (0.4, 1.1)
"""Range of the factors by which a dye changes the channels."""


def random_view(
    jitter: Jitter, shape: tuple[int, int], crop_size: int, image_size: int, boxes: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw a random view of a photo of `shape` (H, W).

    Before the zoom, the photo's longer side is `image_size` pixels. Where that exceeds `crop_size`, the view is a crop.
    With probability `jitter.focus` the crop shows one of the photo's `boxes` (n, 4: y1, x1, y2, x2), drawn at random.

    Returns:
        The affine map (2, 3) from the photo's pixels (x, y) to those of the square crop of side `crop_size`.
    """
    height, width = shape
    scale = np.exp(rng.uniform(-1, 1) * np.log1p(jitter.scale)) * image_size / max(height, width)
    angle = np.deg2rad(rng.uniform(-1, 1) * jitter.rotate)
    mirror = -1.0 if rng.uniform() < jitter.flip else 1.0
    linear = (
        scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([mirror, 1.0])
    )
    # Pixel centres are whole numbers, so that the middle of n pixels is (n - 1) / 2.
    middle = linear @ (np.array([width, height]) / 2 - 0.5)
    extent = scale * np.array([width, height]) / 2
    if not jitter.scale and (2 * extent <= crop_size + 1).all():
        # On whole pixels, as detection places it: no half pixel's blur where the photo has the right size already.
        return np.column_stack([linear, np.floor(crop_size / 2 - extent) + extent - 0.5 - middle])
    # The photo's corner lies between these; the first pair shows all of a small photo, or only photo of a large one.
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
    """Changes the colours of a uint8 image (H, W, 3) and dyes its `objects`, each the points (n, 2) of an outline.

    Black padding stays black.
    """
    if not (jitter.colour or jitter.hue or jitter.grey or jitter.recolour):
        return image
    changed = image.copy()
    for outline in objects:
        if rng.uniform() < jitter.recolour:
            inside = np.zeros(image.shape[:2], np.uint8)
            cv2.fillPoly(inside, [np.rint(outline).astype(np.int32)], 1)
            dyed = cv2.transform(changed, np.diag(rng.uniform(*RECOLOURED, 3)) @ _turn(rng.uniform(-180, 180)))
            np.copyto(changed, dyed, where=inside[..., None] == 1)
    bright, contrast, saturation, *channels = 1 + rng.uniform(-1, 1, 6) * jitter.colour
    if rng.uniform() < jitter.grey:
        saturation = 0.0
    # All are linear in the three channels: one 3 x 4 matrix, one pass.
    matrix = saturation * np.eye(3) + (1 - saturation) * np.tile(LUMA, (3, 1))
    matrix = np.diag((1 + np.array(channels)) / 2) @ matrix @ _turn(rng.uniform(-1, 1) * jitter.hue) * bright * contrast
    middle = 128 * (1 - contrast) * bright
    changed = cv2.transform(changed, np.column_stack([matrix, np.full(3, middle)]))
    changed[~image.any(axis=-1)] = 0
    return changed


def _turn(degrees: float) -> np.ndarray:
    """The (3, 3) map that turns colours about the grey axis and leaves greys as they are."""
    rotation, _ = cv2.Rodrigues(np.full(3, np.deg2rad(degrees) / np.sqrt(3)))
    return rotation
