"""Boxes: overlap, regression deltas, clipping, non-maximum suppression.

Shapes: B images, N or M boxes. A box is (y1, x1, y2, x2), normalised as `fmask.model.preprocessing` says.
"""

import keras
import numpy as np
from keras import ops

from fmask.model.types import Tensor

EPSILON = 1e-7
LARGEST_GROWTH = 62.5
"""No delta makes a box higher or wider than this many times: an untrained network would ask for infinitely much."""


def area(boxes: Tensor) -> Tensor:
    """(..., 4) boxes to (...) areas."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def intersection(boxes: Tensor, others: Tensor) -> Tensor:
    """Areas shared by every box (..., N, 4) with every other (..., M, 4): (..., N, M)."""
    a, b = boxes[..., :, None, :], others[..., None, :, :]
    height = ops.minimum(a[..., 2], b[..., 2]) - ops.maximum(a[..., 0], b[..., 0])
    width = ops.minimum(a[..., 3], b[..., 3]) - ops.maximum(a[..., 1], b[..., 1])
    return ops.maximum(height, 0) * ops.maximum(width, 0)


def iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of every box (..., N, 4) with every other (..., M, 4): (..., N, M) in [0, 1]."""
    shared = intersection(boxes, others)
    union = area(boxes)[..., :, None] + area(others)[..., None, :] - shared
    return shared / ops.maximum(union, EPSILON)


def encode(boxes: Tensor, targets: Tensor) -> Tensor:
    """Deltas (dy, dx, log dh, log dw) from `boxes` (..., 4) to `targets` (..., 4). R-CNN (Girshick 2014), app. C."""
    size = ops.maximum(boxes[..., 2:] - boxes[..., :2], EPSILON)
    target_size = ops.maximum(targets[..., 2:] - targets[..., :2], EPSILON)
    centre = boxes[..., :2] + 0.5 * size
    target_centre = targets[..., :2] + 0.5 * target_size
    return ops.concatenate([(target_centre - centre) / size, ops.log(target_size / size)], axis=-1)


def decode(boxes: Tensor, deltas: Tensor) -> Tensor:
    """Moves `boxes` (..., 4) by `deltas` (..., 4); the inverse of `encode` up to `LARGEST_GROWTH`."""
    size = boxes[..., 2:] - boxes[..., :2]
    centre = boxes[..., :2] + 0.5 * size + deltas[..., :2] * size
    size = size * ops.exp(ops.minimum(deltas[..., 2:], np.float32(np.log(LARGEST_GROWTH))))
    corner = centre - 0.5 * size
    return ops.concatenate([corner, corner + size], axis=-1)


def clip(boxes: Tensor, window: Tensor = (0.0, 0.0, 1.0, 1.0)) -> Tensor:
    """Cuts `boxes` (..., 4) to `window`: (4,) or broadcastable to the boxes."""
    window = ops.convert_to_tensor(window, dtype=boxes.dtype)
    low, high = window[..., :2], window[..., 2:]
    corners = [ops.minimum(ops.maximum(part, low), high) for part in (boxes[..., :2], boxes[..., 2:])]
    return ops.concatenate(corners, axis=-1)


def non_max_suppression(boxes: Tensor, scores: Tensor, count: int, threshold: float) -> tuple[Tensor, Tensor]:
    """Greedy suppression: keeps the best `count` boxes of which no two overlap by more than `threshold` IoU.

    Args: boxes (B, N, 4); scores (B, N), where a score below 0 marks a box that is not there.
    Returns: indices (B, count) int32, best score first, and valid (B, count) bool; where not valid the index is 0.
    """
    if keras.backend.backend() == "tensorflow":
        return _suppress_tensorflow(boxes, scores, count, threshold)
    return suppress_portable(boxes, scores, count, threshold)


def suppress_portable(boxes: Tensor, scores: Tensor, count: int, threshold: float) -> tuple[Tensor, Tensor]:
    """`non_max_suppression` in `keras.ops` alone.

    A box stays if no better box that stays overlaps it. That sentence has one solution, the greedy one, and applying
    it again and again reaches it: after t rounds the first t boxes are settled, in practice all are after a handful.
    """
    total = boxes.shape[1]
    ranked, order = ops.top_k(scores, total)
    sorted_boxes = ops.take_along_axis(boxes, order[..., None], axis=1)
    better = np.triu(np.ones((total, total), bool), 1)
    overlaps = ops.logical_and(iou(sorted_boxes, sorted_boxes) > threshold, better)
    present = ranked >= 0

    def settle(keep: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        suppressed = ops.any(ops.logical_and(overlaps, keep[:, :, None]), axis=1)
        return ops.logical_and(present, ops.logical_not(suppressed)), keep

    keep, _ = ops.while_loop(
        lambda keep, previous: ops.any(ops.not_equal(keep, previous)), settle, settle(present, present)
    )
    # Ranks descend along the sorted axis, so that top_k returns the survivors in order of their score.
    rank = ops.where(keep, ops.arange(total, 0, -1, dtype="int32"), 0)
    best, position = ops.top_k(rank, min(count, total))
    valid = best > 0
    indices = ops.where(valid, ops.take_along_axis(order, position, axis=1), 0)
    missing = [[0, 0], [0, max(0, count - total)]]
    return ops.cast(ops.pad(indices, missing), "int32"), ops.pad(valid, missing)


def _suppress_tensorflow(boxes: Tensor, scores: Tensor, count: int, threshold: float) -> tuple[Tensor, Tensor]:
    """`non_max_suppression` by TensorFlow's kernel for batches, which needs no N x N table.

    It is three times as fast as the one for single images, but returns boxes and scores instead of indices. So scores
    are replaced by ranks, N for the best down to 1, from which the index follows.
    """
    import tensorflow as tf

    total = boxes.shape[1]
    ranked, order = ops.top_k(scores, total)
    ranks = tf.where(ranked >= 0, tf.range(total, 0, -1, dtype="float32"), -1.0)
    _, kept, _, found = tf.raw_ops.CombinedNonMaxSuppression(
        boxes=ops.take_along_axis(boxes, order[..., None], axis=1)[:, :, None],
        scores=ranks[..., None],
        max_output_size_per_class=count,
        max_total_size=count,
        iou_threshold=threshold,
        score_threshold=0.0,
        clip_boxes=False,
    )
    valid = tf.range(count) < found[:, None]
    position = tf.where(valid, total - tf.cast(kept, "int32"), 0)
    return tf.where(valid, ops.take_along_axis(order, position, axis=1), 0), valid
