"""What happens beside training: progress on the terminal, and once an epoch losses, speed and scores to the run."""

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

from fmask.data.batches import Batches
from fmask.evaluation.average_precision import average_precision
from fmask.inference.batched import predict_photos
from fmask.inference.keras_predictor import KerasPredictor
from fmask.model.mask_rcnn import LOSSES
from fmask.structures.annotations import Photo
from fmask.training.optimizers import averaged
from fmask.utils.errors import Diverged
from fmask.utils.signals import StopRequest


class EpochLog(keras.callbacks.Callback):
    """Logs each epoch, scores the validation photos every few and at the end, and keeps the weights of the best.

    It may serve one `fit` after another, whose epochs go on counting. CPU seconds are those of the whole process since
    it started, but for the time spent on scoring.
    """

    def __init__(
        self, run: Any, predictor: KerasPredictor, photos: Sequence[Photo], batch: int, every: int, best: Path
    ) -> None:
        super().__init__()
        self.run, self.predictor, self.photos = run, predictor, photos
        self.batch, self.every, self.best = batch, every, best
        self.trained: float | None = None
        self.not_training = 0.0
        """CPU seconds of this process that went into scoring, less those of processes before it that trained."""
        self.losses: dict[str, list[float]] = defaultdict(list)
        """By epoch; `val_` before the name of a validation loss."""
        self.cpu_seconds: list[float] = []
        """At each scoring."""
        self.mask_ap50: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.started, self.trained = time.perf_counter(), None

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        self.trained = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs if logs is not None else {}
        for name in logs:
            if name.endswith("loss"):
                self.losses[name].append(float(logs[name]))
        used = self._used()
        logs["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        seconds = (self.trained or time.perf_counter()) - self.started
        logs["images_per_second"] = self.params["steps"] * self.batch / seconds
        logs["cpu_seconds"] = used
        if (epoch + 1) % self.every == 0 or epoch + 1 == self.params["epochs"]:
            logs |= self._score(used)
        self.run.log_epoch(epoch + 1, logs)

    def _score(self, used: float) -> dict[str, float]:
        before = time.process_time()
        with averaged(self.model):
            found = predict_photos(self.predictor, [photo.path for photo in self.photos], self.predictor.batch_size)
            metrics = average_precision(self.photos, found).metrics
            self.not_training += time.process_time() - before
            if metrics["mask_ap50"] >= max(self.mask_ap50, default=0.0):
                self.predictor.save(self.best)
        self.cpu_seconds.append(used)
        self.mask_ap50.append(metrics["mask_ap50"])
        return {f"val_{name}": metrics[name] for name in ("mask_ap50", "box_ap50")}

    def _used(self) -> float:
        return time.process_time() - self.not_training

    def state(self) -> dict[str, Any]:
        """What `restore` needs, as plain values."""
        return {
            "losses": dict(self.losses),
            "cpu_seconds": self.cpu_seconds,
            "mask_ap50": self.mask_ap50,
            "used": self._used(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from the `state` of another process's log."""
        self.losses.update(state["losses"])
        self.cpu_seconds, self.mask_ap50 = state["cpu_seconds"], state["mask_ap50"]
        self.not_training -= state["used"]


class AfterEpoch(keras.callbacks.Callback):
    """Calls something with the number of epochs that are finished, after each."""

    def __init__(self, call: Callable[[int], None]) -> None:
        super().__init__()
        self.call = call

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.call(epoch + 1)


class StopWhenAsked(keras.callbacks.Callback):
    """Ends a training that a signal asks to stop: after the step that it is at or, where that was the last of an epoch,
    after the epoch's scores and its checkpoint."""

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
    """Ends a training whose loss is no number any more, before its weights are kept."""

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if logs is None or math.isfinite(logs["loss"]):  # a mean over the epoch's batches: this one is the first
            return
        names = [name for name in LOSSES if not math.isfinite(logs[name])] or ["loss"]
        photos = ", ".join(dict.fromkeys(self.batches.names(batch)))
        raise Diverged(
            f"Training has diverged: {' and '.join(names)} is no finite number in step {batch + 1} of epoch "
            f"{self.epoch}, on {photos}. The weights from before this epoch are kept; a smaller lr or optim.clip helps."
        )


class Progress(keras.callbacks.Callback):
    """One bar for a part of training, with the time left; on a terminal that cannot draw, a line an epoch.

    A context manager: however training ends, the terminal is left as it was.
    """

    def __init__(self, epochs: int, steps: int, console: Console) -> None:
        super().__init__()
        self.console = console
        self.bar = Bar(
            TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[said]}"),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=console,
            disable=not console.is_terminal,
        )  # fmt: skip
        self.task = self.bar.add_task("training", total=epochs * steps, said="")

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self.bar.disable:
            self.bar.stop()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.bar.advance(self.task)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        said = " ".join(
            f"{name} {logs[name]:.3f}" for name in ("loss", "val_loss", "val_mask_ap50") if logs and name in logs
        )
        self.bar.update(self.task, said=said)
        if self.bar.disable:
            self.console.print(f"epoch {epoch + 1}/{self.params['epochs']} {said}", highlight=False)
