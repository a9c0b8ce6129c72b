"""The network's frame, a square of S x S pixels: photos of any size into it, detections back out of it.

NumPy alone, so that an exported network needs no Keras. H x W is the photo's size. Inside the network boxes are
*normalised*: y / (H - 1) and x / (W - 1) after 1 is taken from y2 and x2, so that the first and the last pixel centre
of the image are 0 and 1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fmask.structures.detections import Detections
from fmask.utils.errors import UserError
from fmask.utils.resize import resize

ROWS_AT_ONCE = 256
"""Of a photo, when a mask is drawn into it."""


@dataclass(frozen=True)
class Letterboxed:
    """A photo brought to the network's frame."""

    image: np.ndarray
    """float32 (S, S, 3), RGB in 0..255, zero where there is no photo."""
    window: np.ndarray
    """(4,) pixels y1, x1, y2, x2 of the part that is photo."""


def normalise(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixel boxes (..., 4) with exclusive ends to normalised float32 boxes."""
    scale = np.array([height - 1, width - 1, height - 1, width - 1], np.float32)
    return ((boxes - np.array([0, 0, 1, 1])) / scale).astype(np.float32)


def denormalise(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Normalised boxes (..., 4) to float32 pixel boxes with exclusive ends; the inverse of `normalise`."""
    scale = np.array([height - 1, width - 1, height - 1, width - 1], np.float32)
    return (boxes * scale + np.array([0, 0, 1, 1])).astype(np.float32)


def predict_in_batches(
    images: Sequence[np.ndarray],
    size: int,
    antialias: bool,
    batch_size: int,
    network: Callable[[dict[str, np.ndarray]], Mapping[str, Any]],
    max_mask_pixels: int | None = None,
) -> list[Detections]:
    """Finds the instances in photos, each uint8 (H, W, 3), RGB, of its own size, `batch_size` of them at a time.

    `network` takes and returns what `MaskRCNN.call` does, always in the same shapes, so that it is traced once.

    Raises:
        UserError: the masks found in one photo have more than `max_mask_pixels` pixels together.
    """
    found: list[Detections] = []
    for start in range(0, len(images), batch_size):
        part = images[start : start + batch_size]
        letterboxed = [letterbox(image, size, antialias) for image in part]
        padded = letterboxed + [letterboxed[-1]] * (batch_size - len(letterboxed))
        result = network(
            {
                "image": np.stack([one.image for one in padded]),
                "window": np.stack([normalise(one.window, size, size) for one in padded]),
            }
        )
        for index, (image, one) in enumerate(zip(part, letterboxed, strict=True)):
            boxes, class_ids, scores, masks = (
                np.asarray(result[key][index]) for key in ("boxes", "class_ids", "scores", "masks")
            )
            height, width = image.shape[:2]
            found.append(postprocess(boxes, class_ids, scores, masks, one, height, width, max_mask_pixels))
    return found


def letterbox(image: np.ndarray, size: int, antialias: bool) -> Letterboxed:
    """Scales a photo, uint8 (H, W, 3), so that its longer side is `size`, and centres it in a square of zeros.

    `antialias` is that of `fmask.utils.resize`.
    """
    height, width = image.shape[:2]
    scale = size / max(height, width)
    new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    square = np.zeros((size, size, 3), np.float32)
    top, left = (size - new_height) // 2, (size - new_width) // 2
    square[top : top + new_height, left : left + new_width] = resize(image, new_height, new_width, antialias)
    return Letterboxed(square, np.array([top, left, top + new_height, left + new_width], np.float32))


def postprocess(
    boxes: np.ndarray,
    class_ids: np.ndarray,
    scores: np.ndarray,
    masks: np.ndarray,
    frame: Letterboxed,
    height: int,
    width: int,
    max_mask_pixels: int | None = None,
) -> Detections:
    """What `MaskRCNN.call` says of one image, in pixels of the photo of `height` x `width` that it was made from.

    Args: boxes (D, 4) normalised, class_ids (D,), scores (D,), masks (D, M, M) in [0, 1]; rows of class 0 are none.

    Raises:
        UserError: the masks have more than `max_mask_pixels` pixels together.
    """
    size = frame.image.shape[0]
    window = normalise(frame.window, size, size)
    extent = np.maximum(window[2:] - window[:2], 1e-7)  # 0 where a very wide photo is one pixel high
    relative = (boxes - np.tile(window[:2], 2)) / np.tile(extent, 2)
    pixels = np.rint(denormalise(relative, height, width)).astype(np.int64)
    sides = pixels[:, 2:] - pixels[:, :2]
    kept = np.flatnonzero((class_ids > 0) & (sides > 0).all(axis=1))
    if max_mask_pixels is not None and len(kept) * height * width > max_mask_pixels:
        raise UserError(
            f"{len(kept)} masks of {width} x {height} pixels are more than {max_mask_pixels / 1e6:.0f} megapixels."
        )
    full = np.zeros((len(kept), height, width), bool)
    for target, index in zip(full, kept, strict=True):
        _paste(target, masks[index], pixels[index])
    return Detections(pixels[kept].astype(np.float32), class_ids[kept].astype(np.int64), scores[kept], full)


def _paste(target: np.ndarray, mask: np.ndarray, box: np.ndarray) -> None:
    """Draws a mask (M, M) of probabilities into its box of `target` (H, W) where it is one half or more."""
    height, width = target.shape
    y1, x1, y2, x2 = (int(value) for value in box)
    rows, columns = _stretch(y2 - y1, mask.shape[0]), _stretch(x2 - x1, mask.shape[1])
    rows, columns = rows[max(0, -y1) : max(0, height - y1)], columns[max(0, -x1) : max(0, width - x1)]
    seen = target[max(y1, 0) : max(y1, 0) + len(rows), max(x1, 0) : max(x1, 0) + len(columns)]
    for top in range(0, len(rows), ROWS_AT_ONCE):  # a large photo's pixels as numbers are eight times the photo
        seen[top : top + ROWS_AT_ONCE] = rows[top : top + ROWS_AT_ONCE] @ mask @ columns.T >= 0.5


def _stretch(length: int, cells: int) -> np.ndarray:
    """Bilinear interpolation (length, cells) of `cells` values to `length`, half-pixel centres, zero outside."""
    points = (np.arange(length) + 0.5) * cells / length - 0.5
    return np.maximum(1 - np.abs(points[:, None] - np.arange(cells)), 0)
