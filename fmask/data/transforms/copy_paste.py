"""Copy-paste (Ghiasi 2021): objects of one photo put into another, where both have been brought to the same frame."""

from collections.abc import Sequence

import cv2
import numpy as np

from fmask.data.polygons import extents


def paste(
    image: np.ndarray, polygons: Sequence[np.ndarray], donor: np.ndarray, candidates: Sequence[np.ndarray]
) -> list[int]:
    """Copies objects from `donor` into `image` in place, to the same pixels; both are (S, S, 3) uint8.

    An object is copied if all of it is in view and its box touches that of no object which is there already, so that
    every outline keeps saying which pixels are its object's.

    Args:
        polygons: outlines (n, 2), x and y in pixels, of what is in `image`, whether it counts or not.
        candidates: outlines of the objects in `donor`.

    Returns:
        Which of the `candidates` were copied.
    """
    size = image.shape[0]
    taken = list(extents(polygons))
    copied = []
    for index, (outline, box) in enumerate(zip(candidates, extents(candidates), strict=True)):
        if box.min() < 0 or box.max() > size or any(_touch(box, other) for other in taken):
            continue
        inside = np.zeros((size, size), np.uint8)
        cv2.fillPoly(inside, [np.rint(outline).astype(np.int32)], 1)
        np.copyto(image, donor, where=inside[..., None] == 1)
        taken.append(box)
        copied.append(index)
    return copied


def _touch(box: np.ndarray, other: np.ndarray) -> bool:
    """Whether two boxes (4,): y1, x1, y2, x2 share a pixel."""
    return bool((np.maximum(box[:2], other[:2]) < np.minimum(box[2:], other[2:])).all())
