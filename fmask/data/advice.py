"""What a data set suggests before any training: the size to scale photos to, and the differences that it can show."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fmask.data.anchor_fitting import object_sizes
from fmask.structures.annotations import Photo

WANTED = 32
"""Side in pixels that half of the objects of each class should have.

The study's photos gave a better network at 256 pixels, where half of the face masks have 34 or more, than at 192
(`experiments/transfer`).
"""
SIZES = range(256, 1024 + 1, 64)
"""The sizes to choose from; 256 is that of `recipe=transfer`."""
DISCORDANT = 0.2
"""The share of objects that is assumed to have another outcome in one setting than in the other."""
DETECTED = 1.960 + 0.842
"""Sum of the normal quantiles of a two-sided test at 0.05 and of a power of 0.8."""


@dataclass(frozen=True)
class ImageSize:
    """The longer side in pixels that photos should be scaled to."""

    size: int
    smallest: str
    """The class with the smallest objects."""
    side: float
    """The median side of its objects in pixels, at `size`: the square root of the area of the box."""
    side_at_first: float
    """The same at the smallest of `SIZES`."""


def suitable_image_size(photos: Iterable[Photo]) -> ImageSize | None:
    """Return the smallest of `SIZES` at which objects of all classes have `WANTED` pixels; None without objects."""
    sides: dict[str, list[float]] = {}
    for photo in photos:
        labels = [str(each.label) for each, k in zip(photo.regions, photo.class_ids(), strict=True) if k > 0]
        for label, (width, height) in zip(labels, object_sizes(photo), strict=True):
            sides.setdefault(label, []).append(math.sqrt(width * height) / max(photo.width, photo.height))
    if not sides:
        return None
    medians = {label: float(np.median(each)) for label, each in sides.items()}
    smallest = min(medians, key=lambda label: medians[label])
    share = medians[smallest]
    size = next((each for each in SIZES if each * share >= WANTED), SIZES[-1])
    return ImageSize(size, smallest, size * share, SIZES[0] * share)


def discernible_difference(objects: int) -> float:
    """Return about the smallest difference of accuracy between two settings that is found in 80 % of such studies.

    Objects are taken as independent, and one in five as found by one setting only (McNemar's test; Connor 1987, "Sample
    size for testing differences in proportions for the paired-sample design").

    Args:
        objects: number of test objects, at least 1.
    """
    return min(1.0, DETECTED * math.sqrt(DISCORDANT / objects))
