"""Copy-paste augmentation (Ghiasi et al. 2021): copy objects of one photo into another of the same size."""

from collections.abc import Sequence

import cv2
import numpy as np

from fmask.data.polygons import extents


def paste(
    image: np.ndarray, polygons: Sequence[np.ndarray], donor: np.ndarray, candidates: Sequence[np.ndarray]
) -> list[int]:
    """Copy objects from `donor` to the same pixels of `image`, in place.

    An object is copied only if it is completely in view and its box does not overlap the box of an object already in
    the image, so that no object hides a part of another.

    Args:
        image: (S, S, 3) uint8, modified in place.
        polygons: outlines (n, 2), x and y in pixels, of all objects in `image`, including those to ignore.
        donor: (S, S, 3) uint8.
        candidates: outlines of the objects in `donor`.

    Returns:
        The indices of the `candidates` that were copied.
    """
    size = image.shape[0]
    taken = list(extents(polygons))
    copied = []
    for index, (outline, box) in enumerate(zip(candidates, extents(candidates), strict=True)):
        if box.min() < 0 or box.max() > size or any(_overlap(box, other) for other in taken):
            continue
        inside = np.zeros((size, size), np.uint8)
        cv2.fillPoly(inside, [np.rint(outline).astype(np.int32)], 1)
        np.copyto(image, donor, where=inside[..., None] == 1)
        taken.append(box)
        copied.append(index)
    return copied


def _overlap(box: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two boxes (4,), y1, x1, y2, x2, overlap."""
    return bool((np.maximum(box[:2], other[:2]) < np.minimum(box[2:], other[2:])).all())
