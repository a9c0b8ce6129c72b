"""The progress bar restores the terminal."""

import io

import keras
import numpy as np
import pytest
from rich.console import Console

from fmask.training.callbacks import Progress

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
