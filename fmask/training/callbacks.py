"""Keras callbacks of a training: progress on the terminal, logging of each epoch, and reasons to stop."""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import keras
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bar,
)

from fmask import tracking
from fmask.config.schema import Config
from fmask.data.batches import Batches
from fmask.evaluation.average_precision import average_precision
from fmask.inference.batched import predict_encoded
from fmask.inference.keras_predictor import KerasPredictor
from fmask.model.mask_rcnn import LOSSES
from fmask.structures.annotations import Photo
from fmask.training.optimizers import averaged_weights
from fmask.utils.errors import Diverged
from fmask.utils.signals import StopRequest

SHORT_NAMES = {"loss": "loss", "val_loss": "val", "val_mask_ap50": "AP50"}
"""The metrics that are shown after an epoch, and their names in the progress bar."""
FORECAST_STEPS = 3
"""Number of steps after which the remaining time is estimated."""
OTHER_COLUMNS = 68
"""Width of the progress bar's other columns: of 80 columns, 12 are left for the bar."""


class EpochLogger(keras.callbacks.Callback):
    """Log each epoch, score the validation photos every few epochs and at the end, and save the best weights.

    One instance may be used for several calls of `fit` whose epochs are numbered consecutively. The logged CPU seconds
    are those of the whole process since it started, without the time spent on scoring; for a resumed training, plus
    those of the earlier processes.

    Args:
        run: the run that epochs are logged to.
        predictor: detects in the validation photos with the network in training.
        photos: the validation photos.
        batch_size: photos in a training batch.
        score_every: epochs between two scorings.
        best_file: file for the best weights.
    """

    def __init__(
        self,
        run: Any,
        predictor: KerasPredictor,
        photos: Sequence[Photo],
        batch_size: int,
        score_every: int,
        best_file: Path,
    ) -> None:
        super().__init__()
        self.run, self.predictor, self.photos = run, predictor, photos
        self.batch_size, self.score_every, self.best_file = batch_size, score_every, best_file
        self.training_ended: float | None = None
        self.cpu_offset = 0.0
        """CPU seconds to subtract: those spent on scoring, minus those that earlier processes spent on training."""
        self.losses: dict[str, list[float]] = defaultdict(list)
        """Loss name to values by epoch; names of validation losses begin with `val_`."""
        self.cpu_seconds: list[float] = []
        """CPU seconds at each scoring."""
        self.mask_ap50: list[float] = []
        """Validation mask AP50 at each scoring."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.started, self.training_ended = time.perf_counter(), None

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        self.training_ended = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs if logs is not None else {}
        for name in logs:
            if name.endswith("loss"):
                self.losses[name].append(float(logs[name]))
        cpu_seconds = self._cpu_seconds()
        logs["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        seconds = (self.training_ended or time.perf_counter()) - self.started
        logs["images_per_second"] = self.params["steps"] * self.batch_size / seconds
        logs["cpu_seconds"] = cpu_seconds
        if (epoch + 1) % self.score_every == 0 or epoch + 1 == self.params["epochs"]:
            logs |= self._score(cpu_seconds)
        self.run.log_epoch(epoch + 1, tracking.epoch_metrics(logs))

    def _score(self, cpu_seconds: float) -> dict[str, float]:
        before = time.process_time()
        with averaged_weights(self.model):
            found = predict_encoded(self.predictor, [photo.path for photo in self.photos], self.predictor.batch_size)
            metrics = average_precision(self.photos, found).metrics
            self.cpu_offset += time.process_time() - before
            if metrics["mask_ap50"] >= max(self.mask_ap50, default=0.0):
                self.predictor.save(self.best_file)
        self.cpu_seconds.append(cpu_seconds)
        self.mask_ap50.append(metrics["mask_ap50"])
        return {f"val_{name}": metrics[name] for name in ("mask_ap50", "box_ap50")}

    def _cpu_seconds(self) -> float:
        return time.process_time() - self.cpu_offset

    def state(self) -> dict[str, Any]:
        """Return the state that `restore` needs, as plain values."""
        return {
            "losses": dict(self.losses),
            "cpu_seconds": self.cpu_seconds,
            "mask_ap50": self.mask_ap50,
            "used": self._cpu_seconds(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from the `state` of another process's logger."""
        self.losses.update(state["losses"])
        self.cpu_seconds, self.mask_ap50 = state["cpu_seconds"], state["mask_ap50"]
        self.cpu_offset -= state["used"]


