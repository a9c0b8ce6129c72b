"""Anchor scales and ratios fitted to a data set's objects."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from sklearn.cluster import KMeans

from fmask.data.polygons import extents
from fmask.structures.annotations import Photo
from fmask.utils.errors import UserError

SCALES, RATIOS = 5, 3
"""One scale for each of P2 to P6, and as many ratios as the reference has."""


@dataclass(frozen=True)
class FittedAnchors:
    """Anchors for objects of known sizes."""

    scales: list[float]
    """Sides in pixels, rising."""
    ratios: list[float]
    """Width over height, rising."""
    coverage: float
    """Mean over the objects of the IoU with their best anchor, both centred at the same point."""
    objects: int


def fit_anchors(photos: Sequence[Photo], image_size: int) -> FittedAnchors:
    """K-means over the logarithms of the objects' sides and ratios, in photos whose longer side is `image_size` pixels.

    Raises:
        UserError: there are too few objects.
    """
    sizes = np.concatenate(
        [np.zeros((0, 2)), *(_sizes(photo) * image_size / max(photo.width, photo.height) for photo in photos)]
    )
    if len(sizes) < SCALES:
        raise UserError(f"{len(sizes)} objects are annotated; anchors can be fitted to {SCALES} or more.")
    sides, ratios = np.sqrt(sizes.prod(axis=1)), sizes[:, 0] / sizes[:, 1]
    scales, shapes = _centres(sides, SCALES), _centres(ratios, RATIOS)
    return FittedAnchors(scales, shapes, coverage(sizes, scales, shapes), len(sizes))


def coverage(sizes: np.ndarray, scales: Sequence[float], ratios: Sequence[float]) -> float:
    """Mean best IoU of objects, `sizes` (n, 2) width and height, with anchors at the same centre."""
    root = np.sqrt(np.tile(ratios, len(scales)))
    anchors = np.repeat(scales, len(ratios))[:, None] * np.column_stack([root, 1 / root])
    shared = np.minimum(sizes[:, None], anchors).prod(axis=2)
    return float((shared / (sizes.prod(axis=1)[:, None] + anchors.prod(axis=1) - shared)).max(axis=1).mean())


def print_anchors(fitted: FittedAnchors, console: Console) -> None:
    """Says the anchors as overrides of the configuration."""
    scales = ",".join(f"{scale:.0f}" for scale in fitted.scales)
    ratios = ",".join(f"{ratio:.2f}" for ratio in fitted.ratios)
    console.print(f"anchors.scales=[{scales}] anchors.ratios=[{ratios}]", markup=False, highlight=False)
    console.print(f"{fitted.objects} objects, mean IoU with the best anchor {fitted.coverage:.2f}", highlight=False)


def _sizes(photo: Photo) -> np.ndarray:
    boxes = extents([region.polygon for region in photo.regions if region.class_id > 0])
    return boxes[:, [3, 2]] - boxes[:, [1, 0]]


def _centres(values: np.ndarray, count: int) -> list[float]:
    found = KMeans(count, n_init=10, random_state=0).fit(np.log(values)[:, None])
    return [float(value) for value in np.sort(np.exp(found.cluster_centers_[:, 0]))]
