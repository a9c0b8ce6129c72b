"""Masks as polygons: (n, 2) float64, x then y, where (x, y) is the centre of column x, row y."""

from collections.abc import Sequence

import numpy as np
import shapely
from scipy.spatial.distance import cdist
from skimage.measure import find_contours


def trace(mask: np.ndarray, tolerance: float = 0.0, least: float = 0.0) -> list[np.ndarray]:
    """The outlines of a mask's parts and of the holes in them, the largest first; none where the mask is empty.

    They run halfway between pixels inside and outside, and where the mask touches the photo's edge through the centres
    of the outermost pixels: filled by `skimage.draw.polygon`, they give the mask to the pixel where `tolerance` is 0.

    Args:
        mask: (H, W) bool.
        tolerance: how far, in pixels, an outline may stray for the sake of fewer points.
        least: parts and holes smaller than this share of the largest part are left out.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return []
    around = np.pad(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    corner = np.array([columns[0] - 1, rows[0] - 1])
    last = np.array(mask.shape[::-1]) - 1
    outlines = [shapely.Polygon(contour[:, ::-1] + corner) for contour in find_contours(around.astype(np.uint8), 0.5)]
    outlines.sort(key=lambda outline: -outline.area)
    kept = [outline.simplify(tolerance) for outline in outlines if outline.area >= least * outlines[0].area]
    return [np.clip(shapely.get_coordinates(outline)[:-1], 0, last) for outline in kept]


def join(outlines: Sequence[np.ndarray]) -> np.ndarray:
    """Several outlines as one polygon, joined by bridges that have no width; one alone stays what it is.

    Filled by the even-odd rule it holds what the outlines hold, holes being empty. Bridges go there and back along
    pixels' edges, so that they run through no pixel's centre and are not drawn.
    """
    joined, *others = outlines
    most = np.max([outline.max(axis=0) for outline in outlines], axis=0)
    for outline in others:
        here, there = np.unravel_index(cdist(joined, outline).argmin(), (len(joined), len(outline)))
        bridge = _bridge(joined[here], outline[there], most)
        loop = np.roll(outline, -there, axis=0)
        joined = np.concatenate([joined[: here + 1], bridge, loop, loop[:1], bridge[::-1], joined[here:]])
    return joined


def _bridge(start: np.ndarray, end: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Corners on the way from one point to another, (3, 2): of pixels, none of which lies beyond `most` (2,)."""
    near, far = _corner(start, most), _corner(end, most)
    return np.array([near, (far[0], near[1]), far])


def _corner(point: np.ndarray, most: np.ndarray) -> np.ndarray:
    """A corner of the pixels around a point: both its coordinates lie halfway between whole numbers."""
    corner = np.floor(point) + 0.5
    return np.where(corner > most, np.ceil(point) - 0.5, corner)
