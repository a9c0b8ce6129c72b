"""Training with Keras' `fit`: the parts of the schedule in order, with a checkpoint after each epoch."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

import keras
from rich.console import Console

from fmask import tracking
from fmask.config.schema import Config
from fmask.data.batches import Batches
from fmask.data.dataset import Dataset
from fmask.data.samples import Sample, load_samples
from fmask.evaluation import figures
from fmask.inference.keras_predictor import KerasPredictor
from fmask.model.freezing import freeze_except
from fmask.model.mask_rcnn import MaskRCNN
from fmask.structures.annotations import have_outlines
from fmask.training.callbacks import EpochEndHook, EpochLogger, Forecast, Progress, StopAtNaN, StopOnSignal
from fmask.training.checkpoint import CHECKPOINT_NAME, Checkpoint, restore_checkpoint, save_checkpoint
from fmask.training.first_samples import training_side, training_views
from fmask.training.optimizers import build_optimizer
from fmask.training.phases import phases
from fmask.utils.backend import JIT
from fmask.utils.errors import UserError
from fmask.utils.signals import stop_on_signal


def fit(
    network: MaskRCNN,
    predictor: KerasPredictor,
    config: Config,
    dataset: Dataset,
    run: tracking.Run,
    output_dir: Path,
    console: Console,
    checkpoint: Checkpoint | None = None,
    after_part: Callable[[str], None] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    load: Callable[[], dict[str, list[Sample]]] | None = None,
) -> dict[str, list[float]]:
    """Train the network, from the start or from a checkpoint.

    The first Ctrl-C or SIGTERM stops training after the current step; the unfinished epoch is lost. If the step is the
    last of its epoch, training stops after the epoch's checkpoint. A second signal stops it at once.

    Args:
        network: the network to train.
        predictor: detects with the network in the validation photos, every few epochs. The weights with the best
            scores are saved as `best.h5`.
        config: the run's configuration.
        dataset: the photos; the splits train and val are used.
        run: the run that epochs and figures are logged to.
        output_dir: folder of the checkpoint and the best weights.
        console: where progress is printed.
        checkpoint: the checkpoint in `output_dir` to resume from; None starts from the network's weights.
        after_part: called with the name of each finished part of the schedule, except the last.
        callbacks: Keras callbacks, called after those that training itself needs.
        load: returns `decode_photos(config, dataset)`, if that was started before; None decodes the photos here.

    Returns:
        Each loss by epoch, over all parts; names of validation losses begin with `val_`.

    Raises:
        UserError: training diverges, a checkpoint cannot be written, or memory runs out.
        KeyboardInterrupt: a signal asked the training to stop.
    """
    samples = load() if load else decode_photos(config, dataset)
    photos = dataset.splits["val"].photos
    logger = EpochLogger(run, predictor, photos, config.batch_size, config.score_every, output_dir / "best.h5")
    if checkpoint:
        logger.restore(checkpoint.log)
    file = output_dir / CHECKPOINT_NAME

    def save(part: str, epochs: int) -> None:
        save_checkpoint(file, network, Checkpoint(run.id, asdict(config), part, epochs, logger.state()))

    remaining = phases(config, checkpoint)
    for phase in remaining:
        part, epochs = phase.part, phase.last_epoch - phase.first_epoch
        if config.schedule.parts:
            message = f"part {phase.name}: aug={part.aug.name} layers={part.layers} lr={part.lr:g}"
            console.print(message, highlight=False)
        train_batches, val_batches = _batches(part, samples, phase.first_sample)
        freeze_except(network, part.layers)
        network.compile(optimizer=build_optimizer(part), jit_compile=JIT)
        if checkpoint and phase.name == checkpoint.part:
            network.optimizer.build(network.trainable_variables)
            restore_checkpoint(file, network)
        progress = Progress(epochs, part.steps, console)
        with stop_on_signal() as stop, _clear_errors(part, train_batches, val_batches), progress:
            network.fit(
                train_batches,
                initial_epoch=phase.first_epoch,
                epochs=phase.last_epoch,
                validation_data=val_batches if part.val_steps else None,
                callbacks=[
                    StopAtNaN(train_batches),
                    logger,
                    EpochEndHook(partial(save, phase.name)),
                    progress,
                    Forecast(part, epochs, len(val_batches) if part.val_steps else 0, console),
                    *callbacks,
                    StopOnSignal(stop),
                ],
                shuffle=False,  # the batches already have a random order, which depends on the seed alone
                verbose=0,
            )
        if after_part and phase is not remaining[-1]:
            after_part(phase.name)
    run.log_figure(figures.ap_curve(logger.cpu_seconds, logger.mask_ap50), "figures/val_mask_ap50.png")
    return logger.losses


def decode_photos(config: Config, dataset: Dataset) -> dict[str, list[Sample]]:
    """Decode the training and validation photos, no larger than training needs them.

    Raises:
        UserError: a photo cannot be decoded.
    """
    sides = {"train": training_side(config), "val": config.image_size}
    settings = (config.antialias, not have_outlines(dataset.splits["train"].photos))
    return {name: load_samples(dataset.splits[name].photos, side, *settings) for name, side in sides.items()}


@contextmanager
def _clear_errors(part: Config, *sources: Batches) -> Iterator[None]:
    """Raise the error that a batch failed with instead of the backend's wrapper, and UserError if memory runs out."""
    try:
        yield
    except Exception as error:
        cause = next((source.failure for source in sources if source.failure), error)
        if isinstance(cause, MemoryError) or "ResourceExhausted" in type(cause).__name__:
            raise UserError(
                f"Out of memory with batch_size={part.batch_size}, crop_size={part.crop_size} and "
                f"image_size={part.image_size}; make one of them smaller."
            ) from error
        if cause is error:
            raise
        raise cause from error


def _batches(part: Config, samples: dict[str, list[Sample]], start: int) -> tuple[Batches, Batches]:
    """Return the training batches, from sample `start` of the run on, and the validation batches."""
    max_objects = max(len(sample.polygons) for split in samples.values() for sample in split)
    slots = 2 * max_objects if part.jitter.paste else max_objects
    make = partial(Batches, batch_size=part.batch_size, slots=slots)
    train = make(samples["train"], **training_views(part), steps=part.steps, start=start)
    one_pass = -(-len(samples["val"]) // part.batch_size)
    val = make(
        samples["val"],
        crop_size=part.image_size,
        image_size=part.image_size,
        seed=part.random_seed(),
        steps=min(max(part.val_steps, 1), one_pass),
        shuffle=False,
    )
    return train, val
