"""Normalisation after convolutions."""

import math
from dataclasses import dataclass

import keras
from keras import KerasTensor, layers

from fmask.model.types import Tensor

EPSILON = 1e-3
MOMENTUM = 0.95
"""Of the running statistics. They follow faster than Keras' default, since a run here is some thousand steps."""
GROUPS = 32
"""Of channels, in group normalisation; fewer where their number is no multiple of it."""


@dataclass(frozen=True)
class Norm:
    """Which normalisation follows a convolution.

    kind "frozen" keeps the moving statistics as loaded and trains scale and shift alone; "batch" is ordinary batch
    normalisation; "group" (Wu 2018) normalises groups of channels of each image by itself, whatever the batch.
    """

    kind: str

    def __call__(self, x: KerasTensor, name: str) -> KerasTensor:
        if self.kind == "frozen":
            return FrozenNorm(name=name, epsilon=EPSILON)(x)
        if self.kind == "group":
            return layers.GroupNormalization(math.gcd(GROUPS, x.shape[-1]), name=name, epsilon=EPSILON)(x)
        return BatchNorm(name=name, epsilon=EPSILON, momentum=MOMENTUM)(x)

    @property
    def initializer(self) -> str:
        """Glorot as in the reference where weights are loaded; He where training starts from random weights."""
        return "glorot_uniform" if self.kind == "frozen" else "he_normal"


class _Fused(layers.BatchNormalization):
    """Batch normalisation of (B, H, W, C) by TensorFlow's fused kernel, in half the time of Keras' several steps."""

    def by_statistics(self, inputs: Tensor) -> Tensor:
        """Normalises by the moving statistics, in one pass, which also does the ReLU that follows."""
        if keras.backend.backend() != "tensorflow" or len(inputs.shape) != 4:
            return super().call(inputs, training=False)
        import tensorflow as tf

        outputs, _, _ = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, self.moving_mean, self.moving_variance,
            epsilon=self.epsilon, is_training=False,
        )  # fmt: skip
        return outputs


class FrozenNorm(_Fused):
    """Batch normalisation by its moving statistics alone, whether it is called in training or not.

    Telling Keras' own layer `training=False` when a model is put together is not enough: what the model is called with
    wins over it.
    """

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        return self.by_statistics(inputs)


class BatchNorm(_Fused):
    """Batch normalisation by what is in the batch, in training."""

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or not self.trainable:
            return self.by_statistics(inputs)
        if keras.backend.backend() != "tensorflow":
            return super().call(inputs, training=True)
        import tensorflow as tf

        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
        )
        # The kernel gives the unbiased variance; Keras keeps the biased one, and so do we on every backend.
        count = tf.cast(tf.size(inputs) / tf.size(mean), variance.dtype)
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance * (count - 1) / count)):
            moving.assign(moving * self.momentum + tf.stop_gradient(batch) * (1 - self.momentum))
        return outputs
