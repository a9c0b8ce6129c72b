"""Regions of interest for training: sampling, and the targets of the heads.

Shapes: B images, G annotated instances, N proposals, R regions of which the first P may be positive.
"""

from keras import ops

from fmask.model import geometry
from fmask.model.config import Regions
from fmask.model.pooling import bilinear, cell_centres, corner_points
from fmask.model.rpn import DELTA_STD, on_ignored
from fmask.model.types import Tensor

POSITIVE_IOU = 0.5
"""Smallest IoU of a positive region with an object."""
TIE_MARGIN = 1e-3
"""Margin above one half that a pixel of a target mask needs with ROIAlign."""


def positive_slots(config: Regions) -> int:
    """Return P, the largest number of positive regions in an image."""
    return int(config.positive * config.count)


def sample_regions(
    proposals: Tensor, boxes: Tensor, class_ids: Tensor, noise: Tensor, config: Regions
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draw the regions that train the heads in one step.

    Args:
        proposals: (B, N, 4) normalised; zero rows are empty slots.
        boxes: (B, G, 4) normalised.
        class_ids: (B, G), 1 or more for objects, 0 for padding, -1 for ignored objects.
        noise: (B, N), or (B, N + G) with `config.add_objects`; uniform in [0, 1). It decides the draw.
        config: how regions are sampled.

    Returns:
        regions: (B, R, 4), the P positive slots first; zeros in empty slots.
        class_ids: (B, R), 0 for background.
        valid: (B, R) bool, False for empty slots.
        matched: (B, P), the index of the instance that each positive region is matched with.
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
    """Return deltas (B, P, 4) from positive regions (B, P, 4) to their instances, in units of `DELTA_STD`."""
    own = ops.take_along_axis(boxes, matched[..., None], axis=1)
    return geometry.encode(regions, own) / DELTA_STD


def mask_targets(
    regions: Tensor, boxes: Tensor, masks: Tensor, matched: Tensor, side: int, size: int, pooling: str
) -> Tensor:
    """Return the target masks of positive regions.

    A detected mask is drawn as `side` x `side` equal cells of its box. With ROIAlign, a target is therefore read in the
    middle of each cell. The reference implementation (`crop`) reads it at points from edge to edge of the box, so that
    its masks come out one cell too narrow.

    Args:
        regions: (B, P, 4) normalised.
        boxes: (B, G, 4) normalised.
        masks: (B, G, M, M), each instance inside its own box.
        matched: (B, P), the index of each region's instance.
        side: side of the target masks in pixels.
        size: S, the side of the images in pixels.
        pooling: how regions are pooled; see `Regions.pooling`.

    Returns:
        (B, P, side, side), 0 or 1.
    """
    own = ops.take_along_axis(boxes, matched[..., None], axis=1)
    mask = ops.take_along_axis(ops.cast(masks, "float32"), matched[..., None, None], axis=1)
    rows, columns = (
        _mask_sampling(regions[..., axis::2], own[..., axis::2], side, masks.shape[-1], size, pooling)
        for axis in (0, 1)
    )
    target = ops.matmul(ops.matmul(rows, mask), ops.swapaxes(columns, -1, -2))
    if pooling == "crop":
        return ops.round(target)
    # The middle of a cell often lies exactly between two pixels of the mask. The margin keeps the last bits of the
    # coordinates, which differ between backends, from deciding such ties.
    return ops.cast(target > 0.5 + TIE_MARGIN, "float32")


def has_mask(masks: Tensor, matched: Tensor) -> Tensor:
    """Return bool (B, P): whether the instances (B, P) of regions have a mask; see `fmask.MaskRCNN`."""
    return ops.take_along_axis(masks[:, :, 0, 0], matched, axis=1) >= 0


def _mask_sampling(region: Tensor, own: Tensor, side: int, length: int, size: int, pooling: str) -> Tensor:
    """Return matrices (B, P, side, length) that sample masks along one axis, from `own` box to `region` (B, P, 2)."""
    # A normalised box ends at the centre of its last pixel, which is a pixel before the box's edge.
    pixel = 0.0 if pooling == "crop" else 1 / (size - 1)
    extent = ops.maximum(own[..., 1] + pixel - own[..., 0], geometry.EPSILON)
    start, end = (region[..., 0] - own[..., 0]) / extent, (region[..., 1] + pixel - own[..., 0]) / extent
    if pooling == "crop":
        return bilinear(corner_points(start, end, side, length), length)
    points = cell_centres((start * length)[..., None], (end * length)[..., None], side)
    inside = ops.logical_and(points >= -0.5, points <= length - 0.5)
    return bilinear(ops.where(inside, ops.clip(points, 0, length - 1), -1.0), length)