class EpochEndHook(keras.callbacks.Callback):
    """Call a function after each epoch, with the number of finished epochs."""

    def __init__(self, call: Callable[[int], None]) -> None:
        super().__init__()
        self.call = call

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.call(epoch + 1)


class StopOnSignal(keras.callbacks.Callback):
    """Raise KeyboardInterrupt after a signal has asked the training to stop.

    Training stops after the current step. If that step is the last of an epoch, it stops after the epoch has been
    scored and its checkpoint saved.
    """

    def __init__(self, stop: StopRequest) -> None:
        super().__init__()
        self.stop = stop

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if self.stop.requested and batch + 1 < self.params["steps"]:
            raise KeyboardInterrupt

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self.stop.requested:
            raise KeyboardInterrupt


class StopAtNaN(keras.callbacks.Callback):
    """Raise `Diverged` when a loss becomes NaN or infinite, before the weights are saved."""

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if logs is None or math.isfinite(logs["loss"]):  # a running mean, so this batch is the epoch's first bad one
            return
        names = [name for name in LOSSES if not math.isfinite(logs[name])] or ["loss"]
        photos = ", ".join(dict.fromkeys(self.batches.names(batch)))
        raise Diverged(
            f"Training has diverged: {' and '.join(names)} became NaN or infinite in step {batch + 1} of epoch "
            f"{self.epoch}, on {photos}. The weights from before this epoch are kept; try a smaller lr or optim.clip."
        )


class Progress(keras.callbacks.Callback):
    """A progress bar with the remaining time; without a terminal, one line of text per epoch.

    It is a context manager, which restores the terminal however training ends.
    """

    def __init__(self, epochs: int, steps: int, console: Console) -> None:
        super().__init__()
        self.console = console
        self.bar = Bar(
            BarColumn(bar_width=max(5, min(40, console.width - OTHER_COLUMNS))), MofNCompleteColumn(),
            TextColumn("{task.fields[losses]}"), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
            console=console, disable=not console.is_terminal,
        )  # fmt: skip
        self.task = self.bar.add_task("training", total=epochs * steps, losses="")

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self.bar.disable:
            self.bar.stop()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.bar.advance(self.task)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        shown = {name: f"{logs[name]:.3f}" for name in SHORT_NAMES if logs and name in logs}
        self.bar.update(self.task, losses=" ".join(f"{SHORT_NAMES[name]} {value}" for name, value in shown.items()))
        if self.bar.disable:
            losses = " ".join(f"{name} {value}" for name, value in shown.items())
            self.console.print(f"epoch {epoch + 1}/{self.params['epochs']} {losses}", highlight=False)


class Forecast(keras.callbacks.Callback):
    """Print how long a part of the schedule will take, from the time of the second and third step of its first epoch.

    The first step, which builds the graph, does not count, so that nothing is printed for epochs of one step. Time for
    scoring is not included.

    Args:
        part: the configuration of the part.
        epochs: epochs to train.
        val_steps: batches in a validation.
        console: where the line is printed.
    """

    def __init__(self, part: Config, epochs: int, val_steps: int, console: Console) -> None:
        super().__init__()
        self.part, self.epochs, self.val_steps, self.console = part, epochs, val_steps, console
        self.steps: list[float] = []
        """Seconds of each of the first steps."""
        self.wanted = min(FORECAST_STEPS, part.steps)

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.started = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if len(self.steps) == self.wanted:
            return
        self.steps.append(time.perf_counter() - self.started)
        if len(self.steps) == self.wanted > 1:
            self.console.print(self._text(min(self.steps[1:])), highlight=False)

    def _text(self, step: float) -> str:
        part = self.part
        # A training step costs about three forward passes: the gradients of inputs and of weights cost one each.
        val_step = step / 3.2 * (part.image_size / part.crop_size) ** 2
        seconds = self.epochs * (part.steps * step + self.val_steps * val_step)
        return (
            f"{self.epochs} epochs of {part.steps} steps of {part.batch_size} photos: "
            f"about {max(1, round(seconds / 60))} min on this machine"
        )
