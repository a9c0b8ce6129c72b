"""Fit anchor scales and ratios to the objects of a data set."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from sklearn.cluster import KMeans

from fmask.data.polygons import extents
from fmask.structures.annotations import Photo
from fmask.utils.errors import UserError

SCALES, RATIOS = 5, 3
"""One scale for each pyramid level, P2 to P6, and as many ratios as the reference implementation has."""


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
        [np.zeros((0, 2)), *(_sizes(photo) * image_size / max(photo.width, photo.height) for photo in photos)]
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


def print_anchors(fitted: FittedAnchors, console: Console) -> None:
    """Print the anchors as configuration overrides, and their coverage."""
    scales = ",".join(f"{scale:.0f}" for scale in fitted.scales)
    ratios = ",".join(f"{ratio:.2f}" for ratio in fitted.ratios)
    console.print(f"anchors.scales=[{scales}] anchors.ratios=[{ratios}]", markup=False, highlight=False)
    console.print(f"{fitted.objects} objects, mean IoU with the best anchor {fitted.coverage:.2f}", highlight=False)


def _sizes(photo: Photo) -> np.ndarray:
    """Return width and height (n, 2) in pixels of a photo's objects."""
    boxes = extents([region.polygon for region in photo.regions if region.class_id > 0])
    return boxes[:, [3, 2]] - boxes[:, [1, 0]]


def _centres(values: np.ndarray, count: int) -> list[float]:
    """Return the centres, ascending, of `count` clusters of the values' logarithms."""
    clusters = KMeans(count, n_init=10, random_state=0).fit(np.log(values)[:, None])
    return [float(value) for value in np.sort(np.exp(clusters.cluster_centers_[:, 0]))]
