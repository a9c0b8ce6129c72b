"""Fit anchor scales and ratios to the objects of a data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from rich.console import Console
from sklearn.cluster import KMeans

from fmask.data.polygons import extents
from fmask.structures.annotations import Photo
from fmask.utils.errors import UserError

SCALES, RATIOS = 5, 3
"""One scale for each pyramid level, P2 to P6, and as many ratios as the reference implementation has."""
MIN_GAP = 0.01
"""Centres whose logarithms differ by less, which is 1 %, count as one."""


@dataclass(frozen=True)
class FittedAnchors:
    """Anchor scales and ratios, and how well they cover the objects they were fitted to."""

    scales: list[float]
    """Sides in pixels, ascending."""
    ratios: list[float]
    """Width over height, ascending."""
    coverage: float
    """Mean over the objects of the IoU with the best anchor, both centred at the same point."""
    objects: int
    """Number of objects."""


def fit_anchors(photos: Sequence[Photo], image_size: int) -> FittedAnchors:
    """Cluster the logarithms of the objects' sides and ratios by k-means.

    Args:
        photos: annotated photos; ignored regions are left out.
        image_size: the longer side in pixels that the photos are scaled to.

    Raises:
        UserError: there are fewer than `SCALES` objects.
    """
    sizes = np.concatenate(
        [np.zeros((0, 2)), *(object_sizes(photo) * image_size / max(photo.width, photo.height) for photo in photos)]
    )
    if len(sizes) < SCALES:
        raise UserError(f"Fitting anchors needs at least {SCALES} annotated objects, not {len(sizes)}.")
    sides, ratios = np.sqrt(sizes.prod(axis=1)), sizes[:, 0] / sizes[:, 1]
    scales, shapes = _centres(sides, SCALES), _centres(ratios, RATIOS)
    return FittedAnchors(scales, shapes, coverage(sizes, scales, shapes), len(sizes))


def coverage(sizes: np.ndarray, scales: Sequence[float], ratios: Sequence[float]) -> float:
    """Return the mean over objects of the IoU with the best anchor, both centred at the same point.

    Args:
        sizes: (n, 2) width and height of the objects in pixels.
        scales: sides of the anchors in pixels.
        ratios: width over height of the anchors.
    """
    root = np.sqrt(np.tile(ratios, len(scales)))
    anchors = np.repeat(scales, len(ratios))[:, None] * np.column_stack([root, 1 / root])
    shared = np.minimum(sizes[:, None], anchors).prod(axis=2)
    return float((shared / (sizes.prod(axis=1)[:, None] + anchors.prod(axis=1) - shared)).max(axis=1).mean())


def as_overrides(fitted: FittedAnchors) -> str:
    """Return the anchors as configuration overrides."""
    scales, ratios = _increasing(fitted.scales, digits=0), _increasing(fitted.ratios, digits=2)
    return f"anchors.scales=[{scales}] anchors.ratios=[{ratios}]"


def print_anchors(fitted: FittedAnchors, console: Console) -> None:
    """Print the anchors as configuration overrides, and their coverage."""
    console.print(as_overrides(fitted), markup=False, highlight=False, soft_wrap=True)
    console.print(f"{fitted.objects} objects, mean IoU with the best anchor {fitted.coverage:.2f}", highlight=False)


def _increasing(values: Sequence[float], digits: int) -> str:
    """Join the values, with `digits` decimals or as many as keep them positive and increasing."""
    while True:
        texts = [f"{value:.{digits}f}" for value in values]
        rounded = [0.0, *map(float, texts)]
        if all(low < high for low, high in pairwise(rounded)):
            return ",".join(texts)
        digits += 1


def object_sizes(photo: Photo) -> np.ndarray:
    """Return width and height (n, 2) in pixels of a photo's objects; a line counts as one pixel wide."""
    boxes = extents([region.polygon for region, k in zip(photo.regions, photo.class_ids(), strict=True) if k > 0])
    return np.maximum(boxes[:, [3, 2]] - boxes[:, [1, 0]], 1)


def _centres(values: np.ndarray, count: int) -> list[float]:
    """Return the centres of `count` clusters of the values' logarithms, positive and ascending.

    If the values have fewer clusters, the widest gap between two centres is halved; gaps of a factor of 2 or less are
    left, and doubles of the largest and halves of the smallest centre are added.
    """
    logs = np.log(values)
    distinct = min(count, len(np.unique(logs.round(9))))
    clusters = KMeans(distinct, n_init=10, random_state=0).fit(logs[:, None])
    found = np.sort(clusters.cluster_centers_[:, 0])
    centres = [float(found[0])] + [float(high) for low, high in pairwise(found) if high - low > MIN_GAP]
    while len(centres) < count:
        gaps = np.diff(centres)
        if len(gaps) and gaps.max() > np.log(2) + 1e-9:
            widest = int(gaps.argmax())
            centres.insert(widest + 1, (centres[widest] + centres[widest + 1]) / 2)
        elif len(centres) % 2:
            centres.append(centres[-1] + float(np.log(2)))
        else:
            centres.insert(0, centres[0] - float(np.log(2)))
    return [float(value) for value in np.exp(centres)]
