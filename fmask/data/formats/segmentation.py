"""The `segmentation` of COCO annotations: outlines to train on, and the pixels and boxes that scores need.

`fmask.data.formats.coco` describes the coordinates.
"""

from collections.abc import Callable
from decimal import Context, Decimal
from reprlib import repr as shortly
from typing import Any

import numpy as np
import shapely
from faster_coco_eval.core import mask as rle

from fmask.data.polygons import MAX_POINTS, check_outline, check_outlines, join, trace
from fmask.structures.annotations import CocoObject, Unusable
from fmask.structures.run_length import RunLengths, area, bounding_box, encode_mask, fill_polygons

HALF = Decimal("0.5")
EXACT = Context(prec=400)
"""Enough decimal places to add a half to any double without rounding."""

Lazy = Callable[[int, int], Any]
"""A function from width and height of the photo to a `segmentation` or a `bbox`, for files whose coordinates are shares
of the photo, or whose masks are decoded only when their photo exists and has their size. It may raise `ValueError`."""


def segmentation_to_outline(segmentation: Any, width: int, height: int) -> np.ndarray:
    """Return an annotation's outline (n, 2) in a photo of the given size; n is 0 for an empty list of polygons.

    Args:
        segmentation: as in a COCO file, or a `Lazy` one.
        width: width of the photo in pixels.
        height: height of the photo in pixels.
    """
    try:
        segmentation = _resolve(segmentation, width, height)
        if isinstance(segmentation, dict):
            rings = _trace(_decode(segmentation, width, height))
            if not rings:
                raise Unusable("no area", "its mask is empty")
        elif isinstance(segmentation, list):
            rings = _rings([_points(part) for part in _parts(segmentation)])
        else:
            raise Unusable("bad coordinates", "its `segmentation` is neither polygons nor run lengths")
        check_outlines(rings)
        return check_outline(join(rings)) if rings else np.zeros((0, 2))
    except ValueError as error:
        raise Unusable("bad coordinates", str(error)) from error


def annotation_to_object(annotation: dict[str, Any], crowd_of: tuple[str, ...], width: int, height: int) -> CocoObject:
    """Return what COCO's tools read of an annotation with an outline, in a photo of the given size.

    A `bbox` and an `area` that are missing or invalid are replaced by those of the mask.

    Args:
        annotation: the annotation; `segmentation_to_outline` accepts its `segmentation`.
        crowd_of: see `CocoObject`.
        width: width of the photo in pixels.
        height: height of the photo in pixels.
    """
    mask = _run_lengths(_resolve(annotation["segmentation"], width, height), width, height)
    size: Any = annotation.get("area")
    pixels = float(size) if _is_number(size) and 0 <= size < 10**14 else float(area(mask))
    box = _box(_resolve(annotation.get("bbox"), width, height))
    return CocoObject(mask, box or bounding_box(mask), pixels, crowd_of)


def has_outline(segmentation: Any) -> bool:
    """Return False if there is no segmentation, or none of its polygons has three points.

    A segmentation of a wrong type counts as an outline, whose fault `segmentation_to_outline` reports.
    """
    if isinstance(segmentation, list):
        return any(not isinstance(part, list) or len(part) >= 6 for part in _parts(segmentation))
    return segmentation is not None and segmentation != {}


def box_to_segmentation(bbox: Any) -> list[list[Decimal]] | Lazy:
    """Return a `bbox`, which is left, top, width and height, as a `segmentation`; empty if it is not a box."""
    if callable(bbox):
        return lambda width, height: box_to_segmentation(bbox(width, height))
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(_is_coordinate, bbox)):
        return []
    left, top, width, height = map(Decimal, bbox)
    if width <= 0 or height <= 0:
        return []
    right, bottom = EXACT.add(left, width), EXACT.add(top, height)
    return [[left, top, right, top, right, bottom, left, bottom]]


def _resolve(value: Any, width: int, height: int) -> Any:
    return value(width, height) if callable(value) else value


def _run_lengths(segmentation: Any, width: int, height: int) -> RunLengths:
    """Return the pixels of a `segmentation` that `segmentation_to_outline` accepts."""
    if isinstance(segmentation, dict):
        return encode_mask(_decode(segmentation, width, height))
    parts = [[float(value) for value in part] for part in _parts(segmentation) if len(part) >= 6]
    return fill_polygons(parts, height, width)


def _box(bbox: Any) -> tuple[float, float, float, float] | None:
    """Return a `bbox`, which is left, top, width and height, as floats; None if it is not a box."""
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(_is_coordinate, bbox)):
        return None
    left, top, width, height = map(float, bbox)
    return (left, top, width, height) if width >= 0 and height >= 0 else None


def _parts(segmentation: list[Any]) -> list[Any]:
    """Return the polygons of a list; VIA writes a single polygon without a list around it."""
    is_flat = bool(segmentation) and all(type(value) in (int, Decimal) for value in segmentation)
    return [segmentation] if is_flat else segmentation


def _points(part: Any) -> np.ndarray:
    """Return a COCO polygon as points (n, 2) in this program's coordinates."""
    if not isinstance(part, list) or len(part) % 2:
        raise ValueError("a polygon of its `segmentation` is not a list of x, y pairs")
    for value in part:
        if not _is_coordinate(value):
            raise ValueError(f"{shortly(value)} is not a number of pixels between -1e7 and 1e7")
    numbers = [float(EXACT.subtract(Decimal(value), HALF)) for value in part]
    return check_outline(np.array(numbers, dtype=np.float64).reshape(-1, 2))


def _is_coordinate(value: Any) -> bool:
    return _is_number(value) and -(10**7) < value < 10**7  # abs() would round a Decimal first


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is Decimal and value.is_finite())


def _rings(parts: list[np.ndarray]) -> list[np.ndarray]:
    """Return outlines that, filled by the even-odd rule, cover the union of the parts; one part stays unchanged."""
    parts = [part for part in parts if len(part) >= 3] or [part for part in parts[:1] if len(part)]
    if len(parts) <= 1:
        return parts
    check_outlines(parts)
    union = shapely.union_all([shapely.make_valid(shapely.Polygon(part)) for part in parts])
    areas = [part for part in shapely.get_parts(union) if part.geom_type == "Polygon"]
    return [shapely.get_coordinates(ring)[:-1] for area in areas for ring in (area.exterior, *area.interiors)]


def _decode(segmentation: dict[str, Any], width: int, height: int) -> np.ndarray:
    """Decode run lengths, compressed or not, to a mask: bool (height, width)."""
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if size != [height, width]:
        raise ValueError(f"its mask has the size {shortly(size)}, but the photo has [{height}, {width}]")
    if isinstance(counts, list) and not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError("its run lengths are not integers of at least 0")
    try:
        code = rle.frPyObjects(segmentation, height, width) if isinstance(counts, list) else segmentation
        return rle.decode(code).astype(bool)
    except (ValueError, RuntimeError, TypeError, KeyError) as error:  # the C++ library raises any of these
        raise ValueError("its run lengths cannot be decoded") from error


def _trace(mask: np.ndarray) -> list[np.ndarray]:
    """Trace a mask whose outlines are not too long."""
    length = np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1])
    if length > 4 * MAX_POINTS:  # tracing takes time for each pixel, even if few points remain
        raise ValueError(f"its mask's outlines are {length} pixels long; at most {4 * MAX_POINTS} are allowed")
    return trace(mask)
