"""COCO's compressed run-length encoding of masks.

A mask of H x W pixels takes some kilobytes, whatever its size, as its length is that of its outline.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from faster_coco_eval.core import mask as rle

RunLengths = dict[str, Any]
"""A mask as compressed run lengths that JSON can store: `size`, the list [H, W], and `counts`, ASCII text."""


def encode_mask(mask: np.ndarray) -> RunLengths:
    """Encode a mask, bool (H, W)."""
    return _with_text(rle.encode(np.asfortranarray(mask, dtype=np.uint8)))


def decode_mask(code: RunLengths) -> np.ndarray:
    """Return the mask, bool (H, W)."""
    return np.ascontiguousarray(rle.decode(code)).view(bool)


def decode_crop(code: RunLengths) -> tuple[np.ndarray, int, int]:
    """Return the part of a mask inside its `bounding_box`, and the row and column in the mask where it begins."""
    left, top, width, height = map(int, bounding_box(code))
    return decode_mask(code)[top : top + height, left : left + width].copy(), top, left


def fill_polygons(polygons: Iterable[Iterable[float]], height: int, width: int) -> RunLengths:
    """Return the union of polygons, rasterised as by COCO's tools.

    Args:
        polygons: each x1, y1, x2, y2, ... in COCO's coordinates, at least three points; at least one polygon.
        height: H.
        width: W.
    """
    return _with_text(rle.merge(rle.frPyObjects([list(polygon) for polygon in polygons], height, width)))


def unite(codes: list[RunLengths]) -> RunLengths:
    """Return the union of masks of the same size, at least one."""
    return _with_text(rle.merge(codes))


def area(code: RunLengths) -> int:
    """Return the number of pixels of a mask."""
    return int(rle.area(code))


def shared_area(one: RunLengths, other: RunLengths) -> int:
    """Return the number of pixels that two masks of the same size share."""
    return int(rle.area(rle.merge([one, other], True)))


def mask_ious(
    detected: Sequence[RunLengths], annotated: Sequence[RunLengths], of_detection: bool = False
) -> np.ndarray:
    """Return the IoU (N, G), in [0, 1], of N masks with G masks of the same size.

    Args:
        detected: the N masks.
        annotated: the G masks.
        of_detection: divide the shared area by that of the detected mask, as for COCO's crowds, not by that of both.
    """
    ious = rle.iou(list(detected), list(annotated), [int(of_detection)] * len(annotated))
    return np.asarray(ious, dtype=float).reshape(len(detected), len(annotated))


def bounding_box(code: RunLengths) -> tuple[float, float, float, float]:
    """Return left, top, width and height of the box around a mask in pixels; four zeros for an empty mask."""
    left, top, width, height = rle.toBbox(code).tolist()
    return left, top, width, height


def _with_text(code: dict[str, Any]) -> RunLengths:
    return {"size": list(code["size"]), "counts": code["counts"].decode("ascii")}
