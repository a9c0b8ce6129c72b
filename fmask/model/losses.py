"""The five losses of Mask R-CNN, under their usual names. Each is a scalar, a mean over the whole batch.

Shapes: B images, A anchors, R regions, P positive slots, K classes, masks of S x S pixels.
"""

import math
from collections.abc import Mapping

import keras
import numpy as np
from keras import ops

from fmask.model.groups import allowed_logits
from fmask.model.types import Tensor


def smooth_l1(difference: Tensor) -> Tensor:
    """Return the elementwise Huber loss with threshold 1 (Fast R-CNN, Girshick 2015, eq. 3)."""
    magnitude = ops.abs(difference)
    return ops.where(magnitude < 1, 0.5 * difference**2, magnitude - 0.5)


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Return the mean of `values` weighted by `weights`, 0 or 1, of the same shape; 0 if all weights are 0."""
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1.0)


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Return the softmax cross-entropy (...) of `logits` (..., K) with integer targets (...)."""
    chosen = ops.take_along_axis(logits, target[..., None], axis=-1)[..., 0]
    return ops.logsumexp(logits, axis=-1) - chosen


def rpn_class_loss(logits: Tensor, match: Tensor) -> Tensor:
    """Compute the classification loss of the anchors.

    Args:
        logits: (B, A, 2), background first.
        match: (B, A), 1 for object, -1 for background, 0 for anchors that do not count.
    """
    target = ops.cast(match == 1, "int32")
    return _mean(_cross_entropy(logits, target), ops.cast(match != 0, logits.dtype))


def rpn_bbox_loss(deltas: Tensor, target: Tensor, match: Tensor) -> Tensor:
    """Compute the box regression loss of the anchors.

    Args:
        deltas: (B, A, 4) predicted deltas, in units of their standard deviations.
        target: (B, A, 4) true deltas, in the same units.
        match: (B, A); only anchors with a match of 1 count.
    """
    weight = ops.cast(match == 1, deltas.dtype)[..., None] * ops.ones_like(deltas)
    return _mean(smooth_l1(target - deltas), weight)


def mrcnn_class_loss(logits: Tensor, class_ids: Tensor, weight: Tensor, members: np.ndarray | None = None) -> Tensor:
    """Compute the classification loss of the regions.

    Args:
        logits: (B, R, K).
        class_ids: (B, R), 0 for background.
        weight: (B, R), 0 for regions that do not count, else 1.
        members: bool (K + G, K), the classes that each class id allows, whose probabilities are added; see
            `fmask.model.groups`. None if each class id is a class.
    """
    if members is not None:
        allowed = ops.logsumexp(allowed_logits(logits, class_ids, members), axis=-1)
        return _mean(ops.logsumexp(logits, axis=-1) - allowed, weight)
    return _mean(_cross_entropy(logits, class_ids), weight)


def mrcnn_bbox_loss(deltas: Tensor, target: Tensor, class_ids: Tensor) -> Tensor:
    """Compute the box regression loss of the regions.

    Args:
        deltas: (B, P, K, 4); only the deltas of the true class count.
        target: (B, P, 4).
        class_ids: (B, P), 0 for empty slots.
    """
    own = ops.take_along_axis(deltas, class_ids[..., None, None], axis=2)[:, :, 0]
    weight = ops.cast(class_ids > 0, deltas.dtype)[..., None] * ops.ones_like(own)
    return _mean(smooth_l1(target - own), weight)


def mrcnn_mask_loss(logits: Tensor, target: Tensor, class_ids: Tensor) -> Tensor:
    """Compute the mask loss, a binary cross-entropy per pixel.

    Args:
        logits: (B, P, S, S, K); only the logits of the true class count.
        target: (B, P, S, S), 0 or 1.
        class_ids: (B, P), 0 for empty slots.
    """
    choice = ops.one_hot(class_ids, logits.shape[-1], dtype=logits.dtype)
    own = ops.sum(logits * choice[:, :, None, None, :], axis=-1)
    # log(1 + exp(x)) - x t is the binary cross-entropy of sigmoid(x) with t, without overflow.
    cross_entropy = ops.softplus(own) - own * target
    weight = ops.cast(class_ids > 0, logits.dtype)[..., None, None] * ops.ones_like(own)
    return _mean(cross_entropy, weight)


def distilled_class_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Compute the classification loss of the regions with probabilities as targets.

    Args:
        logits: (B, R, K).
        target: (B, R, K), probabilities that add up to 1.
        weight: (B, R), 0 for regions that do not count, else 1.
    """
    return _mean(ops.logsumexp(logits, axis=-1) - ops.sum(logits * target, axis=-1), weight)


def weighted_sum(values: Mapping[str, Tensor], factors: Mapping[str, float]) -> Tensor:
    """Return the sum of losses, each times its factor.

    One sum over a vector, because TensorFlow's graph optimizer reorders a chain of additions. Losses with factor 1 come
    first, which is the order that it chose in version 0.1: the same run gives the same total loss.
    """
    order = sorted(factors, key=lambda name: factors[name] != 1)
    return ops.sum(
        ops.stack([values[name] for name in order]) * np.array([factors[name] for name in order], np.float32)
    )


def mean_square(weight: keras.Variable) -> Tensor:
    """Return the mean square of a weight, for weight decay.

    On TensorFlow, value and gradient take one pass over memory each.
    """
    if keras.backend.backend() != "tensorflow":
        return ops.mean(ops.square(weight))
    import tensorflow as tf

    return tf.nn.l2_loss(weight.value) * (2 / math.prod(weight.shape))
