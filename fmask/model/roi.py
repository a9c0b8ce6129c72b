"""Regions of interest: which are drawn for training, and what the heads should say of them.

B images, G annotated instances, N proposals, R regions of which the first P may be positive.
"""

from keras import ops

from fmask.model import geometry
from fmask.model.config import Regions
from fmask.model.pooling import bilinear, corner_points
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
    rows = bilinear(corner_points(start[..., 0], end[..., 0], side, length), length)
    columns = bilinear(corner_points(start[..., 1], end[..., 1], side, length), length)
    return ops.round(ops.matmul(ops.matmul(rows, mask), ops.swapaxes(columns, -1, -2)))
