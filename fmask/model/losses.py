"""The five losses of Mask R-CNN, under their usual names, each a scalar.

B images, A anchors, R regions, P positive slots, K classes, S the mask's side. All means are over the whole batch.
"""

import math

import keras
from keras import ops

from fmask.model.types import Tensor


def smooth_l1(difference: Tensor) -> Tensor:
    """Huber's loss with its knee at 1 (Fast R-CNN, Girshick 2015, eq. 3)."""
    magnitude = ops.abs(difference)
    return ops.where(magnitude < 1, 0.5 * difference**2, magnitude - 0.5)


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean of `values` under `weights` of the same shape; 0 where nothing has weight."""
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1.0)


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Softmax cross-entropy of logits (..., K) with integer targets (...)."""
    chosen = ops.take_along_axis(logits, target[..., None], axis=-1)[..., 0]
    return ops.logsumexp(logits, axis=-1) - chosen


def rpn_class_loss(logits: Tensor, match: Tensor) -> Tensor:
    """logits (B, A, 2); match (B, A): 1 object, -1 background, 0 neither (left out)."""
    target = ops.cast(match == 1, "int32")
    return _mean(_cross_entropy(logits, target), ops.cast(match != 0, logits.dtype))


def rpn_bbox_loss(deltas: Tensor, target: Tensor, match: Tensor) -> Tensor:
    """deltas and target (B, A, 4), in units of their standard deviations; only anchors with match 1 count."""
    weight = ops.cast(match == 1, deltas.dtype)[..., None] * ops.ones_like(deltas)
    return _mean(smooth_l1(target - deltas), weight)


def mrcnn_class_loss(logits: Tensor, class_ids: Tensor, weight: Tensor) -> Tensor:
    """logits (B, R, K); class_ids (B, R) with 0 for background; weight (B, R), 0 where a row does not count."""
    return _mean(_cross_entropy(logits, class_ids), weight)


def mrcnn_bbox_loss(deltas: Tensor, target: Tensor, class_ids: Tensor) -> Tensor:
    """deltas (B, P, K, 4), of which the class's own counts; target (B, P, 4); class_ids (B, P), 0 where none is."""
    own = ops.take_along_axis(deltas, class_ids[..., None, None], axis=2)[:, :, 0]
    weight = ops.cast(class_ids > 0, deltas.dtype)[..., None] * ops.ones_like(own)
    return _mean(smooth_l1(target - own), weight)


def mrcnn_mask_loss(logits: Tensor, target: Tensor, class_ids: Tensor) -> Tensor:
    """logits (B, P, S, S, K); target (B, P, S, S) of 0 and 1; class_ids (B, P), 0 where the slot is empty."""
    choice = ops.one_hot(class_ids, logits.shape[-1], dtype=logits.dtype)
    own = ops.sum(logits * choice[:, :, None, None, :], axis=-1)
    # log(1 + exp(x)) - x t is the binary cross-entropy of sigmoid(x) with t, without overflow.
    cross_entropy = ops.softplus(own) - own * target
    weight = ops.cast(class_ids > 0, logits.dtype)[..., None, None] * ops.ones_like(own)
    return _mean(cross_entropy, weight)


def mean_square(weight: keras.Variable) -> Tensor:
    """The mean of a weight's squares, for its decay; on TensorFlow one pass over memory, and one for its gradient."""
    if keras.backend.backend() != "tensorflow":
        return ops.mean(ops.square(weight))
    import tensorflow as tf

    return tf.nn.l2_loss(weight.value) * (2 / math.prod(weight.shape))
