"""Optimizers and learning rate schedules."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras

from fmask.config.schema import Config
from fmask.model.backbones import backbone_of


def build_optimizer(config: Config) -> keras.optimizers.Optimizer:
    """Build the optimizer that `config.optim` describes, for one part of a schedule.

    Gradients are clipped by the global norm over all variables, as in matterport's original on Keras 2. Keras 3's
    `clipnorm` clips each variable separately, which changes the direction of the gradient.
    """
    optim = config.optim
    common = {
        "global_clipnorm": optim.clip,
        "use_ema": optim.ema > 0,
        "ema_momentum": optim.ema or 0.99,
    }
    if optim.name == "sgd":
        decay = optim.weight_decay or None
        optimizer = FusedSGD(_schedule(config), momentum=0.9, weight_decay=decay, **common)
    else:
        optimizer = FusedAdamW(_schedule(config), weight_decay=optim.weight_decay, **common)
    if optim.backbone_lr != 1:
        optimizer.slow_down(backbone_of(config.backbone.name).stage_of, optim.backbone_lr)
    # Weight decay is meant for kernels only, not for scales, shifts and biases.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


@contextmanager
def averaged_weights(network: keras.Model) -> Iterator[None]:
    """Replace a network's weights by their moving averages within a `with` block, if its optimizer keeps them."""
    if not network.optimizer.use_ema:
        yield
        return
    trained = [keras.ops.copy(variable) for variable in network.trainable_variables]
    network.optimizer.finalize_variable_values(network.trainable_variables)
    try:
        yield
    finally:
        for variable, value in zip(network.trainable_variables, trained, strict=True):
            variable.assign(value)


def _schedule(config: Config) -> float | keras.optimizers.schedules.LearningRateSchedule:
    warmup = min(config.optim.warmup, config.steps * config.epochs // 5)
    if config.optim.decay == "constant" and not warmup:
        return config.lr
    falling = config.optim.decay == "cosine"
    return keras.optimizers.schedules.CosineDecay(
        config.lr / 100 if warmup else config.lr,
        decay_steps=max(1, config.steps * config.epochs - warmup),
        alpha=0.01 if falling else 1.0,
        warmup_target=config.lr if warmup else None,
        warmup_steps=warmup,
    )


# On TensorFlow, these optimizers update the weights in fewer passes over memory than Keras' own. With tens of millions
# of weights and images of a hundred pixels, the passes take a tenth of a training step. Other backends use Keras'
# formulas; their compilers fuse operations.


class _LayerwiseRate(keras.optimizers.Optimizer):
    """An optimizer whose learning rate is lower in the backbone."""

    _factor = 1.0

    def slow_down(self, stage_of: Callable[[str], int | None], factor: float) -> None:
        """Multiply the learning rate by `factor` in the layers that have a stage; see `Backbone.stage_of`."""
        self._stage_of, self._factor = stage_of, factor

    def rate_of(self, variable: Any, learning_rate: Any) -> Any:
        """Return the learning rate of a weight."""
        if self._factor == 1:
            return learning_rate
        path = self._trainable_variables[self._get_variable_index(variable)].path  # `variable` may be TensorFlow's
        return learning_rate * self._factor if any(map(self._stage_of, path.split("/"))) else learning_rate

    def _apply_weight_decay(self, variables: list[Any]) -> None:
        if self.weight_decay is None:
            return
        learning_rate = self.learning_rate  # read once: a schedule adds a conditional to the graph each time
        for variable in filter(self._use_weight_decay, variables):
            rate = self.rate_of(variable, keras.ops.cast(learning_rate, variable.dtype))
            variable.assign(variable - variable * keras.ops.cast(self.weight_decay, variable.dtype) * rate)


class FusedSGD(_LayerwiseRate, keras.optimizers.SGD):
    """Gradient descent with momentum that updates momentum and weights in one pass.

    Gradients are clipped by scaling the learning rate, which is equivalent: they enter the momentum only as products
    with the learning rate.
    """

    def _clip_gradients(self, grads: list[Any]) -> list[Any]:
        clipped_in_update = keras.backend.backend() == "tensorflow" and self.global_clipnorm
        return grads if clipped_in_update else super()._clip_gradients(grads)

    def _backend_update_step(self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any) -> None:
        if keras.backend.backend() == "tensorflow" and self.global_clipnorm:
            import tensorflow as tf

            norm = tf.linalg.global_norm(grads)
            learning_rate = learning_rate * self.global_clipnorm / tf.maximum(norm, self.global_clipnorm)
        super()._backend_update_step(grads, trainable_variables, learning_rate)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        learning_rate = self.rate_of(variable, learning_rate)
        if keras.backend.backend() != "tensorflow":
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=self.momentums[self._get_variable_index(variable)].value.handle,
            lr=tf.cast(learning_rate, gradient.dtype),
            grad=gradient,
            momentum=self.momentum,
        )


class FusedAdamW(_LayerwiseRate, keras.optimizers.AdamW):
    """AdamW (Loshchilov & Hutter 2019) that updates moments and weights in one pass."""

    def _clip_gradients(self, grads: list[Any]) -> list[Any]:
        if keras.backend.backend() != "tensorflow" or not self.global_clipnorm:
            return super()._clip_gradients(grads)
        import tensorflow as tf

        return tf.clip_by_global_norm(grads, self.global_clipnorm)[0]

    def _backend_update_step(self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any) -> None:
        if keras.backend.backend() == "tensorflow":  # once, not for each weight: the graph is built sooner
            import tensorflow as tf

            step = tf.cast(self.iterations + 1, tf.float32)
            self._powers = tf.pow(self.beta_1, step), tf.pow(self.beta_2, step)
        super()._backend_update_step(grads, trainable_variables, learning_rate)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        learning_rate = self.rate_of(variable, learning_rate)
        if keras.backend.backend() != "tensorflow":
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        index = self._get_variable_index(variable)
        beta1_power, beta2_power = (tf.cast(power, gradient.dtype) for power in self._powers)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=beta1_power,
            beta2_power=beta2_power,
            lr=tf.cast(learning_rate, gradient.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )
