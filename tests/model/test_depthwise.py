"""The depthwise convolution computes the same as Keras' own, and so do its gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from fmask.model.depthwise import DepthwiseConv


def gradients(layer: keras.layers.Layer, x: tf.Tensor, upstream: tf.Tensor) -> list[np.ndarray]:
    """Return the output of a layer and the gradients of sum(output * upstream) for its input and its kernel."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True) if isinstance(layer, DepthwiseConv) else layer(x)
        total = tf.reduce_sum(tf.cast(y, tf.float32) * upstream)
    return [np.asarray(tf.cast(each, tf.float32)) for each in (y, *tape.gradient(total, [x, layer.kernel.value]))]


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize(("side", "height", "width"), [(3, 12, 6), (5, 12, 6), (5, 3, 4)])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_gradients_are_those_of_keras(dtype: str, side: int, height: int, width: int, stride: int) -> None:
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(2, height, width, 5)), tf.float32)
    upstream = tf.constant(rng.normal(size=(2, -(-height // stride), -(-width // stride), 5)), tf.float32)
    same: dict = {"kernel_size": side, "strides": stride, "padding": "same", "use_bias": False}
    reference, layer = keras.layers.DepthwiseConv2D(**same), DepthwiseConv(**same, dtype=dtype)
    for each in (reference, layer):
        each.build(x.shape)
    layer.set_weights(reference.get_weights())
    atol, rtol = (1e-4, 1e-7) if dtype == "float32" else (0.1, 0.02)
    for found, expected in zip(gradients(layer, x, upstream), gradients(reference, x, upstream), strict=True):
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)
