"""Normalisation layers after convolutions."""

import math
from dataclasses import dataclass

import keras
from keras import KerasTensor, layers

from fmask.model.types import Tensor

EPSILON = 1e-3
MOMENTUM = 0.95
"""Momentum of the moving statistics, lower than Keras' default, because a run has only some thousand steps."""
GROUPS = 32
"""Number of channel groups in group normalisation; fewer where it does not divide the number of channels."""


@dataclass(frozen=True)
class Norm:
    """A kind of normalisation; call it to add a layer."""

    kind: str
    """`frozen` keeps the loaded moving statistics and trains only scale and shift. `batch` is ordinary batch
    normalisation. `group` (Wu 2018) normalises groups of channels of each image separately, whatever the batch."""

    def __call__(self, x: KerasTensor, name: str) -> KerasTensor:
        if self.kind == "frozen":
            return FrozenNorm(name=name, epsilon=EPSILON)(x)
        if self.kind == "group":
            return layers.GroupNormalization(math.gcd(GROUPS, x.shape[-1]), name=name, epsilon=EPSILON)(x)
        return BatchNorm(name=name, epsilon=EPSILON, momentum=MOMENTUM)(x)

    @property
    def initializer(self) -> str:
        """The kernel initializer: Glorot (reference) for `frozen`, which starts from loaded weights; else He."""
        return "glorot_uniform" if self.kind == "frozen" else "he_normal"


class _Fused(layers.BatchNormalization):
    """Batch normalisation of (B, H, W, C) with TensorFlow's fused kernel, in half the time of Keras' separate steps."""

    def normalise_with_moving_statistics(self, inputs: Tensor) -> Tensor:
        """Normalise with the moving statistics, in one pass that also includes the ReLU that follows."""
        if keras.backend.backend() != "tensorflow" or len(inputs.shape) != 4:
            return super().call(inputs, training=False)
        import tensorflow as tf

        outputs, _, _ = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, self.moving_mean, self.moving_variance,
            epsilon=self.epsilon, is_training=False,
        )  # fmt: skip
        return outputs


class FrozenNorm(_Fused):
    """Batch normalisation that uses its moving statistics in training too.

    Calling Keras' own layer with `training=False` when a model is built is not enough: the `training` argument of the
    model's call overrides it.
    """

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        return self.normalise_with_moving_statistics(inputs)


class BatchNorm(_Fused):
    """Batch normalisation that uses the statistics of the batch in training."""

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or not self.trainable:
            return self.normalise_with_moving_statistics(inputs)
        if keras.backend.backend() != "tensorflow":
            return super().call(inputs, training=True)
        import tensorflow as tf

        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
        )
        # The kernel returns the unbiased variance. Keras stores the biased one, and so does this layer on all backends.
        count = tf.cast(tf.size(inputs) / tf.size(mean), variance.dtype)
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance * (count - 1) / count)):
            moving.assign(moving * self.momentum + tf.stop_gradient(batch) * (1 - self.momentum))
        return outputs
