"""The heads on the feature pyramid: region proposals, box head and mask head.

Shapes: B images, A anchors, R regions in a batch, K classes including the background.
"""

import math

import keras
from keras import KerasTensor, layers, ops

from fmask.model.convolution import Conv2D
from fmask.model.norm import Norm
from fmask.model.types import Tensor


def rpn_head(pyramid: list[KerasTensor], channels: int, anchors_per_cell: int) -> tuple[KerasTensor, KerasTensor]:
    """Build the head of the region proposal network, which all levels share.

    The outputs of the three heads in this module are float32 at any precision: exponentials and boxes need it.

    Returns:
        Logits (B, A, 2), background first, and deltas (B, A, 4) of the anchors of all levels.
    """
    shared = Conv2D(channels, 3, padding="same", activation="relu", name="rpn_conv_shared")
    class_raw = layers.Conv2D(2 * anchors_per_cell, 1, name="rpn_class_raw")
    bbox_pred = layers.Conv2D(4 * anchors_per_cell, 1, name="rpn_bbox_pred")
    logits, deltas = [], []
    for feature in pyramid:
        hidden = shared(feature)
        logits.append(layers.Reshape((-1, 2))(class_raw(hidden)))
        deltas.append(layers.Reshape((-1, 4))(bbox_pred(hidden)))
    return tuple(layers.Concatenate(axis=1, dtype="float32")(parts) for parts in (logits, deltas))


def box_head(pool: int, channels: int, width: int, classes: int, norm: Norm) -> keras.Model:
    """Build the box head: pooled regions (R, pool, pool, channels) to class logits (R, K) and deltas (R, K, 4)."""
    x = pooled = keras.Input((pool, pool, channels))
    for index, kernel in ((1, pool), (2, 1)):
        x = WholeConv2D(width, kernel, name=f"mrcnn_class_conv{index}", kernel_initializer=norm.initializer)(x)
        x = _head_norm(x, f"mrcnn_class_bn{index}", norm)
        x = layers.ReLU()(x)
    x = layers.Reshape((width,))(x)
    logits = layers.Dense(classes, name="mrcnn_class_logits", dtype="float32")(x)
    deltas = layers.Dense(4 * classes, name="mrcnn_bbox_fc", dtype="float32")(x)
    return keras.Model(pooled, [logits, layers.Reshape((classes, 4), dtype="float32")(deltas)], name="box_head")


class WholeConv2D(layers.Conv2D):
    """A convolution whose kernel covers its whole input (R, k, k, C), computed as one matrix product.

    CPU convolutions are optimised for small kernels: for 7 x 7 regions they take ten times as long.
    """

    def call(self, inputs: Tensor) -> Tensor:
        inside = math.prod(self.kernel.shape[:-1])
        product = ops.matmul(ops.reshape(inputs, (-1, inside)), ops.reshape(self.kernel, (inside, self.filters)))
        return ops.reshape(product + self.bias, (-1, 1, 1, self.filters))


def mask_head(pool: int, channels: int, width: int, convs: int, classes: int, norm: Norm) -> keras.Model:
    """Build the mask head: pooled regions (R, pool, pool, channels) to mask logits (R, 2 pool, 2 pool, K)."""
    x = pooled = keras.Input((pool, pool, channels))
    for index in range(1, convs + 1):
        conv = layers.Conv2D(
            width, 3, padding="same", name=f"mrcnn_mask_conv{index}", kernel_initializer=norm.initializer
        )
        x = layers.ReLU()(_head_norm(conv(x), f"mrcnn_mask_bn{index}", norm))
    x = layers.Conv2DTranspose(
        width, 2, 2, activation="relu", name="mrcnn_mask_deconv", kernel_initializer=norm.initializer
    )(x)
    logits = layers.Activation("linear", dtype="float32")(layers.Conv2D(classes, 1, name="mrcnn_mask")(x))
    return keras.Model(pooled, logits, name="mask_head")


def _head_norm(x: KerasTensor, name: str, norm: Norm) -> KerasTensor:
    # Batch statistics over regions would include padding, and would depend most on photos with many objects. So the
    # heads are normalised only with frozen statistics.
    return norm(x, name) if norm.kind == "frozen" else x
