"""The Keras callback that reports epochs to the search."""

import pytest

from fmask import tracking
from fmask.sweeping import trial
from fmask.sweeping.pruning import callbacks
from fmask.utils.errors import Pruned


def test_there_are_no_callbacks_outside_a_search() -> None:
    assert callbacks() == []


def test_epochs_are_reported_and_pruning_ends_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    reported = []

    class Current:
        def report(self, step: int, metrics: dict[str, float]) -> None:
            reported.append((step, metrics))
            if step == 2:
                raise Pruned("hopeless")

    monkeypatch.setenv(tracking.TRIAL_VARIABLE, "0")
    monkeypatch.setattr(trial, "current", Current)
    import keras

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    data = keras.ops.ones((4, 1))
    with pytest.raises(Pruned, match="hopeless"):
        model.fit(data, data, epochs=5, verbose=0, callbacks=callbacks())
    assert [step for step, _ in reported] == [1, 2]
    assert "train/loss" in reported[0][1]
