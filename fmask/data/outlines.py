"""VIA's shapes as polygons: (n, 2) float64, x then y, in pixels, where (x, y) is the centre of column x, row y."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
import skimage.draw

SHAPES = ("polygon", "polyline", "rect", "circle", "ellipse")


def outline(shape: dict[str, Any]) -> np.ndarray:
    """The polygon of a VIA region's `shape_attributes`, whose `name` is one of `SHAPES`.

    A polyline is closed; a circle or an ellipse becomes 64 points, within 0.2 % of its radius.

    Raises:
        ValueError: coordinates are missing, no finite numbers, or beyond ten million pixels.
    """
    if shape["name"] in ("polygon", "polyline"):
        x, y = shape.get("all_points_x"), shape.get("all_points_y")
        if not isinstance(x, list) or not isinstance(y, list) or len(x) != len(y):
            raise ValueError("all_points_x and all_points_y are not two lists of one length")
        return np.stack([_numbers(x), _numbers(y)], axis=1)
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


def area(polygon: np.ndarray) -> float:
    """What a polygon encloses, in square pixels; one that crosses itself counts by the even-odd rule."""
    return float(shapely.make_valid(shapely.Polygon(polygon)).area)


def covers_pixel(polygon: np.ndarray, width: int, height: int) -> bool:
    """Whether the polygon covers a pixel's centre."""
    if len(polygon) < 3:
        return False
    inside = area(polygon)
    if inside > shapely.Polygon(polygon).length / 2:  # any such convex shape does, and drawing it takes 20 ms
        return True
    rows, _ = skimage.draw.polygon(polygon[:, 1], polygon[:, 0], (height, width))
    return inside > 0 and len(rows) > 0


def _numbers(values: list[Any]) -> np.ndarray:
    """Float64, once every value is a plain finite number of a sane size."""
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e7:
            raise ValueError(f"{value!r} stands where a number of pixels belongs")
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
