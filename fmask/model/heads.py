"""The networks behind the pyramid: region proposals, class and box, mask.

R regions in a batch, K classes with background, A anchors.
"""

import math

import keras
from keras import KerasTensor, layers, ops

from fmask.model.norm import Norm
from fmask.model.types import Tensor


def rpn_head(pyramid: list[KerasTensor], channels: int, anchors_per_cell: int) -> tuple[KerasTensor, KerasTensor]:
    """Logits (B, A, 2), background first, and deltas (B, A, 4) for the anchors of all levels, by one head.

    What the three networks here put out is float32 whatever the precision inside: exponentials and boxes need it.
    """
    shared = layers.Conv2D(channels, 3, padding="same", activation="relu", name="rpn_conv_shared")
    class_raw = layers.Conv2D(2 * anchors_per_cell, 1, name="rpn_class_raw")
    bbox_pred = layers.Conv2D(4 * anchors_per_cell, 1, name="rpn_bbox_pred")
    logits, deltas = [], []
    for feature in pyramid:
        hidden = shared(feature)
        logits.append(layers.Reshape((-1, 2))(class_raw(hidden)))
        deltas.append(layers.Reshape((-1, 4))(bbox_pred(hidden)))
    return tuple(layers.Concatenate(axis=1, dtype="float32")(parts) for parts in (logits, deltas))


def box_head(pool: int, channels: int, width: int, classes: int, norm: Norm) -> keras.Model:
    """Pooled regions (R, pool, pool, channels) to class logits (R, K) and class-specific deltas (R, K, 4)."""
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
    """A convolution whose kernel covers its whole input (R, k, k, C), which makes it one matrix product.

    A processor's convolutions are made for small windows: theirs takes ten times as long for 7 x 7 regions.
    """

    def call(self, inputs: Tensor) -> Tensor:
        inside = math.prod(self.kernel.shape[:-1])
        product = ops.matmul(ops.reshape(inputs, (-1, inside)), ops.reshape(self.kernel, (inside, self.filters)))
        return ops.reshape(product + self.bias, (-1, 1, 1, self.filters))


def mask_head(pool: int, channels: int, width: int, convs: int, classes: int, norm: Norm) -> keras.Model:
    """Pooled regions (R, pool, pool, channels) to mask logits (R, 2 pool, 2 pool, K), before the sigmoid."""
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
    # Batch statistics over regions would mix padding rows and photos that happen to hold many objects, so the heads
    # go without unless the statistics are frozen.
    return norm(x, name) if norm.kind == "frozen" else x
