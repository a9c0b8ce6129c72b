"""The progress bar restores the terminal, and the best weights are those of the best validation score."""

import io
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from rich.console import Console

from fmask.config.schema import Config
from fmask.evaluation.average_precision import AveragePrecision
from fmask.training import callbacks
from fmask.training.callbacks import EpochLogger, Forecast, Progress

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


class Interrupt(keras.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize("interrupt", [[], [Interrupt()]], ids=["at its end", "by Ctrl-C"])
def test_the_cursor_is_restored_however_training_ends(interrupt: list[keras.callbacks.Callback]) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    network.compile(loss="mse")
    try:
        with Progress(1, 2, console) as progress:
            network.fit(np.ones((4, 2)), np.ones((4, 1)), batch_size=2, verbose=0, callbacks=[progress, *interrupt])
    except KeyboardInterrupt:
        assert interrupt
    drawn = console.file.getvalue()  # type: ignore[attr-defined]
    assert drawn.count(HIDE) == drawn.count(SHOW) == 1
    assert drawn.endswith("\n" + SHOW)


@pytest.mark.parametrize("columns", [80, 120])
def test_the_bar_fits_into_the_terminal(columns: int) -> None:
    """The times and the scores of a long training are whole."""
    console = Console(file=io.StringIO(), force_terminal=True, width=columns)
    with Progress(36, 1000, console) as progress:
        progress.bar.advance(progress.task, 35_999)
        progress.on_epoch_end(35, {"loss": 12.3456, "val_loss": 154.2284, "val_mask_ap50": 0.8125})
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue()).splitlines()  # type: ignore[attr-defined]
    assert "35999/36000 loss 12.346 val 154.228 AP50 0.812 0:00:0" in lines[-1]
    assert re.search(r"left [-\d]:[-\d]{2}:[-\d]{2} *$", lines[-1])
    assert all(len(line.split("\r")[-1]) <= columns for line in lines)


def test_the_forecast_leaves_out_the_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first step, which builds the graph, takes 100 s here, the others 4 and 2 s."""
    console = Console(file=io.StringIO(), width=100)
    clock = iter([0, 100, 100, 104, 104, 106, 106, 999])
    monkeypatch.setattr(callbacks.time, "perf_counter", lambda: next(clock))
    part = Config(steps=30, batch_size=8, crop_size=64, image_size=128)
    forecast = Forecast(part, epochs=2, val_steps=4, console=console)
    for step in range(4):
        forecast.on_train_batch_begin(step)
        if step < 3:
            assert not console.file.getvalue()  # type: ignore[attr-defined]
            forecast.on_train_batch_end(step)
    # 2 epochs of 30 steps of 2 s, and of 4 validation steps of 2 / 3.2 * 4 s each: 140 s
    assert console.file.getvalue() == "2 epochs of 30 steps of 8 photos: about 2 min on this machine\n"  # type: ignore[attr-defined]


def test_the_forecast_comes_before_the_first_epoch_ends() -> None:
    """Also if an epoch has fewer steps than the forecast uses; for one step, there is none."""
    for steps, lines in ((2, 1), (1, 0)):
        console = Console(file=io.StringIO(), width=100)
        part = Config(steps=steps, batch_size=8, crop_size=64, image_size=128)
        forecast = Forecast(part, epochs=5, val_steps=4, console=console)
        for _ in range(steps):
            forecast.on_train_batch_begin(0)
            forecast.on_train_batch_end(0)
        assert console.file.getvalue().count("min on this machine") == lines  # type: ignore[attr-defined]
        for _ in range(3):
            forecast.on_train_batch_begin(0)
            forecast.on_train_batch_end(0)
        assert console.file.getvalue().count("min on this machine") == lines  # type: ignore[attr-defined]


class Saved:
    """A predictor that notes the weights it was asked to save, and when it was asked to predict."""

    batch_size = 1

    def __init__(self, network: keras.Model) -> None:
        self.network = network
        self.saved: list[float] = []

    @property
    def weight(self) -> float:
        return float(np.asarray(self.network.layers[0].kernel)[0, 0])

    def save(self, path: Path) -> None:
        self.saved.append(self.weight)


def scored_training(
    scores: list[float], monkeypatch: pytest.MonkeyPatch, **optimizer: Any
) -> tuple[Saved, list[float], list[float]]:
    """Train one weight for one epoch per score.

    Returns:
        The predictor, the weight after each epoch, and the weight at each scoring.
    """
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    network.compile(keras.optimizers.SGD(0.1, **optimizer), loss="mse")
    predictor, coming, when_scored, after_epoch = Saved(network), iter(scores), [], []

    def score(*_: Any) -> AveragePrecision:
        when_scored.append(predictor.weight)
        metrics = {"mask_ap50": next(coming), "box_ap50": 0.0}
        return AveragePrecision(metrics, np.zeros(101), {}, (), {})

    monkeypatch.setattr(callbacks, "predict_encoded", lambda *_: [])
    monkeypatch.setattr(callbacks, "average_precision", score)
    run = SimpleNamespace(log_epoch=lambda epoch, logs: after_epoch.append(predictor.weight))
    logger = EpochLogger(run, predictor, [], 1, 1, Path("best.h5"))  # type: ignore[arg-type]
    network.fit(np.ones((4, 1)), np.ones((4, 1)), batch_size=1, epochs=len(scores), verbose=0, callbacks=[logger])
    return predictor, after_epoch, when_scored


def test_the_best_weights_are_saved_at_the_best_score_and_the_later_of_two_equal_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    predictor, after_epoch, when_scored = scored_training([0.5, 0.3, 0.5, 0.7, 0.6], monkeypatch)
    assert len(set(after_epoch)) == 5
    assert when_scored == after_epoch
    assert predictor.saved == [after_epoch[0], after_epoch[2], after_epoch[3]]


def test_averaged_weights_are_scored_and_saved_and_training_continues_with_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    predictor, after_epoch, when_scored = scored_training([0.1, 0.2], monkeypatch, use_ema=True, ema_momentum=0.9)
    plain, expected, _ = scored_training([0.1, 0.2], monkeypatch)
    assert after_epoch == expected  # the average changes nothing in training
    assert predictor.saved == when_scored
    weights = [1 - 0.8**step for step in range(1, 9)]  # gradient descent on (w - 1)^2 with a rate of 0.1
    averages = [weights[0]]  # the average starts at the weight of the first step
    for weight in weights[1:]:
        averages.append(0.9 * averages[-1] + 0.1 * weight)
    np.testing.assert_allclose(when_scored, [averages[3], averages[7]], rtol=1e-5)
    assert plain.saved == expected
