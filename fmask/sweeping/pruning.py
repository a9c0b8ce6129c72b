"""The Keras callback that ends an unpromising trial early."""

import os

import keras

from fmask import tracking


class PruningCallback(keras.callbacks.Callback):
    """Reports each epoch's metrics to the search that the training belongs to.

    The callback of optuna-integration is not used for two reasons: it warns in each epoch that lacks the watched
    metric, which is scored only every few epochs, and it raises an exception that only Optuna handles.
    """

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        from fmask.sweeping import trial

        trial.current().report(epoch + 1, tracking.epoch_metrics(logs or {}))


def callbacks() -> list[keras.callbacks.Callback]:
    """Return the callbacks that a search adds after a training's own callbacks; none outside a search."""
    return [PruningCallback()] if tracking.TRIAL_VARIABLE in os.environ else []
