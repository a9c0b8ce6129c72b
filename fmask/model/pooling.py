"""Pooling of regions of any size to squares of features, each from the pyramid level that matches its size.

Shapes: B images of S x S pixels, R regions, C channels. The first four maps of the pyramid are P2 to P5, squares with
sides from S / 4 to S / 32. A region is sampled at a grid of points, each interpolated bilinearly between four pixels.
"""

import math

import numpy as np
from keras import ops

from fmask.model import geometry
from fmask.model.config import Regions
from fmask.model.types import Tensor

LEVELS = 4
"""Number of pyramid levels that regions are pooled from: P2 to P5."""


def pool_regions(
    pyramid: list[Tensor], regions: Tensor, side: int, size: int, config: Regions, training: bool = True
) -> Tensor:
    """Pool regions to squares of features.

    Training uses matrix products, because their gradients are fast; the gradient of gathering is a slow scatter.
    Detection uses gathering, because it has many regions and possibly large maps, where products would multiply mostly
    zeros.

    Args:
        pyramid: the maps P2 to P6, (B, height, width, C).
        regions: (B, R, 4) normalised.
        side: side of the pooled squares in bins.
        size: S.
        config: how regions are pooled and assigned to levels.
        training: whether gradients are needed.

    Returns:
        (B * R, side, side, C), the regions of the first image first.
    """
    if training:
        pooled = pool_by_products(pyramid, regions, side, size, config)
        return ops.reshape(pooled, (-1, *pooled.shape[2:]))
    count = regions.shape[1]
    image = ops.arange(ops.shape(regions)[0] * count, dtype="int32") // count
    return pool_by_gathering(pyramid, ops.reshape(regions, (-1, 4)), image, side, size, config)


def pool_by_products(pyramid: list[Tensor], regions: Tensor, side: int, size: int, config: Regions) -> Tensor:
    """Compute `pool_regions` with matrix products; the result is (B, R, side, side, C).

    Bilinear sampling along one axis is a product with a matrix that has only a few non-zero entries in each row. So
    pooling a region is rows @ feature @ columns.T. On a CPU, matrix products and their gradients are the fastest and
    most reproducible operations.
    """
    levels = pyramid_levels(regions, size, config)
    pooled = 0.0
    for level, feature in enumerate(pyramid[:LEVELS], start=2):
        batch, (height, width, channels) = ops.shape(feature)[0], feature.shape[1:]
        here = ops.cast(levels == level, feature.dtype)[..., None, None]
        rows = ops.cast(_sampling(regions[..., 0], regions[..., 2], side, height, size, config.pooling), feature.dtype)
        columns = ops.cast(
            _sampling(regions[..., 1], regions[..., 3], side, width, size, config.pooling), feature.dtype
        )
        count = regions.shape[1]
        lines = ops.reshape(rows * here, (batch, count * side, height))
        lines = ops.matmul(lines, ops.reshape(feature, (batch, height, width * channels)))
        lines = ops.reshape(lines, (batch, count, side, width, channels))
        pooled = pooled + ops.matmul(ops.expand_dims(columns, 2), lines)
    return pooled


def pool_by_gathering(
    pyramid: list[Tensor], regions: Tensor, image: Tensor, side: int, size: int, config: Regions
) -> Tensor:
    """Pool regions by gathering the four pixels around each point from the concatenated maps.

    Args:
        pyramid: the maps P2 to P6, (B, height, width, C).
        regions: (N, 4) normalised.
        image: (N,) int, the index of each region's image in the batch.
        side: side of the pooled squares in bins.
        size: S.
        config: how regions are pooled and assigned to levels.

    Returns:
        (N, side, side, C).
    """
    dtype, channels = pyramid[0].dtype, pyramid[0].shape[-1]
    batch = ops.shape(pyramid[0])[0]
    lengths = np.array([feature.shape[1] for feature in pyramid[:LEVELS]])
    starts = np.concatenate([[0], np.cumsum(lengths**2)])
    pixels = ops.concatenate([ops.reshape(feature, (batch, -1, channels)) for feature in pyramid[:LEVELS]], axis=1)
    pixels = ops.reshape(pixels, (-1, channels))

    level = pyramid_levels(regions, size, config) - 2
    length = ops.take(lengths.astype(np.int32), level)[..., None]
    first = (ops.take(starts[:-1].astype(np.int32), level) + image * int(starts[-1]))[:, None, None]
    rows = _neighbours(regions[:, 0], regions[:, 2], side, length, size, config.pooling)
    columns = _neighbours(regions[:, 1], regions[:, 3], side, length, size, config.pooling)
    # One pixel after another is added to all bins. Averaging the four points of a bin afterwards takes twice as long.
    pooled = 0.0
    for row, row_weight in rows:
        for column, column_weight in columns:
            index = first + (row * length)[:, :, None] + column[:, None, :]
            weight = (row_weight[:, :, None] * column_weight[:, None, :])[..., None]
            pooled = pooled + ops.cast(ops.take(pixels, index, axis=0), "float32") * weight
    return ops.cast(pooled, dtype)


