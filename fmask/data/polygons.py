"""VIA's shapes as polygons: (n, 2) float64, x then y, in pixels, where (x, y) is the centre of column x, row y."""

import math
from collections.abc import Sequence
from reprlib import repr as shortly
from typing import Any

import numpy as np
import shapely
from scipy.spatial.distance import cdist
from skimage.measure import find_contours

SHAPES = ("polygon", "polyline", "rect", "circle", "ellipse")
MAX_POINTS = 10_000
MAX_PARTS = 200
MAX_CROSSINGS = 1000
"""Of one object. None has more; scribbles that cross themselves at every turn keep geometry busy for hours. A bridge of
`fmask.data.polygons.join` counts as three or four crossings."""

MAX_ROWS = 3_000_000
"""That the sides of an outline may cross together, to look whether it covers a pixel."""


def outline(shape: dict[str, Any]) -> np.ndarray:
    """The polygon of a VIA region's `shape_attributes`, whose `name` is one of `SHAPES`.

    A polyline is closed; a circle or an ellipse becomes 64 points, within 0.2 % of its radius.

    Raises:
        ValueError: coordinates are missing, no finite numbers, or beyond ten million pixels; or see `check_outline`.
    """
    if shape["name"] in ("polygon", "polyline"):
        x, y = shape.get("all_points_x"), shape.get("all_points_y")
        if not isinstance(x, list) or not isinstance(y, list) or len(x) != len(y):
            raise ValueError("all_points_x and all_points_y are not two lists of one length")
        return check_outline(np.stack([_numbers(x), _numbers(y)], axis=1))
    if shape["name"] == "rect":
        x, y, width, height = _numbers([shape.get(key) for key in ("x", "y", "width", "height")])
        return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
    radii = ("r", "r") if shape["name"] == "circle" else ("rx", "ry")
    x, y, rx, ry = _numbers([shape.get(key) for key in ("cx", "cy", *radii)])
    (theta,) = _numbers([shape.get("theta", 0)])
    return _ellipse(x, y, rx, ry, theta)


def clip(polygon: np.ndarray, width: int, height: int) -> np.ndarray:
    """The part of a polygon between a photo's first and last pixel centres: (m, 2), m = 0 where nothing is."""
    from matplotlib.path import Path as Outline  # slow to import, and few photos need it
    from matplotlib.transforms import Bbox

    clipped = Outline(polygon).clip_to_bbox(Bbox([[0, 0], [width - 1, height - 1]])).vertices
    return np.asarray(clipped, dtype=np.float64)[:-1]  # it repeats the first point


def check_outline(polygon: np.ndarray) -> np.ndarray:
    """The polygon (n, 2), if it is one that can be worked with; see `check_outlines`."""
    check_outlines([polygon])
    return polygon


def check_outlines(polygons: Sequence[np.ndarray]) -> None:
    """Looks whether the polygons of one object, each (n, 2), can be worked with.

    Raises:
        ValueError: they are more than `MAX_PARTS`, have more than `MAX_POINTS` together, or their sides cross more
            than `MAX_CROSSINGS` times.
    """
    if len(polygons) > MAX_PARTS:
        raise ValueError(f"{len(polygons)} parts and holes, where {MAX_PARTS} are the most")
    count = sum(map(len, polygons))
    if count > MAX_POINTS:
        raise ValueError(f"{count} points, where {MAX_POINTS} are the most")
    polygons = [polygon for polygon in polygons if len(polygon) >= 3]
    if shapely.MultiPolygon([shapely.Polygon(polygon) for polygon in polygons]).is_valid:
        return
    points = [polygon[:, 0] + 1j * polygon[:, 1] for polygon in polygons]
    ends = np.concatenate([np.stack([each, np.roll(each, -1)], axis=1) for each in points])
    ends = np.unique(np.sort(ends, axis=1), axis=0)  # a bridge's way back is no other side than its way there
    sides = shapely.linestrings(np.stack([ends.real, ends.imag], axis=2))
    tree, meetings = shapely.STRtree(sides), 0
    for first in range(0, len(sides), 100):  # a few at a time: all pairs of all sides may be millions
        meetings += tree.query(sides[first : first + 100], predicate="intersects").shape[1]
        if meetings > 3 * len(sides) + 2 * MAX_CROSSINGS:  # each side meets itself and its neighbours anyway
            raise ValueError(f"its sides cross each other more than {MAX_CROSSINGS} times")


def area(polygon: np.ndarray) -> float:
    """What a polygon encloses, in square pixels; one that crosses itself counts by the even-odd rule."""
    return float(shapely.make_valid(shapely.Polygon(polygon)).area)


def covers_pixel(polygon: np.ndarray, width: int, height: int) -> bool:
    """Whether the polygon covers a pixel's centre; not if it is thin and its sides cross rows `MAX_ROWS` times."""
    (x1, y1), (x2, y2) = polygon.T, np.roll(polygon, -1, axis=0).T
    first = np.ceil(np.clip(np.minimum(y1, y2), 0, height)).astype(int)
    last = np.floor(np.clip(np.maximum(y1, y2), -1, height - 1)).astype(int)
    counts = np.maximum(last - first + 1, 0)
    if (total := counts.sum()) > MAX_ROWS:
        return area(polygon) > shapely.Polygon(polygon).length / 2  # any such convex shape does
    side = np.repeat(np.arange(len(polygon)), counts)
    row = np.arange(total) - np.repeat(np.cumsum(counts) - counts - first, counts)
    for above in (np.less, np.less_equal):  # a side that only touches the row counts from one side or the other
        crossing = above(y1[side], row) != above(y2[side], row)
        s, y = side[crossing], row[crossing]
        x = x1[s] + (y - y1[s]) / (y2[s] - y1[s]) * (x2[s] - x1[s])
        ends = x[np.lexsort((x, y))].reshape(-1, 2)  # a row is crossed an even number of times
        starts, stops = np.ceil(np.maximum(ends[:, 0], 0)), np.floor(np.minimum(ends[:, 1], width - 1))
        if np.any((starts <= stops) & (ends[:, 0] < ends[:, 1])):
            return True
    return False


def _numbers(values: list[Any]) -> np.ndarray:
    """Float64, once every value is a plain finite number of a sane size."""
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e7:
            raise ValueError(f"{shortly(value)} stands where a number of pixels belongs")
    return np.array(values, dtype=np.float64)


def _ellipse(x: float, y: float, rx: float, ry: float, theta: float) -> np.ndarray:
    """Centre, half-axes, and VIA's turn in radians, clockwise on the screen."""
    turn = np.linspace(0, math.tau, 64, endpoint=False)
    along, across = rx * np.cos(turn), ry * np.sin(turn)
    cos, sin = math.cos(theta), math.sin(theta)
    return np.stack([x + along * cos - across * sin, y + along * sin + across * cos], axis=1)


def extents(polygons: Sequence[np.ndarray]) -> np.ndarray:
    """The boxes (n, 4) around polygons whose points are pixel centres: y1, x1, y2, x2 with exclusive ends."""
    boxes = [np.r_[polygon.min(axis=0), polygon.max(axis=0)][[1, 0, 3, 2]] + 0.5 for polygon in polygons]
    return np.array(boxes, np.float32).reshape(-1, 4)


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
