"""What changed between two annotations of the same photos.

Regions of a photo are matched one to one, in two rounds: first those with equal outlines, then those whose masks have
the largest IoU, down to `MIN_IOU`. Regions of the same class are preferred where IoU are equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from fmask.structures.annotations import Photo, Region
from fmask.structures.run_length import mask_ious

MIN_IOU = 0.1
"""Smallest mask IoU at which two outlines are matched as those of the same object."""
SAME_IOU = 0.995
"""Smallest mask IoU of two outlines that count as unchanged. Other formats and tools store other points of an outline,
such as rounded ones, or the first one twice."""


class Change(StrEnum):
    """What happened to a region."""

    ADDED = "added"
    REMOVED = "removed"
    CLASS = "class changed"
    OUTLINE = "outline changed"
    BOTH = "class and outline changed"
    PHOTO_ADDED = "photo added"
    PHOTO_REMOVED = "photo removed"


@dataclass(frozen=True)
class Difference:
    """One change."""

    photo: str
    change: Change
    old: Region | None = None
    new: Region | None = None
    iou: float | None = None
    """Mask IoU of the two regions; None unless both exist."""


def compare(old: Sequence[Photo], new: Sequence[Photo]) -> list[Difference]:
    """Return the changes from one annotation to another, by photo and region.

    Args:
        old: annotated photos, each with another name.
        new: the same photos, by name. Photos that are in only one of the two are listed, without their regions.

    Raises:
        ValueError: a photo has another size.
    """
    before, after = {photo.name: photo for photo in old}, {photo.name: photo for photo in new}
    found = []
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            found.append(Difference(name, Change.PHOTO_REMOVED))
        elif name not in before:
            found.append(Difference(name, Change.PHOTO_ADDED))
        else:
            found += _of_photo(before[name], after[name])
    return found


def _of_photo(old: Photo, new: Photo) -> list[Difference]:
    if (old.width, old.height) != (new.width, new.height):
        raise ValueError(f"{old.name} has {old.width} x {old.height} pixels and {new.width} x {new.height}")
    pairs = _pairs(old, new)
    found = []
    for k, region in enumerate(old.regions):
        if k not in pairs:
            found.append(Difference(old.name, Change.REMOVED, old=region))
            continue
        other, iou = new.regions[pairs[k][0]], pairs[k][1]
        is_class = _label(region) != _label(other)
        is_outline = iou < SAME_IOU or region.box_only != other.box_only
        if is_class or is_outline:
            change = Change.BOTH if is_class and is_outline else Change.CLASS if is_class else Change.OUTLINE
            found.append(Difference(old.name, change, region, other, iou))
    matched = {index for index, _ in pairs.values()}
    found += [
        Difference(old.name, Change.ADDED, new=region) for k, region in enumerate(new.regions) if k not in matched
    ]
    return found


def _pairs(old: Photo, new: Photo) -> dict[int, tuple[int, float]]:
    """Return the new region of each matched old one, by their positions, and the IoU."""
    ious = mask_ious(old.run_lengths(), new.run_lengths())
    equal = np.array([[_is_equal(one, other) for other in new.regions] for one in old.regions], dtype=bool)
    same = np.array([[_label(one) == _label(other) for other in new.regions] for one in old.regions], dtype=bool)
    candidates = [
        (bool(equal[k, n]), float(ious[k, n]), bool(same[k, n]), -abs(k - n), k, n)
        for k in range(len(old.regions))
        for n in range(len(new.regions))
        if equal[k, n] or ious[k, n] >= MIN_IOU
    ]
    pairs: dict[int, tuple[int, float]] = {}
    taken: set[int] = set()
    for is_equal, iou, _, _, k, n in sorted(candidates, reverse=True):
        if k not in pairs and n not in taken:
            pairs[k] = (n, 1.0 if is_equal else iou)
            taken.add(n)
    return pairs


def _label(region: Region) -> tuple[str | None, bool]:
    return region.label, region.ignore


def _is_equal(one: Region, other: Region) -> bool:
    """Return whether two outlines have the same points, to 1/1000 pixel; an outline is not equal to a mere box."""
    if one.box_only != other.box_only or one.polygon.shape != other.polygon.shape:
        return False
    return bool(np.allclose(one.polygon, other.polygon, atol=1e-3, rtol=0))
