"""Depthwise convolutions."""

from typing import Any

import keras

from fmask.model.types import Tensor


class DepthwiseConv(keras.layers.DepthwiseConv2D):
    """Keras' depthwise convolution without a bias, with fast gradients in TensorFlow on processors.

    The convolution itself is as fast as its memory traffic. Of its gradients, oneDNN is fast only in float32, and for
    kernels only if they have 3 x 3 elements. So gradients are computed in float32, and a 5 x 5 kernel's from four parts
    of 3 x 3 (`docs/explanation/speed.md` has the numbers).
    """

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or keras.backend.backend() != "tensorflow":
            return super().call(inputs)
        import tensorflow as tf

        return _convolution(tf.convert_to_tensor(inputs), tf.convert_to_tensor(self.kernel), self.strides[0])


def _convolution(inputs: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """Return the depthwise convolution with zero padding, (B, H / stride, W / stride, C)."""
    import tensorflow as tf

    strides = [1, stride, stride, 1]

    @tf.custom_gradient
    def convolution(x: Tensor, w: Tensor) -> Any:
        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            x32, w32, upstream32 = (tf.cast(each, tf.float32) for each in (x, w, upstream))
            of_x = tf.nn.depthwise_conv2d_backprop_input(tf.shape(x32), w32, upstream32, strides, "SAME")
            of_w = kernel_gradient(x32, upstream32, w.shape[0], stride)
            return tf.cast(of_x, x.dtype), tf.cast(of_w, w.dtype)

        return tf.nn.depthwise_conv2d(x, w, strides, "SAME"), gradient

    return convolution(inputs, kernel)


def kernel_gradient(x: Tensor, upstream: Tensor, side: int, stride: int) -> Tensor:
    """Return the gradient of a depthwise convolution with zero padding for its kernel.

    Args:
        x: the input of the convolution, (B, H, W, C).
        upstream: the gradient for its output, (B, H / stride, W / stride, C).
        side: side of the kernel, 3 or 5.
        stride: the stride along both axes.

    Returns:
        (side, side, C, 1).
    """
    import tensorflow as tf

    strides, channels = [1, stride, stride, 1], x.shape[-1]
    if side == 3:
        return tf.nn.depthwise_conv2d_backprop_filter(x, (3, 3, channels, 1), upstream, strides, "SAME")
    steps = tf.shape(upstream)[1:3] - 1
    missing = tf.maximum(steps * stride + side - tf.shape(x)[1:3], 0)
    before = missing // 2
    padding = tf.stack([before, missing - before], axis=1)
    padded = tf.pad(x, tf.concat([[[0, 0]], padding, [[0, 0]]], axis=0))
    height, width = tf.unstack(steps * stride + 3)

    def part(top: int, left: int) -> Tensor:
        """Return the gradient of the 3 x 3 elements of the kernel from (top, left) on."""
        seen = padded[:, top : top + height, left : left + width]
        return tf.nn.depthwise_conv2d_backprop_filter(seen, (3, 3, channels, 1), upstream, strides, "VALID")

    # The four parts share the kernel's third row and column.
    rows = [tf.concat([part(top, 0), part(top, 2)[:, 1:]], axis=1) for top in (0, 2)]
    return tf.concat([rows[0], rows[1][1:]], axis=0)
