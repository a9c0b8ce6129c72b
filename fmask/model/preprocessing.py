"""Conversion of photos of any size to the network's frame, a square of S x S pixels, and of detections back.

This module uses NumPy only, so that an exported network runs without Keras. H x W is the size of a photo in pixels.
Inside the network boxes are *normalised*: 1 is subtracted from y2 and x2, then y is divided by H - 1 and x by W - 1. So
the centres of the first and the last pixel of an image are at 0 and 1.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from fmask.structures.detections import Detections
from fmask.utils.errors import UserError
from fmask.utils.resize import resize

MULTIPLICATIONS_AT_ONCE = 1 << 18
"""Size of the matrix products by which a mask is drawn. OpenBLAS, which NumPy uses, computes larger ones in several
threads, which takes longer. All rows of a large photo as float64 would also need eight times the mask's memory."""


@dataclass(frozen=True)
class Letterboxed:
    """A photo scaled to the network's frame."""

    image: np.ndarray
    """float32 (S, S, 3), RGB in 0..255; zero in the padding."""
    window: np.ndarray
    """(4,) float32, y1, x1, y2, x2 in pixels: the part that is not padding."""


def normalise(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Convert pixel boxes (..., 4) with exclusive ends to normalised float32 boxes."""
    scale = np.array([height - 1, width - 1, height - 1, width - 1], np.float32)
    return ((boxes - np.array([0, 0, 1, 1])) / scale).astype(np.float32)


def denormalise(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Convert normalised boxes (..., 4) to float32 pixel boxes with exclusive ends: the inverse of `normalise`."""
    scale = np.array([height - 1, width - 1, height - 1, width - 1], np.float32)
    return (boxes * scale + np.array([0, 0, 1, 1])).astype(np.float32)


def predict_in_batches(
    images: Iterable[np.ndarray],
    size: int,
    antialias: bool,
    align_corners: bool,
    batch_size: int,
    network: Callable[[dict[str, np.ndarray]], Mapping[str, Any]],
    classes: Sequence[str],
    max_mask_pixels: int | None = None,
) -> Iterator[Detections]:
    """Yield the detections in each photo, in order.

    If `images` are made one by one, a single photo is in memory at a time: of a batch, only the scaled photos are kept.
    The masks of a photo are drawn when its detections are asked for.

    Args:
        images: the photos, each uint8 (H, W, 3), RGB, of any size.
        size: S.
        antialias: whether shrinking a photo averages its pixels; see `fmask.utils.resize`.
        align_corners: how boxes are scaled to the photo; see `fmask.model.config.Detection`.
        batch_size: number of photos in a call of `network`.
        network: a function with the input and output of `MaskRCNN.call`. It is always called with the same shapes, so
            that it is traced only once.
        classes: the class names of the network.
        max_mask_pixels: the most pixels that all masks of one photo may have together; unlimited by default.

    Raises:
        UserError: the masks of a photo have more than `max_mask_pixels` pixels together.
    """

    def prepare(image: np.ndarray) -> tuple[tuple[int, ...], Letterboxed]:
        return image.shape[:2], letterbox(image, size, antialias)

    coming = map(prepare, images)  # unlike a loop's variable, it does not keep a photo while the next one is made
    while part := list(islice(coming, batch_size)):
        letterboxed = [one for _, one in part]
        padded = letterboxed + [letterboxed[-1]] * (batch_size - len(letterboxed))
        result = network(
            {
                "image": np.stack([one.image for one in padded]),
                "window": np.stack([normalise(one.window, size, size) for one in padded]),
            }
        )
        for index, ((height, width), one) in enumerate(part):
            boxes, class_ids, scores, masks = (
                np.asarray(result[key][index]) for key in ("boxes", "class_ids", "scores", "masks")
            )
            photo_boxes = to_photo(boxes, one, height, width, align_corners)
            yield postprocess(photo_boxes, class_ids, scores, masks, height, width, classes, max_mask_pixels)


def letterbox(image: np.ndarray, size: int, antialias: bool) -> Letterboxed:
    """Scale a photo, uint8 (H, W, 3), so that its longer side is `size`, and centre it in a square of zeros.

    `antialias` is passed to `fmask.utils.resize.resize`.
    """
    height, width = image.shape[:2]
    scale = size / max(height, width)
    new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    square = np.zeros((size, size, 3), np.float32)
    top, left = (size - new_height) // 2, (size - new_width) // 2
    square[top : top + new_height, left : left + new_width] = resize(image, new_height, new_width, antialias)
    return Letterboxed(square, np.array([top, left, top + new_height, left + new_width], np.float32))


def to_photo(boxes: np.ndarray, frame: Letterboxed, height: int, width: int, align_corners: bool) -> np.ndarray:
    """Convert boxes in the network's frame to the photo.

    Args:
        boxes: (D, 4) normalised.
        frame: the letterboxed photo that was the network's input.
        height: H.
        width: W.
        align_corners: True maps the centres of the window's corner pixels to those of the photo's, as the reference
            does. False maps the window's edges to the photo's edges.

    Returns:
        float32 (D, 4), in the photo's pixels with exclusive ends.
    """
    size = frame.image.shape[0]
    if align_corners:
        window = normalise(frame.window, size, size)
        extent = np.maximum(window[2:] - window[:2], 1e-7)  # 0 where a very wide photo is one pixel high
        return denormalise((boxes - np.tile(window[:2], 2)) / np.tile(extent, 2), height, width)
    scale = np.array([height, width]) / (frame.window[2:] - frame.window[:2])
    return ((denormalise(boxes, size, size) - np.tile(frame.window[:2], 2)) * np.tile(scale, 2)).astype(np.float32)


def postprocess(
    boxes: np.ndarray,
    class_ids: np.ndarray,
    scores: np.ndarray,
    masks: np.ndarray,
    height: int,
    width: int,
    classes: Sequence[str],
    max_mask_pixels: int | None = None,
) -> Detections:
    """Round boxes to pixels, and draw the masks of `MaskRCNN.call` on the photo.

    Args:
        boxes: (D, 4) in the photo's pixels, from `to_photo`.
        class_ids: (D,); rows of class 0 are dropped.
        scores: (D,).
        masks: (D, M, M), probabilities in [0, 1].
        height: height of the photo in pixels.
        width: width of the photo in pixels.
        classes: the class names of the network.
        max_mask_pixels: the most pixels that all masks may have together; unlimited by default.

    Raises:
        UserError: the masks have more than `max_mask_pixels` pixels together.
    """
    pixels = np.rint(boxes).astype(np.int64)
    sides = pixels[:, 2:] - pixels[:, :2]
    kept = np.flatnonzero((class_ids > 0) & (sides > 0).all(axis=1))
    if max_mask_pixels is not None and len(kept) * height * width > max_mask_pixels:
        limit = f"{max_mask_pixels / 1e6:.0f} megapixels"
        raise UserError(f"{len(kept)} masks of {width} x {height} pixels exceed the limit of {limit}.")
    full = np.zeros((len(kept), height, width), bool)
    for target, index in zip(full, kept, strict=True):
        _paste(target, masks[index], pixels[index])
    return Detections(
        pixels[kept].astype(np.float32), class_ids[kept].astype(np.int64), scores[kept], full, tuple(classes)
    )


def _paste(target: np.ndarray, mask: np.ndarray, box: np.ndarray) -> None:
    """Draw a mask (M, M) of probabilities into its box in `target` (H, W), where they are at least 0.5."""
    height, width = target.shape
    y1, x1, y2, x2 = (int(value) for value in box)
    rows, columns = _stretch(y2 - y1, mask.shape[0]), _stretch(x2 - x1, mask.shape[1])
    rows, columns = rows[max(0, -y1) : max(0, height - y1)], columns[max(0, -x1) : max(0, width - x1)]
    seen = target[max(y1, 0) : max(y1, 0) + len(rows), max(x1, 0) : max(x1, 0) + len(columns)]
    step = max(1, MULTIPLICATIONS_AT_ONCE // max(columns.size, 1))
    for top in range(0, len(rows), step):
        seen[top : top + step] = rows[top : top + step] @ mask @ columns.T >= 0.5


def _stretch(length: int, cells: int) -> np.ndarray:
    """Return the matrix (length, cells) that interpolates bilinearly, with half-pixel centres and zeros outside."""
    points = (np.arange(length) + 0.5) * cells / length - 0.5
    return np.maximum(1 - np.abs(points[:, None] - np.arange(cells)), 0)