def pyramid_levels(regions: Tensor, size: int, config: Regions) -> Tensor:
    """Return the level, 2 to 5, that each normalised region (..., 4) is pooled from (FPN, Lin 2017, eq. 1)."""
    side = ops.sqrt(ops.maximum(geometry.area(regions), 1e-12)) * size / config.canonical
    exponent = ops.log(side) / math.log(2)
    exponent = ops.round(exponent) if config.rounding == "round" else ops.floor(exponent + 1e-6)
    return ops.cast(ops.clip(4 + exponent, 2, 5), "int32")


def corner_points(start: Tensor, end: Tensor, bins: int, length: int | Tensor) -> Tensor:
    """Return equidistant sampling positions (..., bins) from `start` to `end` (...), both included."""
    # With this order of operations, rounding never moves the last point of a region that ends at 1 outside the map.
    # With the reference's order it sometimes does, and zeros are pooled there.
    steps = ops.arange(bins, dtype="float32") / (bins - 1)
    return (start[..., None] + (end - start)[..., None] * steps) * ops.cast(length - 1, "float32")


def cell_centres(start: Tensor, end: Tensor, cells: int) -> Tensor:
    """Return the middles (..., cells) of equal cells from `start` to `end` (..., 1), as indices of pixels.

    Positions are in pixels, with the first pixel from 0 to 1; the index of its middle is 0.
    """
    steps = (ops.arange(cells, dtype="float32") + 0.5) / cells
    return start + (end - start) * steps - 0.5


def bilinear(points: Tensor, length: int) -> Tensor:
    """Return interpolation weights (..., bins, length) at `points` (..., bins), zero for points outside the map."""
    grid = ops.arange(length, dtype="float32")
    weights = ops.maximum(1 - ops.abs(points[..., None] - grid), 0)
    return ops.where(_inside(points, length)[..., None], weights, 0.0)


def _inside(points: Tensor, length: int | Tensor) -> Tensor:
    return ops.logical_and(points >= 0, points <= ops.cast(length - 1, "float32"))


def _points(start: Tensor, end: Tensor, bins: int, length: int | Tensor, size: int, pooling: str) -> Tensor:
    """Return sampling positions between normalised `start` and `end` (...): one per bin, or two for ROIAlign.

    Points that are sampled as zero lie outside 0 to `length` - 1. `length` is an int or (..., 1).

    Returns:
        (..., bins) for `crop`, (..., 2 * bins) for `align`.
    """
    if pooling == "crop":
        return corner_points(start, end, bins, length)
    # ROIAlign (Mask R-CNN, He 2017, section 3): a bin is the mean of two samples along each axis.
    length = ops.cast(length, "float32")
    low, high = (start * (size - 1) / size)[..., None] * length, ((end * (size - 1) + 1) / size)[..., None] * length
    points = cell_centres(low, high, 2 * bins)
    return ops.where(ops.logical_and(points > -1, points < length), ops.clip(points, 0, length - 1), -2.0)


def _sampling(start: Tensor, end: Tensor, bins: int, length: int, size: int, pooling: str) -> Tensor:
    """Return matrices (..., bins, length) that sample `bins` values between normalised `start` and `end` (...)."""
    matrix = bilinear(_points(start, end, bins, length, size, pooling), length)
    if pooling == "crop":
        return matrix
    return ops.mean(ops.reshape(matrix, (*ops.shape(matrix)[:-2], bins, 2, length)), axis=-2)


def _neighbours(
    start: Tensor, end: Tensor, bins: int, length: Tensor, size: int, pooling: str
) -> list[tuple[Tensor, Tensor]]:
    """Return the pixels that the bins of regions are interpolated from along one axis.

    Returns:
        For each of the two (`crop`) or four (`align`) pixels of a bin: its index and its weight, (N, bins). Positions
        outside the map have weight 0.
    """
    points = _points(start, end, bins, length, size, pooling)
    counts = ops.cast(_inside(points, length), "float32")
    points = ops.clip(points, 0, ops.cast(length - 1, "float32"))
    before = ops.cast(ops.floor(points), "int32")
    share = points - ops.floor(points)
    pair = ((before, (1 - share) * counts), (ops.minimum(before + 1, length - 1), share * counts))
    if pooling == "crop":
        return list(pair)
    return [(index[:, nth::2], weight[:, nth::2] / 2) for index, weight in pair for nth in (0, 1)]
