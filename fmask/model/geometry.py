"""Operations on boxes: overlap, regression deltas, clipping and non-maximum suppression.

Shapes: B images, N or M boxes. A box is (y1, x1, y2, x2), normalised as described in `fmask.model.preprocessing`.
"""

import keras
import numpy as np
from keras import ops

from fmask.model.types import Tensor

EPSILON = 1e-7
MAX_GROWTH = 62.5
"""Largest factor by which deltas can enlarge a box. Without it, an untrained network could predict infinite boxes."""


def area(boxes: Tensor) -> Tensor:
    """Return the areas (...) of `boxes` (..., 4)."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def intersection(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the intersection areas (..., N, M) of each of `boxes` (..., N, 4) with each of `others` (..., M, 4)."""
    a, b = boxes[..., :, None, :], others[..., None, :, :]
    height = ops.minimum(a[..., 2], b[..., 2]) - ops.maximum(a[..., 0], b[..., 0])
    width = ops.minimum(a[..., 3], b[..., 3]) - ops.maximum(a[..., 1], b[..., 1])
    return ops.maximum(height, 0) * ops.maximum(width, 0)


def iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the intersection over union of each of `boxes` (..., N, 4) with each of `others` (..., M, 4).

    Returns:
        (..., N, M) in [0, 1].
    """
    shared = intersection(boxes, others)
    union = area(boxes)[..., :, None] + area(others)[..., None, :] - shared
    return shared / ops.maximum(union, EPSILON)


def encode(boxes: Tensor, targets: Tensor) -> Tensor:
    """Return the deltas (dy, dx, log dh, log dw) from `boxes` to `targets`, both (..., 4).

    R-CNN (Girshick 2014), appendix C.
    """
    size = ops.maximum(boxes[..., 2:] - boxes[..., :2], EPSILON)
    target_size = ops.maximum(targets[..., 2:] - targets[..., :2], EPSILON)
    centre = boxes[..., :2] + 0.5 * size
    target_centre = targets[..., :2] + 0.5 * target_size
    return ops.concatenate([(target_centre - centre) / size, ops.log(target_size / size)], axis=-1)


def decode(boxes: Tensor, deltas: Tensor) -> Tensor:
    """Apply `deltas` to `boxes`, both (..., 4): the inverse of `encode`, with sizes limited by `MAX_GROWTH`."""
    size = boxes[..., 2:] - boxes[..., :2]
    centre = boxes[..., :2] + 0.5 * size + deltas[..., :2] * size
    size = size * ops.exp(ops.minimum(deltas[..., 2:], np.float32(np.log(MAX_GROWTH))))
    corner = centre - 0.5 * size
    return ops.concatenate([corner, corner + size], axis=-1)


def clip(boxes: Tensor, window: Tensor = (0.0, 0.0, 1.0, 1.0)) -> Tensor:
    """Clip `boxes` (..., 4) to `window`, which is (4,) or broadcastable to the boxes."""
    window = ops.convert_to_tensor(window, dtype=boxes.dtype)
    low, high = window[..., :2], window[..., 2:]
    corners = [ops.minimum(ops.maximum(part, low), high) for part in (boxes[..., :2], boxes[..., 2:])]
    return ops.concatenate(corners, axis=-1)


def non_max_suppression(boxes: Tensor, scores: Tensor, count: int, threshold: float) -> tuple[Tensor, Tensor]:
    """Apply greedy non-maximum suppression to each image.

    Args:
        boxes: (B, N, 4).
        scores: (B, N); a negative score marks an empty slot.
        count: largest number of boxes to keep in an image.
        threshold: largest IoU of two boxes that are both kept.

    Returns:
        indices: (B, count) int32, the kept boxes by descending score; 0 in unused slots.
        valid: (B, count) bool, False in unused slots.
    """
    if keras.backend.backend() == "tensorflow":
        return _suppress_tensorflow(boxes, scores, count, threshold)
    return suppress_portable(boxes, scores, count, threshold)


def suppress_portable(boxes: Tensor, scores: Tensor, count: int, threshold: float) -> tuple[Tensor, Tensor]:
    """Compute `non_max_suppression` with `keras.ops` only.

    A box is kept if no kept box with a higher score overlaps it. The greedy result is the only solution of this rule,
    and repeated application of the rule converges to it: t iterations settle at least the t best boxes. In practice a
    handful of iterations settles all boxes.
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
    # Ranks descend along the sorted axis, so that top_k returns the kept boxes by descending score.
    rank = ops.where(keep, ops.arange(total, 0, -1, dtype="int32"), 0)
    best, position = ops.top_k(rank, min(count, total))
    valid = best > 0
    indices = ops.where(valid, ops.take_along_axis(order, position, axis=1), 0)
    missing = [[0, 0], [0, max(0, count - total)]]
    return ops.cast(ops.pad(indices, missing), "int32"), ops.pad(valid, missing)


def _suppress_tensorflow(boxes: Tensor, scores: Tensor, count: int, threshold: float) -> tuple[Tensor, Tensor]:
    """Compute `non_max_suppression` with TensorFlow's kernel for batches, which needs no N x N table.

    The kernel is three times as fast as the one for single images, but it returns boxes and scores instead of indices.
    So the scores are replaced by ranks, from N for the best box down to 1, and the indices are derived from the ranks.
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
