"""Overlap of two boxes."""

from dataclasses import dataclass

Box = tuple[float, float, float, float]
"""y1, x1, y2, x2 in pixels, ends exclusive."""


@dataclass(frozen=True)
class Overlap:
    """The intersection of two boxes, as shares in [0, 1]."""

    iou: float
    """Intersection over union."""
    of_smaller: float
    """Intersection over the area of the smaller box: 1 if one box contains the other."""


def overlap(one: Box, other: Box) -> Overlap:
    """Compute the overlap of two boxes, which must have an area above 0."""
    height = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    width = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    shared = height * width
    areas = [(y2 - y1) * (x2 - x1) for y1, x1, y2, x2 in (one, other)]
    return Overlap(shared / (sum(areas) - shared), shared / min(areas))
