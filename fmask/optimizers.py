"""What changes the weights."""

import keras

from fmask.config import Config


def build_optimizer(config: Config) -> keras.optimizers.Optimizer:
    """The optimizer of `config.optim`.

    Gradients are cut by their global norm, all variables together. Keras' `clipnorm` cuts each variable by itself, which
    changes the gradient's direction; matterport's original, on Keras 2, cut the whole, and so does this.
    """
    optim = config.optim
    common = {"global_clipnorm": optim.clip, "use_ema": optim.ema > 0, "ema_momentum": optim.ema or 0.99}
    if optim.name == "sgd":
        return keras.optimizers.SGD(_schedule(config), momentum=0.9, **common)
    optimizer = keras.optimizers.AdamW(_schedule(config), weight_decay=optim.weight_decay, **common)
    # Decay pulls kernels towards zero; pulling scales, shifts and biases there is not meant.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


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
