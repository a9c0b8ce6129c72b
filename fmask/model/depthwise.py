"""Depthwise convolutions."""

from typing import Any

import keras

from fmask.model.types import Tensor


class DepthwiseConv(keras.layers.DepthwiseConv2D):
    """Keras' depthwise convolution with fast gradients in bf16.

    On processors, TensorFlow's gradients of a depthwise convolution in bf16 take up to 30 times those in float32. So
    the gradients are computed in float32; the convolution itself is as fast in bf16.
    """

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        slow = keras.backend.backend() == "tensorflow" and self.compute_dtype == "bfloat16"
        if not training or not slow:
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
            of_w = tf.nn.depthwise_conv2d_backprop_filter(x32, w32.shape, upstream32, strides, "SAME")
            return tf.cast(of_x, x.dtype), tf.cast(of_w, w.dtype)

        return tf.nn.depthwise_conv2d(x, w, strides, "SAME"), gradient

    return convolution(inputs, kernel)
