"""Polygons of objects: from VIA shapes and from masks, clipped, checked, measured and joined.

A polygon is an array (n, 2) float64 of x, y in pixels, where (x, y) is the centre of column x, row y.
"""

import math
from collections.abc import Sequence
from reprlib import repr as shortly
from typing import Any

import numpy as np
import shapely
from scipy.spatial.distance import cdist
from skimage.measure import find_contours

SHAPES = ("polygon", "polyline", "rect", "circle", "ellipse")
"""The VIA shapes that `shape_to_polygon` converts."""

MAX_POINTS = 10_000
"""Largest number of points of one object."""
MAX_PARTS = 200
"""Largest number of parts and holes of one object."""
MAX_CROSSINGS = 1000
"""Largest number of crossings between the sides of one object.

No real outline has more; scribbles that cross themselves everywhere would keep the geometry functions busy for hours.
A bridge made by `join` counts as three or four crossings.
"""
MAX_ROWS = 3_000_000
"""Largest number of pixel rows, summed over the sides of a polygon, that `covers_pixel` examines."""


def shape_to_polygon(shape: dict[str, Any]) -> np.ndarray:
    """Convert a VIA region's `shape_attributes`, whose `name` is one of `SHAPES`, to a polygon.

    A polyline is closed. A circle or an ellipse becomes 64 points, within 0.2 % of its radius.

    Raises:
        ValueError: coordinates are missing, not finite numbers, or beyond ten million pixels; or see `check_outlines`.
    """
    if shape["name"] in ("polygon", "polyline"):
        x, y = shape.get("all_points_x"), shape.get("all_points_y")
        if not isinstance(x, list) or not isinstance(y, list) or len(x) != len(y):
            raise ValueError("all_points_x and all_points_y are not two lists of the same length")
        return check_outline(np.stack([_numbers(x), _numbers(y)], axis=1))
    if shape["name"] == "rect":
        x, y, width, height = _numbers([shape.get(key) for key in ("x", "y", "width", "height")])
        return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
    radii = ("r", "r") if shape["name"] == "circle" else ("rx", "ry")
    x, y, rx, ry = _numbers([shape.get(key) for key in ("cx", "cy", *radii)])
    (theta,) = _numbers([shape.get("theta", 0)])
    return _ellipse(x, y, rx, ry, theta)


def clip(polygon: np.ndarray, width: int, height: int) -> np.ndarray:
    """Clip a polygon to the centres of a photo's outermost pixels.

    Returns:
        The clipped polygon (m, 2); m is 0 if nothing is left.
    """
    from matplotlib.path import Path as Outline  # slow to import, and few photos need it
    from matplotlib.transforms import Bbox

    clipped = Outline(polygon).clip_to_bbox(Bbox([[0, 0], [width - 1, height - 1]])).vertices
    return np.asarray(clipped, dtype=np.float64)[:-1]  # the last point repeats the first


def check_outline(polygon: np.ndarray) -> np.ndarray:
    """Return the polygon (n, 2) unchanged if it passes `check_outlines`."""
    check_outlines([polygon])
    return polygon


def check_outlines(polygons: Sequence[np.ndarray]) -> None:
    """Check that the polygons of one object, each (n, 2), can be processed in reasonable time.

    Raises:
        ValueError: there are more than `MAX_PARTS` polygons, they have more than `MAX_POINTS` points together, or
            their sides cross more than `MAX_CROSSINGS` times.
    """
    if len(polygons) > MAX_PARTS:
        raise ValueError(f"{len(polygons)} parts and holes; at most {MAX_PARTS} are allowed")
    count = sum(map(len, polygons))
    if count > MAX_POINTS:
        raise ValueError(f"{count} points; at most {MAX_POINTS} are allowed")
    polygons = [polygon for polygon in polygons if len(polygon) >= 3]
    if shapely.MultiPolygon([shapely.Polygon(polygon) for polygon in polygons]).is_valid:
        return
    points = [polygon[:, 0] + 1j * polygon[:, 1] for polygon in polygons]
    ends = np.concatenate([np.stack([each, np.roll(each, -1)], axis=1) for each in points])
    ends = np.unique(np.sort(ends, axis=1), axis=0)  # the two directions of a bridge are the same side
    sides = shapely.linestrings(np.stack([ends.real, ends.imag], axis=2))
    tree, meetings = shapely.STRtree(sides), 0
    for first in range(0, len(sides), 100):  # in small groups: all pairs of all sides may be millions
        meetings += tree.query(sides[first : first + 100], predicate="intersects").shape[1]
        if meetings > 3 * len(sides) + 2 * MAX_CROSSINGS:  # each side always meets itself and its two neighbours
            raise ValueError(f"its sides cross each other more than {MAX_CROSSINGS} times")


def area(polygon: np.ndarray) -> float:
    """Return the area of a polygon in square pixels; a polygon that crosses itself counts by the even-odd rule."""
    return float(shapely.make_valid(shapely.Polygon(polygon)).area)


def extents(polygons: Sequence[np.ndarray]) -> np.ndarray:
    """Return the boxes around polygons: (n, 4) float32, y1, x1, y2, x2 with exclusive ends."""
    boxes = [np.r_[polygon.min(axis=0), polygon.max(axis=0)][[1, 0, 3, 2]] + 0.5 for polygon in polygons]
    return np.array(boxes, np.float32).reshape(-1, 4)


def rectangle_around(polygon: np.ndarray) -> np.ndarray:
    """Return the smallest upright rectangle (4, 2) around a polygon."""
    (left, top), (right, bottom) = polygon.min(axis=0), polygon.max(axis=0)
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


