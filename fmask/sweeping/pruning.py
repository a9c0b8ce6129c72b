"""Ends a hopeless training at the end of an epoch."""

import os

import keras

from fmask import tracking


class PruningCallback(keras.callbacks.Callback):
    """Reports each epoch to the search that the training belongs to.

    optuna-integration has such a callback too; it warns at each epoch without the watched metric, which is scored only
    every few, and raises what only Optuna knows.
    """

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        from fmask.sweeping import trial

        trial.current().report(epoch + 1, logs or {})


def callbacks() -> list[keras.callbacks.Callback]:
    """What a training has to call beside its own callbacks, after them; nothing outside a search."""
    return [PruningCallback()] if tracking.TRIAL_VARIABLE in os.environ else []
