"""Region proposals (Faster R-CNN, Ren 2015): what the proposal network is taught, and the regions it proposes.

B images, A anchors, G annotated instances of which some are padding, N proposals.
"""

import keras
import numpy as np
from keras import ops

from fmask.model import geometry
from fmask.model.config import Proposals
from fmask.model.types import Tensor

DELTA_STD = np.array([0.1, 0.1, 0.2, 0.2], np.float32)
"""Deltas are learned in units of these."""
SAMPLED, SAMPLED_POSITIVE = 256, 128
POSITIVE_IOU, NEGATIVE_IOU = 0.7, 0.3
IGNORED_SHARE = 0.3
"""An anchor or region with this share of its area on an ignored instance is no background."""


def rpn_targets(anchors: Tensor, boxes: Tensor, class_ids: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Draws the anchors that the proposal network learns from in this step.

    Args: anchors (A, 4) and boxes (B, G, 4) in pixels; class_ids (B, G): 1.. objects, 0 padding, -1 ignored;
        noise (B, A) uniform in [0, 1), which decides the draw.
    Returns: match (B, A) int32: 1 object, -1 background, 0 neither; deltas (B, A, 4) for the matched anchors.
    """
    # Where several anchors hold all of an object, rounding decides which of them is its best, and the reference rounds
    # to float64; so do we where the backend has it.
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
    room = SAMPLED - ops.sum(ops.cast(positive, "float32"), axis=1)
    negative = _draw(negative, noise, SAMPLED, room)
    match = ops.cast(positive, "int32") - ops.cast(negative, "int32")

    own = ops.take_along_axis(boxes, ops.argmax(overlaps, axis=2)[..., None], axis=1)
    return match, geometry.encode(anchors[None], own) / DELTA_STD


def on_ignored(candidates: Tensor, boxes: Tensor, class_ids: Tensor) -> Tensor:
    """Which candidates (B or 1, N, 4) lie to a good part on an ignored instance of boxes (B, G, 4): (B, N) bool."""
    share = geometry.intersection(candidates, boxes) / ops.maximum(
        geometry.area(candidates)[..., None], geometry.EPSILON
    )
    return ops.any(ops.logical_and(share >= IGNORED_SHARE, (class_ids < 0)[:, None, :]), axis=2)


def _draw(candidates: Tensor, noise: Tensor, most: int, allowed: Tensor) -> Tensor:
    """A random choice of `allowed` (B,) <= `most` of the candidates (B, A)."""
    score = ops.where(candidates, noise, -1.0)
    ranked, _ = ops.top_k(score, min(most, score.shape[1]))
    last = ops.cast(ops.clip(allowed, 1, ranked.shape[1]) - 1, "int32")
    lowest = ops.take_along_axis(ranked, last[:, None], axis=1)
    chosen = ops.logical_and(candidates, score >= lowest)
    return ops.logical_and(chosen, (allowed > 0)[:, None])


def propose(anchors: Tensor, logits: Tensor, deltas: Tensor, config: Proposals, keep: int) -> Tensor:
    """The best regions that do not overlap too much.

    Args: anchors (A, 4) normalised; logits (B, A, 2); deltas (B, A, 4); keep: N, the number of regions.
    Returns: (B, N, 4) normalised boxes inside the image, best first; zeros where there are fewer.
    """
    score = ops.softmax(logits, axis=-1)[..., 1]
    score, order = ops.top_k(score, min(config.candidates, anchors.shape[0]))
    chosen = ops.take(ops.convert_to_tensor(anchors), order, axis=0)
    moved = geometry.decode(chosen, ops.take_along_axis(deltas, order[..., None], axis=1) * DELTA_STD)
    boxes = geometry.clip(moved)
    indices, valid = geometry.non_max_suppression(boxes, score, keep, config.nms)
    kept = ops.take_along_axis(boxes, indices[..., None], axis=1)
    return ops.where(valid[..., None], kept, 0.0)
