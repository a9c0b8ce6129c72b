"""Regions of interest: which are drawn for training, and how they are pooled from the pyramid.

B images, G annotated instances, N proposals, R regions of which the first P may be positive, C channels.
"""

import math

from keras import ops

from fmask.model import geometry
from fmask.model.config import Regions
from fmask.model.rpn import DELTA_STD, on_ignored
from fmask.model.types import Tensor

POSITIVE_IOU = 0.5


def positive_slots(config: Regions) -> int:
    """P: how many regions of an image may be positive."""
    return int(config.positive * config.count)


def sample_regions(
    proposals: Tensor, boxes: Tensor, class_ids: Tensor, noise: Tensor, config: Regions
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draws the regions that the heads learn from in this step.

    Args: proposals (B, N, 4) normalised, zero rows are none; boxes (B, G, 4) normalised; class_ids (B, G): 1.. objects,
        0 padding, -1 ignored; noise (B, N or N + G) uniform in [0, 1), which decides the draw.
    Returns: regions (B, R, 4), the P positive slots first, zeros where a slot is empty; class_ids (B, R), 0 background;
        valid (B, R) bool; matched (B, P): the instance that a positive slot belongs to.
    """
    slots, total = positive_slots(config), config.count
    if config.add_objects:
        proposals = ops.concatenate([proposals, ops.where((class_ids > 0)[..., None], boxes, 0.0)], axis=1)
    present = ops.any(proposals != 0, axis=-1)
    overlaps = ops.where((class_ids > 0)[:, None, :], geometry.iou(proposals, boxes), -1.0)
    best = ops.max(overlaps, axis=2)
    positive = ops.logical_and(present, best >= POSITIVE_IOU)
    negative = ops.logical_and(present, best < POSITIVE_IOU)
    negative = ops.logical_and(negative, ops.logical_not(on_ignored(proposals, boxes, class_ids)))

    positive_score, positive_index = ops.top_k(ops.where(positive, noise, -1.0), slots)
    negative_score, negative_index = ops.top_k(ops.where(negative, noise, -1.0), total - slots)
    found = positive_score >= 0
    usable = negative_score >= 0
    if not config.fill:
        count = ops.sum(ops.cast(found, "float32"), axis=1, keepdims=True)
        allowed = ops.floor(count / config.positive) - count
        usable = ops.logical_and(usable, ops.arange(total - slots, dtype="float32")[None] < allowed)

    index = ops.concatenate([positive_index, negative_index], axis=1)
    valid = ops.concatenate([found, usable], axis=1)
    regions = ops.where(valid[..., None], ops.take_along_axis(proposals, index[..., None], axis=1), 0.0)
    matched = ops.take_along_axis(ops.argmax(overlaps, axis=2), positive_index, axis=1)
    ids = ops.where(found, ops.take_along_axis(ops.cast(class_ids, "int32"), matched, axis=1), 0)
    ids = ops.pad(ids, [[0, 0], [0, total - slots]])
    return regions, ids, valid, matched


def box_targets(regions: Tensor, boxes: Tensor, matched: Tensor) -> Tensor:
    """Deltas (B, P, 4), in units of their standard deviations, from positive regions (B, P, 4) to their instances."""
    own = ops.take_along_axis(boxes, matched[..., None], axis=1)
    return geometry.encode(regions, own) / DELTA_STD


def mask_targets(regions: Tensor, boxes: Tensor, masks: Tensor, matched: Tensor, side: int) -> Tensor:
    """What the mask head should say of positive regions (B, P, 4): (B, P, side, side) of 0 and 1.

    `masks` (B, G, M, M) hold each instance inside its own box of `boxes` (B, G, 4).
    """
    own = ops.take_along_axis(boxes, matched[..., None], axis=1)
    mask = ops.take_along_axis(ops.cast(masks, "float32"), matched[..., None, None], axis=1)
    size = ops.maximum(own[..., 2:] - own[..., :2], geometry.EPSILON)
    corner = own[..., :2]
    start, end = (regions[..., :2] - corner) / size, (regions[..., 2:] - corner) / size
    length = masks.shape[-1]
    rows = _bilinear(_corner_points(start[..., 0], end[..., 0], side, length), length)
    columns = _bilinear(_corner_points(start[..., 1], end[..., 1], side, length), length)
    return ops.round(ops.matmul(ops.matmul(rows, mask), ops.swapaxes(columns, -1, -2)))


def pyramid_levels(regions: Tensor, size: int, config: Regions) -> Tensor:
    """The level 2..5 that each normalised region (..., 4) is pooled from (FPN, Lin 2017, eq. 1)."""
    side = ops.sqrt(ops.maximum(geometry.area(regions), 1e-12)) * size / config.canonical
    exponent = ops.log(side) / math.log(2)
    exponent = ops.round(exponent) if config.rounding == "round" else ops.floor(exponent + 1e-6)
    return ops.cast(ops.clip(4 + exponent, 2, 5), "int32")


def pool_regions(pyramid: list[Tensor], regions: Tensor, side: int, size: int, config: Regions) -> Tensor:
    """Pools regions (B, R, 4) from P2..P5 to (B, R, side, side, C).

    Bilinear sampling along one axis is a product with a matrix of at most a few non-zero entries a row, so pooling a
    region is rows x feature x columns-transposed. Products, and their gradients, are the fastest and most
    reproducible thing a processor does; gathering and scattering pixels is not.
    """
    levels = pyramid_levels(regions, size, config)
    pooled = 0.0
    for level, feature in enumerate(pyramid[:4], start=2):
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


def _sampling(start: Tensor, end: Tensor, bins: int, length: int, size: int, pooling: str) -> Tensor:
    """Matrices (..., bins, length) that sample `bins` values between normalised `start` and `end` (...)."""
    if pooling == "crop":
        return _bilinear(_corner_points(start, end, bins, length), length)
    # ROIAlign (Mask R-CNN, He 2017, section 3): the region's pixel extent on a grid of pixel centres at one half,
    # two samples a bin, averaged.
    low, high = start * (size - 1) / size * length, (end * (size - 1) + 1) / size * length
    steps = (ops.arange(2 * bins, dtype="float32") + 0.5) / (2 * bins)
    points = low[..., None] + (high - low)[..., None] * steps - 0.5
    points = ops.where(ops.logical_and(points > -1, points < length), ops.clip(points, 0, length - 1), -2.0)
    matrix = _bilinear(points, length)
    return ops.mean(ops.reshape(matrix, (*ops.shape(matrix)[:-2], bins, 2, length)), axis=-2)


def _corner_points(start: Tensor, end: Tensor, bins: int, length: int) -> Tensor:
    """Sampling positions (..., bins) whose first and last lie on `start` and `end` (...), corners aligned."""
    # In this order no rounding puts the last point of a region that ends at 1 outside the map. The reference's order
    # sometimes does, and pools zeros there.
    steps = ops.arange(bins, dtype="float32") / (bins - 1)
    return (start[..., None] + (end - start)[..., None] * steps) * (length - 1)


def _bilinear(points: Tensor, length: int) -> Tensor:
    """Interpolation weights (..., bins, length) at `points` (..., bins); rows of points outside are zero."""
    grid = ops.arange(length, dtype="float32")
    inside = ops.logical_and(points >= 0, points <= length - 1)
    weights = ops.maximum(1 - ops.abs(points[..., None] - grid), 0)
    return ops.where(inside[..., None], weights, 0.0)