def stretch_to_pixels(polygon: np.ndarray) -> np.ndarray:
    """Stretch a polygon (n, 2) along both axes, so that its extents are the edges of the pixels that it covers.

    A mask contains each pixel whose centre the outline includes. An outline clicked from pixel 10 to pixel 20 thus has
    a mask of 11 pixels, but a distance of 10 pixels between its ends.
    """
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    first, last = np.ceil(low) - 0.5, np.floor(high) + 0.5
    scale = np.where(last > first, (last - first) / np.maximum(high - low, 1e-6), 1)
    return np.where(last > first, first + (polygon - low) * scale, polygon)


def covers_pixel(polygon: np.ndarray, width: int, height: int) -> bool:
    """Return whether the polygon covers the centre of at least one pixel.

    If its sides cross more than `MAX_ROWS` rows in total, area and perimeter decide instead of the pixels, and a thin
    polygon counts as covering none.
    """
    (x1, y1), (x2, y2) = polygon.T, np.roll(polygon, -1, axis=0).T
    first = np.ceil(np.clip(np.minimum(y1, y2), 0, height)).astype(int)
    last = np.floor(np.clip(np.maximum(y1, y2), -1, height - 1)).astype(int)
    counts = np.maximum(last - first + 1, 0)
    if (total := counts.sum()) > MAX_ROWS:
        return area(polygon) > shapely.Polygon(polygon).length / 2  # every such convex shape covers a pixel
    side = np.repeat(np.arange(len(polygon)), counts)
    row = np.arange(total) - np.repeat(np.cumsum(counts) - counts - first, counts)
    for above in (np.less, np.less_equal):  # a side that only touches the row counts from one of the two sides
        crossing = above(y1[side], row) != above(y2[side], row)
        s, y = side[crossing], row[crossing]
        x = x1[s] + (y - y1[s]) / (y2[s] - y1[s]) * (x2[s] - x1[s])
        ends = x[np.lexsort((x, y))].reshape(-1, 2)  # a row is crossed an even number of times
        starts, stops = np.ceil(np.maximum(ends[:, 0], 0)), np.floor(np.minimum(ends[:, 1], width - 1))
        if np.any((starts <= stops) & (ends[:, 0] < ends[:, 1])):
            return True
    return False


def trace(mask: np.ndarray, tolerance: float = 0.0, min_share: float = 0.0) -> list[np.ndarray]:
    """Trace the outlines of a mask's parts and holes, the largest first; an empty mask has none.

    Outlines run halfway between the pixels inside and outside. Where the mask touches the photo's edge, they run
    through the centres of the outermost pixels. If `tolerance` is 0, filling the outlines by `skimage.draw.polygon`
    reproduces the mask exactly.

    Args:
        mask: (H, W) bool.
        tolerance: how far, in pixels, an outline may deviate to save points.
        min_share: parts and holes smaller than this share of the largest part are left out.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return []
    around = np.pad(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    corner = np.array([columns[0] - 1, rows[0] - 1])
    last = np.array(mask.shape[::-1]) - 1
    outlines = [shapely.Polygon(contour[:, ::-1] + corner) for contour in find_contours(around.astype(np.uint8), 0.5)]
    outlines.sort(key=lambda outline: -outline.area)
    kept = [outline.simplify(tolerance) for outline in outlines if outline.area >= min_share * outlines[0].area]
    return [np.clip(shapely.get_coordinates(outline)[:-1], 0, last) for outline in kept]


def join(outlines: Sequence[np.ndarray]) -> np.ndarray:
    """Join several outlines into one polygon by bridges without width; a single outline is returned unchanged.

    Filled by the even-odd rule, the polygon covers the same pixels as the outlines, with empty holes. Each bridge runs
    back and forth along pixel edges, so it passes through no pixel centre and is not drawn.
    """
    joined, *others = outlines
    limit = np.max([outline.max(axis=0) for outline in outlines], axis=0)
    for outline in others:
        here, there = np.unravel_index(cdist(joined, outline).argmin(), (len(joined), len(outline)))
        bridge = _bridge(joined[here], outline[there], limit)
        loop = np.roll(outline, -there, axis=0)
        joined = np.concatenate([joined[: here + 1], bridge, loop, loop[:1], bridge[::-1], joined[here:]])
    return joined


def _numbers(values: list[Any]) -> np.ndarray:
    """Return the values as float64 after checking that each one is a finite number of plausible size."""
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e7:
            raise ValueError(f"{shortly(value)} is not a number of pixels between -1e7 and 1e7")
    return np.array(values, dtype=np.float64)


def _ellipse(x: float, y: float, rx: float, ry: float, theta: float) -> np.ndarray:
    """Return an ellipse from its centre, half-axes and VIA's `theta`: radians, clockwise on the screen."""
    turn = np.linspace(0, math.tau, 64, endpoint=False)
    along, across = rx * np.cos(turn), ry * np.sin(turn)
    cos, sin = math.cos(theta), math.sin(theta)
    return np.stack([x + along * cos - across * sin, y + along * sin + across * cos], axis=1)


def _bridge(start: np.ndarray, end: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Return the points (3, 2) of a path along pixel corners between two points, not beyond `limit` (2,)."""
    near, far = _corner(start, limit), _corner(end, limit)
    return np.array([near, (far[0], near[1]), far])


def _corner(point: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Return a pixel corner next to a point: both coordinates lie halfway between integers, not beyond `limit`."""
    corner = np.floor(point) + 0.5
    return np.where(corner > limit, np.ceil(point) - 0.5, corner)
