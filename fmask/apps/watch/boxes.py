"""How much two boxes share."""

from dataclasses import dataclass

Box = tuple[float, float, float, float]
"""Pixels y1, x1, y2, x2, exclusive ends."""


@dataclass(frozen=True)
class Overlap:
    """Shared area, 0 to 1."""

    iou: float
    """As a share of what both cover together."""
    of_smaller: float
    """As a share of the smaller box: 1 where one lies in the other."""


def overlap(one: Box, other: Box) -> Overlap:
    """Of two boxes with an area."""
    height = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    width = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    shared = height * width
    areas = [(y2 - y1) * (x2 - x1) for y1, x1, y2, x2 in (one, other)]
    return Overlap(shared / (sum(areas) - shared), shared / min(areas))
