"""Region proposal network (Faster R-CNN, Ren 2015): its training targets and its proposals.

Shapes: B images, A anchors, G annotated instances including padding, N proposals.
"""

import keras
import numpy as np
from keras import ops

from fmask.model import geometry
from fmask.model.config import Proposals
from fmask.model.types import Tensor

DELTA_STD = np.array([0.1, 0.1, 0.2, 0.2], np.float32)
"""Standard deviations of the deltas (dy, dx, log dh, log dw); the network predicts deltas in these units."""
SAMPLED, SAMPLED_POSITIVE = 256, 128
"""Number of anchors that train the network in a step, and the most of them that are positive."""
POSITIVE_IOU, NEGATIVE_IOU = 0.7, 0.3
"""Anchors are positive from the first IoU with an object on, and background below the second."""
IGNORED_SHARE = 0.3
"""An anchor or region with at least this share of its area on an ignored instance is not background."""


def rpn_targets(anchors: Tensor, boxes: Tensor, class_ids: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Draw the anchors that train the proposal network in one step.

    Args:
        anchors: (A, 4) in pixels.
        boxes: (B, G, 4) in pixels.
        class_ids: (B, G), 1 or more for objects, 0 for padding, -1 for ignored objects.
        noise: (B, A), uniform in [0, 1). It decides the draw.

    Returns:
        match: (B, A) int32, 1 for object, -1 for background, 0 for anchors that do not count.
        deltas: (B, A, 4) from each anchor to its best instance; meaningful only where `match` is 1.
    """
    # Where several anchors contain all of an object, rounding decides which of them is the best one. The reference
    # computes in float64, so this function does too on backends that support it.
    exact = "float64" if keras.backend.backend() == "tensorflow" else "float32"
    real = class_ids > 0
    overlaps = geometry.iou(ops.cast(anchors, exact)[None], ops.cast(boxes, exact))
    overlaps = ops.where(real[:, None, :], overlaps, ops.cast(-1.0, exact))
    anchors = ops.cast(anchors, boxes.dtype)
    best = ops.max(overlaps, axis=2)
    best_of_object = ops.max(overlaps, axis=1, keepdims=True)
    is_best = ops.any(ops.logical_and(overlaps == best_of_object, best_of_object > 0), axis=2)
    positive = ops.logical_or(best >= POSITIVE_IOU, is_best)
    ignored = on_ignored(anchors[None], boxes, class_ids)
    negative = ops.logical_and(best < NEGATIVE_IOU, ops.logical_not(ops.logical_or(positive, ignored)))

    positive = _draw(positive, noise, SAMPLED_POSITIVE, ops.full_like(noise[:, 0], SAMPLED_POSITIVE))
    remaining = SAMPLED - ops.sum(ops.cast(positive, "float32"), axis=1)
    negative = _draw(negative, noise, SAMPLED, remaining)
    match = ops.cast(positive, "int32") - ops.cast(negative, "int32")

    own = ops.take_along_axis(boxes, ops.argmax(overlaps, axis=2)[..., None], axis=1)
    return match, geometry.encode(anchors[None], own) / DELTA_STD


def on_ignored(candidates: Tensor, boxes: Tensor, class_ids: Tensor) -> Tensor:
    """Return which candidates (B or 1, N, 4) overlap an ignored instance by `IGNORED_SHARE` or more: (B, N) bool."""
    share = geometry.intersection(candidates, boxes) / ops.maximum(
        geometry.area(candidates)[..., None], geometry.EPSILON
    )
    return ops.any(ops.logical_and(share >= IGNORED_SHARE, (class_ids < 0)[:, None, :]), axis=2)


def _draw(candidates: Tensor, noise: Tensor, limit: int, count: Tensor) -> Tensor:
    """Choose `count` (B,) of the candidates (B, A) at random; no count is above `limit`."""
    score = ops.where(candidates, noise, -1.0)
    ranked, _ = ops.top_k(score, min(limit, score.shape[1]))
    last = ops.cast(ops.clip(count, 1, ranked.shape[1]) - 1, "int32")
    lowest = ops.take_along_axis(ranked, last[:, None], axis=1)
    chosen = ops.logical_and(candidates, score >= lowest)
    return ops.logical_and(chosen, (count > 0)[:, None])


def propose(anchors: Tensor, logits: Tensor, deltas: Tensor, config: Proposals, keep: int) -> Tensor:
    """Select the best regions by non-maximum suppression.

    Args:
        anchors: (A, 4) normalised.
        logits: (B, A, 2), background first.
        deltas: (B, A, 4) in units of `DELTA_STD`.
        config: how proposals are selected.
        keep: N, the number of regions to return.

    Returns:
        (B, N, 4) normalised boxes, clipped to the image, best first; zeros in unused slots.
    """
    score = ops.softmax(logits, axis=-1)[..., 1]
    score, order = ops.top_k(score, min(config.candidates, anchors.shape[0]))
    chosen = ops.take(ops.convert_to_tensor(anchors), order, axis=0)
    moved = geometry.decode(chosen, ops.take_along_axis(deltas, order[..., None], axis=1) * DELTA_STD)
    boxes = geometry.clip(moved)
    indices, valid = geometry.non_max_suppression(boxes, score, keep, config.nms)
    kept = ops.take_along_axis(boxes, indices[..., None], axis=1)
    return ops.where(valid[..., None], kept, 0.0)
